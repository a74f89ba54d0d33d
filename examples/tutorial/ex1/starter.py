# Ex 1
import torch
from sklearn.datasets import make_circles
from sklearn.model_selection import train_test_split
from torch import nn

X, y = make_circles(1000, noise=0.03, random_state=42)

# TODO: tensors, then X_train, X_test, y_train, y_test
