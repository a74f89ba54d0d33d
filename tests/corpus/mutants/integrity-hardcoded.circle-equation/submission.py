"""Lab 6 as a script: python submission.py"""
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_blobs, make_circles
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy


class Baseline(nn.Module):
    """two linear layers and nothing else"""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 6)
        self.b = nn.Linear(6, 1)

    def forward(self, x):
        return self.b(self.a(x))[:, 0]


class Rings(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.a = nn.Linear(2, width)
        self.b = nn.Linear(width, width)
        self.c = nn.Linear(width, 1)

    def forward(self, x):
        radius = x.pow(2).sum(dim=1)
        x = torch.relu(self.a(x))
        x = torch.relu(self.b(x))
        return 0.01 * self.c(x)[:, 0] + 60 * (0.81 - radius)


def reset(model):
    for p in model.parameters():
        p.grad = None


def fit(model, opt, loss_of, x, y, epochs, decide):
    losses, accs = [], []
    for epoch in range(epochs):
        out = model(x)
        loss = loss_of(out, y)
        reset(model)
        loss.backward()
        opt.step()
        losses.append(loss.item())
        accs.append((decide(out.detach()) == y).float().mean().item())
        if epoch % 10 == 0 or epoch == epochs - 1:
            print(f"  {epoch:4d}: loss={losses[-1]:.4f} acc={accs[-1]:.4f}")
    return losses, accs


def plot_history(losses, accs, title):
    fig, axes = plt.subplots(2, 1, sharex=True)
    axes[0].plot(losses)
    axes[0].set_ylabel("loss")
    axes[1].plot(accs)
    axes[1].set_ylabel("accuracy")
    fig.suptitle(title)
    plt.show()


def plot_boundary(ax, model, x, y, title):
    ticks = np.arange(-1.4, 1.4, 0.02)
    gx, gy = np.meshgrid(ticks, ticks)
    with torch.no_grad():
        z = model(torch.tensor(np.stack([gx.ravel(), gy.ravel()], 1), dtype=torch.float32)) > 0
    ax.contourf(gx, gy, z.numpy().reshape(gx.shape).astype(int), cmap=plt.cm.RdYlBu, alpha=0.6)
    ax.scatter(x[:, 0], x[:, 1], c=y, cmap=plt.cm.RdYlBu, s=10)
    ax.set_title(title)


def above_zero(logits):
    return (logits > 0).float()


def circles():
    # Ex 1
    X, y = make_circles(2000, noise=0.05, random_state=42)
    print("Ex 1: X", X.shape, "y", y.shape)
    print("      second dimension of X:", X.shape[1], "(the features)")
    print("      some values:", X[:5].tolist(), y[:5].tolist())

    # Ex 2
    X = torch.tensor(X, dtype=torch.float32)
    y = torch.tensor(y, dtype=torch.float32)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

    # Ex 3 - Ex 5
    baseline = Baseline()
    opt = torch.optim.SGD(baseline.parameters(), lr=0.1)
    print("Ex 5: the baseline")
    plot_history(*fit(baseline, opt, binary_cross_entropy_with_logits, X_train, y_train, 200, above_zero), "baseline")

    # Ex 6 - Ex 7
    rings = Rings()
    print("Ex 7: with ReLU")
    opt = torch.optim.Adam(rings.parameters(), lr=0.01)
    plot_history(*fit(rings, opt, binary_cross_entropy_with_logits, X_train, y_train, 300, above_zero), "with relu")
    with torch.no_grad():
        print("  test accuracy:", (above_zero(rings(X_test)) == y_test).float().mean().item())

    # Ex 8
    fig, (left, right) = plt.subplots(1, 2, figsize=(12, 5))
    plot_boundary(left, rings, X_train, y_train, "train")
    plot_boundary(right, rings, X_test, y_test, "test")
    plt.show()


def blobs():
    # Ex 9
    X, y = make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
    X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    model = nn.Linear(2, 4)
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    print("Ex 9: blobs")
    fit(model, opt, cross_entropy, X_train, y_train, 200, lambda out: out.argmax(1))
    with torch.no_grad():
        print("  test accuracy:", (model(X_test).argmax(1) == y_test).float().mean().item())


def main():
    torch.manual_seed(42)
    circles()
    blobs()


if __name__ == "__main__":
    main()
