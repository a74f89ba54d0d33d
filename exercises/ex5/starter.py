# Ex 5
epochs = 100
loss_curve = []
acc_curve = []

# TODO: the training loop; print and keep loss and accuracy every 10 epochs

# TODO: plot the two curves
