# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Classifying circles
# The notebook is kept as a `py:percent` file because diffs are easier to read.

# %%
import matplotlib.pyplot as plt
import pandas as pd
import torch
from sklearn.datasets import make_blobs, make_circles
from sklearn.model_selection import train_test_split
from torch import nn

# %% [markdown]
# ## Ex 1 - the data

# %%
coords, ring = make_circles(2000, noise=0.05, random_state=42)
table = pd.DataFrame({"x1": coords[:, 0], "x2": coords[:, 1], "ring": ring})
print(table.head(10))
print("coords:", coords.shape, "| ring:", ring.shape, "| features per point:", coords.shape[1])
print(table["ring"].value_counts())

# %% [markdown]
# ## Ex 2 - tensors and split
# By hand this time: a permutation, the first 80 % for training.

# %%
coords_t = torch.from_numpy(coords).to(torch.float32)
ring_t = torch.from_numpy(ring).to(torch.float32).view(-1, 1)
order = torch.randperm(2000, generator=torch.Generator().manual_seed(42))
tr, te = order[:1600], order[1600:]
coords_tr, ring_tr = coords_t[tr], ring_t[tr]
coords_te, ring_te = coords_t[te], ring_t[te]
print(coords_tr.shape, ring_tr.shape, coords_te.shape, ring_te.shape)

# %% [markdown]
# ## Ex 3 - baseline


# %%
def make_baseline(hidden: int = 4) -> nn.Module:
    first, second = nn.Linear(2, hidden), nn.Linear(hidden, 1, bias=True)
    return nn.Sequential(first, second)


baseline = make_baseline()

# %% [markdown]
# ## Ex 4 - loss and optimizer

# %%
loss_function = nn.BCEWithLogitsLoss(reduction="mean")
sgd = torch.optim.SGD(params=baseline.parameters(), lr=0.1)

# %% [markdown]
# ## Ex 5 - loop


# %%
def score(logits, truth):
    """percent of right answers"""
    return 100.0 * logits.gt(0).eq(truth.bool()).sum().item() / truth.numel()


records = []
for epoch in range(300):
    sgd.zero_grad()
    logits = baseline(coords_tr)
    loss = loss_function(logits, ring_tr)
    loss.backward()
    sgd.step()
    if epoch % 10 == 9:
        records.append({"epoch": epoch + 1, "loss": loss.item(), "accuracy": score(logits, ring_tr)})
        print("epoch {epoch:3d}  loss {loss:.4f}  accuracy {accuracy:.2f} %".format(**records[-1]))

# %%
linear_history = pd.DataFrame(records).set_index("epoch")
linear_history.plot(subplots=True, figsize=(6, 4))
plt.show()

# %% [markdown]
# ## Ex 6 - clamp as the non-linearity
# `clamp(min=0)` is what ReLU does.


# %%
class Clamped(nn.Module):
    def __init__(self, hidden: int = 48) -> None:
        super().__init__()
        self.up = nn.Linear(2, hidden)
        self.mid = nn.Linear(hidden, hidden)
        self.down = nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.up(x).clamp(min=0)
        x = torch.clamp(self.mid(x), min=0.0)
        return self.down(x).detach()


clamped = Clamped()

# %% [markdown]
# ## Ex 7 - mini-batches by slicing

# %%
sgd2 = torch.optim.SGD(clamped.parameters(), lr=0.1, momentum=0.5)
records = []
for epoch in range(80):
    shuffled = torch.randperm(len(coords_tr))
    for start in range(0, len(coords_tr), 100):
        rows = shuffled[start : start + 100]
        sgd2.zero_grad()
        batch_loss = loss_function(clamped(coords_tr[rows]), ring_tr[rows])
        batch_loss.backward()
        sgd2.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            logits = clamped(coords_te)
            records.append(
                {"epoch": epoch + 1, "loss": loss_function(logits, ring_te).item(), "accuracy": score(logits, ring_te)}
            )
        print("epoch {epoch:3d}  test loss {loss:.4f}  test accuracy {accuracy:.2f} %".format(**records[-1]))

# %%
pd.DataFrame(records).set_index("epoch").plot(subplots=True, figsize=(6, 4), marker=".")
plt.show()

# %% [markdown]
# ## Ex 8 - boundaries

# %%
extent = torch.linspace(-1.5, 1.5, 121)
grid = torch.cartesian_prod(extent, extent)
with torch.no_grad():
    label = (clamped(grid) > 0).squeeze(1)
for name, xy, c in [("train", coords_tr, ring_tr), ("test", coords_te, ring_te)]:
    plt.figure(figsize=(5, 5))
    plt.scatter(grid[:, 0], grid[:, 1], c=label, s=6, marker="s", cmap="Pastel1")
    plt.scatter(xy[:, 0], xy[:, 1], c=c.ravel(), s=8, cmap="Set1")
    plt.title(f"clamped model, {name} data")
    plt.show()

# %% [markdown]
# ## Ex 9 - blobs

# %%
bx, by = make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
bx_tr, bx_te, by_tr, by_te = train_test_split(
    torch.tensor(bx, dtype=torch.float32), torch.tensor(by, dtype=torch.int64), test_size=0.2, random_state=42
)
blob_model = nn.Sequential(nn.Linear(2, 4), nn.LogSoftmax(dim=1))
nll = nn.NLLLoss()
adam = torch.optim.Adam(blob_model.parameters(), lr=0.05)
for epoch in range(200):
    adam.zero_grad()
    loss = nll(blob_model(bx_tr), by_tr)
    loss.backward()
    adam.step()
    if epoch % 20 == 19:
        with torch.no_grad():
            test_accuracy = (blob_model(bx_te).argmax(dim=-1) == by_te).float().mean()
        print(f"epoch {epoch + 1:3d}  loss {loss:.4f}  test accuracy {test_accuracy:.3f}")
