# %% [markdown]
# # Neural classifiers in PyTorch
#
# Conventions: `Split` bundles the four tensors, every network knows how to do its own training step.

# %%
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import make_blobs, make_circles
from sklearn.model_selection import train_test_split
from torch import Tensor, nn, optim

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(99)


# %% [markdown]
# ## Ex. 1 – a look at the data

# %%
raw_X, raw_y = make_circles(2000, noise=0.05, random_state=42)
print(f"inputs  {raw_X.shape}")
print(f"targets {raw_y.shape}")
print(f"number of input features: {raw_X.shape[-1]}")
for (u, v), t in zip(raw_X[:4], raw_y[:4]):
    print(f"({u:+.4f}, {v:+.4f}) belongs to class {t}")


# %% [markdown]
# ## Ex. 2 – tensors, train part, test part

# %%
@dataclass
class Split:
    X_train: Tensor
    X_test: Tensor
    y_train: Tensor
    y_test: Tensor

    @classmethod
    def of(cls, X: np.ndarray, y: np.ndarray, label_type: torch.dtype) -> Split:
        a, b, c, d = train_test_split(X, y, test_size=0.2, random_state=42)
        return cls(
            torch.from_numpy(a).float().to(DEVICE),
            torch.from_numpy(b).float().to(DEVICE),
            torch.from_numpy(c).to(DEVICE, label_type),
            torch.from_numpy(d).to(DEVICE, label_type),
        )


circles = Split.of(raw_X, raw_y, torch.float32)
print(circles.X_train.shape, circles.X_test.shape, circles.y_train.dtype)


# %% [markdown]
# ## Ex. 3 – affine baseline

# %%
class AffineBaseline(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.up = nn.Linear(2, width)
        self.down = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.up(x)).view(-1)


baseline = AffineBaseline().to(DEVICE)


# %% [markdown]
# ## Ex. 4 – criterion and optimiser

# %%
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.SGD(baseline.parameters(), lr=0.1)


# %% [markdown]
# ## Ex. 5 – training

# %%
def binary_accuracy(logits: Tensor, target: Tensor) -> float:
    probability = logits.sigmoid()
    return ((probability >= 0.5) == target.bool()).double().mean().item()


def train(
    net: nn.Module,
    opt: optim.Optimizer,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    accuracy_of: Callable[[Tensor, Tensor], float],
    data: Split,
    epochs: int,
    scheduler=None,
) -> Tensor:
    """Returns an (epochs, 4) tensor: train loss, train accuracy, test loss, test accuracy."""
    curves = torch.full((epochs, 4), float("nan"))
    for epoch in range(epochs):
        net.train()
        for p in net.parameters():
            p.grad = None
        logits = net(data.X_train)
        loss = loss_of(logits, data.y_train)
        loss.backward()
        opt.step()
        if scheduler is not None:
            scheduler.step()

        net.eval()
        with torch.inference_mode():
            test_logits = net(data.X_test)
            curves[epoch] = torch.tensor([
                loss.item(),
                accuracy_of(torch.sigmoid(logits.detach()), data.y_train),
                loss_of(test_logits, data.y_test).item(),
                accuracy_of(torch.sigmoid(test_logits), data.y_test),
            ])
        if epoch % 10 == 0 or epoch == epochs - 1:
            a, b, c, d = curves[epoch].tolist()
            print(f"epoch {epoch:>3}: train loss {a:.4f} acc {b:.3f} | test loss {c:.4f} acc {d:.3f}")
    return curves


def show_curves(curves: Tensor, title: str) -> None:
    fig, (left, right) = plt.subplots(ncols=2, figsize=(10, 4))
    left.plot(curves[:, 0], label="train")
    left.plot(curves[:, 2], label="test")
    left.set(title=f"{title}: loss", xlabel="epoch")
    right.plot(curves[:, 1], label="train")
    right.plot(curves[:, 3], label="test")
    right.set(title=f"{title}: accuracy", xlabel="epoch")
    left.legend()
    right.legend()
    plt.show()


# %%
curves = train(baseline, optimizer, criterion, binary_accuracy, circles, epochs=200)
show_curves(curves, "affine baseline")


# %% [markdown]
# ## Ex. 6 – bending the boundary

# %%
class Bent(nn.Module):
    def __init__(self, width: int = 64, depth: int = 2) -> None:
        super().__init__()
        self.first = nn.Linear(2, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.last = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.first(x))
        for layer in self.hidden:
            x = F.gelu(layer(x))
        return self.last(x).view(-1)


bent = Bent().to(DEVICE)


# %% [markdown]
# ## Ex. 7 – training it

# %%
optimizer = optim.Adam(bent.parameters(), lr=0.01)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=50, gamma=0.5)
curves = train(bent, optimizer, criterion, binary_accuracy, circles, epochs=150, scheduler=scheduler)
show_curves(curves, "bent model")


# %% [markdown]
# ## Ex. 8 – where the decision changes

# %%
def decision_map(net: nn.Module, X: Tensor, y: Tensor, title: str) -> None:
    X_, y_ = X.cpu().numpy(), y.cpu().numpy()
    margin = 0.3
    h = np.linspace(X_[:, 0].min() - margin, X_[:, 0].max() + margin, 140)
    v = np.linspace(X_[:, 1].min() - margin, X_[:, 1].max() + margin, 140)
    hh, vv = np.meshgrid(h, v)
    mesh = torch.tensor(np.c_[hh.ravel(), vv.ravel()], dtype=torch.float32, device=DEVICE)
    net.eval()
    with torch.inference_mode():
        out = net(mesh)
    label = out.argmax(dim=1) if out.ndim == 2 else (out > 0).int()
    fig, ax = plt.subplots(figsize=(6, 5))
    ax.contourf(hh, vv, label.cpu().numpy().reshape(hh.shape), alpha=0.4, cmap="tab10")
    ax.scatter(X_[:, 0], X_[:, 1], c=y_, s=10, cmap="tab10", edgecolors="k", linewidths=0.2)
    ax.set_title(title)
    plt.show()


decision_map(bent, circles.X_train, circles.y_train, "bent model, train part")
decision_map(bent, circles.X_test, circles.y_test, "bent model, test part")


# %% [markdown]
# ## Ex. 9 – four blobs
# Log-probabilities with the negative log likelihood.

# %%
def multiclass_accuracy(logits: Tensor, target: Tensor) -> float:
    return (logits.argmax(dim=1) == target).double().mean().item()


class Blobs4(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(self.lin(x), dim=1)


blobs = Split.of(*make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42), torch.int64)
blob_net = Blobs4().to(DEVICE)
optimizer = optim.SGD(blob_net.parameters(), lr=0.1)
curves = train(blob_net, optimizer, F.nll_loss, multiclass_accuracy, blobs, epochs=150)
show_curves(curves, "blobs")
decision_map(blob_net, blobs.X_train, blobs.y_train, "blobs, train part")
decision_map(blob_net, blobs.X_test, blobs.y_test, "blobs, test part")
