# Ex 8
from utils import plot_decision_boundary

# TODO: the decision boundary over the training data

# TODO: the decision boundary over the test data
