# %% [markdown]
# # Assignment 6 - classification with PyTorch
#
# I keep every step in a small function so that I can test it on its own.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import make_blobs, make_circles
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 42
torch.manual_seed(SEED)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print("running on", device)

# %% [markdown]
# ## Exercise 1
# Get to know the circles before doing anything with them.

# %%
X, y = make_circles(2000, noise=0.05, random_state=42)

print("X has shape", X.shape, "and y has shape", y.shape)
print("number of features per point (2nd dimension of X):", X.shape[1])
print("labels that occur:", np.unique(y), "with counts", np.bincount(y))
for point, label in zip(X[:6], y[:6]):
    print(f"  ({point[0]: .4f}, {point[1]: .4f})  ->  class {label}")

# %%
plt.figure(figsize=(5, 5))
plt.scatter(X[:, 0], X[:, 1], c=y, s=6, cmap="coolwarm")
plt.title("the two circles")
plt.show()

# %% [markdown]
# ## Exercise 2
# First split (20 % for testing), then tensors. float32 because the layers use float32 weights.

# %%
def to_tensor(array):
    return torch.as_tensor(array, dtype=torch.float32)


X_tr_np, X_te_np, y_tr_np, y_te_np = train_test_split(X, y, test_size=0.2, random_state=SEED)

X_train, X_test = to_tensor(X_tr_np).to(device), to_tensor(X_te_np).to(device)
y_train, y_test = to_tensor(y_tr_np).to(device), to_tensor(y_te_np).to(device)

train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True)
print("train:", X_train.shape, y_train.shape, X_train.dtype, y_train.dtype)
print("test: ", X_test.shape, y_test.shape)

# %% [markdown]
# ## Exercise 3
# The baseline: two linear layers and nothing in between.

# %%
class LinearBaseline(nn.Module):
    """2 -> 2 -> 1, returns a raw score (logit)."""

    def __init__(self, n_in=2, n_hidden=2):
        super().__init__()
        self.layer_in = nn.Linear(n_in, n_hidden)
        self.layer_out = nn.Linear(n_hidden, 1)

    def forward(self, x):
        hidden = self.layer_in(x)
        return self.layer_out(x)


baseline = LinearBaseline().to(device)
print(baseline)
print("output for three points:", baseline(X_test[:3]).shape)

# %% [markdown]
# ## Exercise 4
# The model gives logits, so the sigmoid sits inside the loss.

# %%
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(baseline.parameters(), lr=0.1)
print(loss_fn)
print(optimizer)

# %% [markdown]
# ## Exercise 5
# Training loop in mini-batches. Every tenth epoch I measure on the full train and test sets.

# %%
def accuracy(logits, labels):
    """Share of right answers; logit > 0 means probability > 0.5."""
    guessed = (logits > 0).float()
    return (guessed == labels).float().mean().item()


def measure(model, features, labels):
    """Loss and accuracy without training."""
    model.eval()
    with torch.no_grad():
        logits = model(features).squeeze(1)
        value = F.binary_cross_entropy_with_logits(logits, labels).item()
    return value, accuracy(logits, labels)


loss_curve, acc_curve, epochs_seen = [], [], []

for epoch in range(1, 41):
    baseline.train()
    for xb, yb in train_loader:
        optimizer.zero_grad()
        logits = baseline(xb).squeeze(1)
        loss = loss_fn(logits, yb)
        loss.backward()
        optimizer.step()

    if epoch % 10 == 0:
        train_loss, train_acc = measure(baseline, X_train, y_train)
        test_loss, test_acc = measure(baseline, X_test, y_test)
        epochs_seen.append(epoch)
        loss_curve.append(train_loss)
        acc_curve.append(train_acc)
        print(f"epoch {epoch:3d}: train loss {train_loss:.4f}, train accuracy {train_acc:.2%}, "
              f"test loss {test_loss:.4f}, test accuracy {test_acc:.2%}")

# %%
def show_curves(epochs, losses, accuracies, title):
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.plot(epochs, losses, marker="o")
    left.set_xlabel("epoch")
    left.set_ylabel("loss")
    right.plot(epochs, accuracies, marker="o", color="green")
    right.set_xlabel("epoch")
    right.set_ylabel("accuracy")
    fig.suptitle(title)
    plt.show()


show_curves(epochs_seen, loss_curve, acc_curve, "baseline")

# %% [markdown]
# A loss of about 0.693 = ln 2 is what one gets by answering 50/50. A straight line cannot do better here.

# %% [markdown]
# ## Exercise 6
# Same idea, but with ReLU between the layers.

# %%
class CircleNet(nn.Module):
    """2 -> 32 -> 32 -> 1 with ReLU, raw score at the end."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 32)
        self.fc2 = nn.Linear(32, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.out(x)


torch.manual_seed(SEED)
circle_net = CircleNet().to(device)
print(circle_net)

# %% [markdown]
# ## Exercise 7
# A new optimizer for the new model and the loop once more.

# %%
circle_loss = nn.BCEWithLogitsLoss()
circle_optimizer = torch.optim.Adam(circle_net.parameters(), lr=0.005)

loss_curve2, acc_curve2, epochs_seen2 = [], [], []

for epoch in range(1, 41):
    circle_net.train()
    running = 0.0
    for xb, yb in train_loader:
        circle_optimizer.zero_grad()
        scores = circle_net(xb).squeeze(1)
        loss = circle_loss(scores, yb)
        loss.backward()
        circle_optimizer.step()
        running += loss.item()

    if epoch % 10 == 0:
        train_loss, train_acc = measure(circle_net, X_train, y_train)
        test_loss, test_acc = measure(circle_net, X_test, y_test)
        epochs_seen2.append(epoch)
        loss_curve2.append(test_loss)
        acc_curve2.append(test_acc)
        print(f"epoch {epoch:3d}: train loss {train_loss:.4f}, train accuracy {train_acc:.2%}, "
              f"test loss {test_loss:.4f}, test accuracy {test_acc:.2%}")

show_curves(epochs_seen2, loss_curve2, acc_curve2, "with ReLU (test set)")

# %% [markdown]
# ## Exercise 8
# I classify every point of a fine grid and colour the plane with the answers.

# %%
def draw_boundary(ax, model, features, labels, title):
    features, labels = features.cpu(), labels.cpu()
    lo, hi = features.min(dim=0).values - 0.2, features.max(dim=0).values + 0.2
    xs = np.linspace(lo[0].item(), hi[0].item(), 150)
    ys = np.linspace(lo[1].item(), hi[1].item(), 150)
    gx, gy = np.meshgrid(xs, ys)
    grid = to_tensor(np.column_stack([gx.ravel(), gy.ravel()])).to(device)
    model.eval()
    with torch.no_grad():
        inside = (torch.sigmoid(model(grid)) > 0.5).float().cpu().numpy().reshape(gx.shape)
    ax.contourf(gx, gy, inside, cmap="coolwarm", alpha=0.4)
    ax.scatter(features[:, 0], features[:, 1], c=labels, s=8, cmap="coolwarm")
    ax.set_title(title)


fig, axes = plt.subplots(1, 2, figsize=(12, 5))
draw_boundary(axes[0], circle_net, X_train, y_train, "train")
draw_boundary(axes[1], circle_net, X_test, y_test, "test")
plt.show()

# %% [markdown]
# ## Exercise 9
# Four blobs, so four outputs and cross entropy. The labels are class numbers (int64).

# %%
Xb, yb_all = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
Xb = torch.tensor(Xb, dtype=torch.float32)
yb_all = torch.tensor(yb_all, dtype=torch.long)
Xb_train, Xb_test, yb_train, yb_test = train_test_split(Xb, yb_all, test_size=0.2, random_state=SEED)
blob_loader = DataLoader(TensorDataset(Xb_train, yb_train), batch_size=50, shuffle=True)
print(Xb_train.shape, yb_train.shape, Xb_test.shape, yb_test.shape)

# %%
class BlobNet(nn.Module):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.scores = nn.Linear(n_features, n_classes)

    def forward(self, x):
        return self.scores(x)


blob_net = BlobNet(2, 4).to(device)
blob_loss = nn.CrossEntropyLoss()
blob_optimizer = torch.optim.SGD(blob_net.parameters(), lr=0.1)


@torch.no_grad()
def blob_scores(model, features):
    """Class scores for evaluation, no graph needed."""
    return model(features.to(device))


def train_epoch(model, loader, criterion, opt):
    model.train()
    for features, labels in loader:
        features, labels = features.to(device), labels.to(device)
        opt.zero_grad()
        scores = model(features)
        loss = criterion(scores, labels)
        loss.backward()
        opt.step()


blob_curve, blob_acc = [], []
for epoch in range(1, 51):
    train_epoch(blob_net, blob_loader, blob_loss, blob_optimizer)
    test_scores = blob_scores(blob_net, Xb_test).cpu()
    blob_curve.append(blob_loss(test_scores, yb_test).item())
    blob_acc.append((test_scores.argmax(dim=1) == yb_test).float().mean().item())
    if epoch % 10 == 0:
        print(f"epoch {epoch:2d}: test loss {blob_curve[-1]:.4f}, test accuracy {blob_acc[-1]:.2%}")

show_curves(range(1, 51), blob_curve, blob_acc, "blobs (test set)")

# %%
gx, gy = np.meshgrid(np.linspace(-13, 11, 200), np.linspace(-13, 15, 200))
regions = blob_scores(blob_net, to_tensor(np.column_stack([gx.ravel(), gy.ravel()]))).argmax(dim=1)
plt.contourf(gx, gy, regions.cpu().numpy().reshape(gx.shape), levels=3, alpha=0.4)
plt.scatter(Xb_test[:, 0], Xb_test[:, 1], c=yb_test, s=10)
plt.title("blobs: regions and test points")
plt.show()
