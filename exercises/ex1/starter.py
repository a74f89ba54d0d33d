# Ex 1
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import make_circles
from torch import nn

X, y = make_circles(n_samples=2000, noise=0.05, random_state=42)

# TODO: print the shapes of X and y

# TODO: what is the second dimension of X?

# TODO: print some values of X and y
