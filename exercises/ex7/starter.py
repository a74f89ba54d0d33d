# Ex 7
# TODO: a new optimizer for the new model

# TODO: its training loop, with loss and accuracy printed and kept

# TODO: plot the curves
