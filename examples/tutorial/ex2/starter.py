# Ex 2
# TODO: the model, its loss and its optimizer
