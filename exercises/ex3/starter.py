# Ex 3
device = "cuda" if torch.cuda.is_available() else "cpu"

# TODO: define a model with two linear layers, 2 features in and 1 logit out

# TODO: make one, and move it to the device
