# %% [markdown]
# ## Ex 1 · Look at the data
#
# Two rings of points, one inside the other. `X` holds positions, `y` says which ring.

# %%
import matplotlib.pyplot as plt
import torch
from sklearn.datasets import make_circles
from torch import nn

X, y = make_circles(n_samples=2000, noise=0.05, random_state=42)

print(f"X has the shape {X.shape}, y has the shape {y.shape}")
print(f"The second dimension of X is {X.shape[1]}: each point has {X.shape[1]} features, its two coordinates")

print("The first five points and their labels:")
for point, label in zip(X[:5], y[:5]):
    print(f"  {point[0]:8.4f} {point[1]:8.4f} -> {label}")

# %% [markdown]
# A picture shows at once what the numbers hide: no straight line can tell the two rings apart.

# %%
plt.scatter(X[:, 0], X[:, 1], c=y, s=5, cmap="RdYlBu")
plt.gca().set_aspect("equal")
plt.title("The circles")
plt.show()
