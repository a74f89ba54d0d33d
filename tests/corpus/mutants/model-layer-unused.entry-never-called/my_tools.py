"""Things I use in more than one lab."""
import matplotlib.pyplot as plt
import torch
from torch import nn


class FixedBumps(nn.Module):
    """Gaussian bumps on a grid; centres are parameters, but frozen."""

    def __init__(self, side, low, high, width):
        super().__init__()
        line = torch.linspace(low, high, side)
        self.centres = nn.Parameter(torch.cartesian_prod(line, line), requires_grad=False)
        self.width = width

    def forward(self, x):
        squared = ((x[:, None, :] - self.centres[None]) ** 2).sum(-1)
        return torch.exp(-squared / (2 * self.width ** 2))


def curves(track, title):
    epochs, losses, rates = zip(*track)
    fig, axes = plt.subplots(1, 2, figsize=(9, 3))
    axes[0].plot(epochs, losses)
    axes[0].set_title(title + ", loss")
    axes[1].plot(epochs, rates)
    axes[1].set_title(title + ", accuracy")
    plt.show()


def two_maps(model, *parts):
    line = torch.linspace(-1.4, 1.4, 100)
    gx, gy = torch.meshgrid(line, line, indexing="xy")
    grid = torch.stack([gx.reshape(-1), gy.reshape(-1)], dim=1)
    model.eval()
    with torch.no_grad():
        inner = (model(grid) > 0).reshape(100, 100)
    fig, axes = plt.subplots(1, len(parts), figsize=(11, 5))
    for ax, (x, t, title) in zip(axes, parts):
        ax.scatter(gx, gy, c=inner, s=4, cmap="Pastel2")
        ax.scatter(x[:, 0], x[:, 1], c=t, s=8, cmap="Dark2")
        ax.set_title(title)
    plt.show()
