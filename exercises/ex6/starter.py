# Ex 6
# TODO: define a model with hidden layers and non-linear activations, 2 features in and 1 logit out

# TODO: make one, and move it to the device
