# Ex 4
# TODO: the model, its optimizer and its training loop
