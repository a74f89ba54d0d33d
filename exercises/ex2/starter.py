# Ex 2
from sklearn.model_selection import train_test_split

# TODO: turn X and y into float32 tensors

# TODO: split them into X_train, X_test, y_train, y_test
