# Ex 3
# TODO: the training loop of V0
