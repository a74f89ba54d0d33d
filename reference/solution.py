# %% [markdown]
# # Building classification models with PyTorch: a model solution
#
# Nine exercises and an extra. The page reads from top to bottom; a GPU is used where there is one.

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

# %% [markdown]
# ## Ex 2 · Tensors, and a test part
#
# NumPy made `float64`, layers compute in `float32`. Splitting `X` and `y` in one call keeps each point with its label.

# %%
from sklearn.model_selection import train_test_split

X = torch.from_numpy(X).to(torch.float32)
y = torch.from_numpy(y).to(torch.float32)

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

print(f"{len(X_train)} rows to train on, {len(X_test)} rows to test on, all of {X_train.dtype}")

# %% [markdown]
# ## Ex 3 · A baseline model
#
# Two linear layers and nothing between them. It ends in one *logit* for each point: above zero means class 1.

# %%
device = "cuda" if torch.cuda.is_available() else "cpu"


class LinearCircles(nn.Module):
    """Two straight layers, which together are one straight layer."""

    def __init__(self, hidden=10):
        super().__init__()
        self.first = nn.Linear(2, hidden)
        self.second = nn.Linear(hidden, 1)

    def forward(self, points):
        return self.second(self.first(points)).squeeze(dim=1)


baseline = LinearCircles().to(device)

# The data have to be where the model is.
X_train, X_test = X_train.to(device), X_test.to(device)
y_train, y_test = y_train.to(device), y_test.to(device)

print(baseline)

# %% [markdown]
# ## Ex 4 · Loss and optimizer
#
# `BCEWithLogitsLoss` does the sigmoid itself, so that it never takes the logarithm of a rounded zero.

# %%
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(baseline.parameters(), lr=0.1)

# %% [markdown]
# ## Ex 5 · The training loop
#
# Logits, loss, clear the old gradients, compute the new ones, step. Each epoch takes all rows as one batch.
#
# The figures are measured on a model at rest, so what is printed is what this very model would score.

# %%
def evaluate(model, points, labels):
    """Mean loss, and the share of points that get the right label."""
    model.eval()
    with torch.inference_mode():
        logits = model(points)
        loss = loss_fn(logits, labels)
        accuracy = ((logits > 0) == labels).float().mean()
    return loss.item(), accuracy.item()


epochs = 200
epoch_axis, loss_curve, acc_curve, test_loss_curve, test_acc_curve = [], [], [], [], []

for epoch in range(1, epochs + 1):
    baseline.train()
    loss = loss_fn(baseline(X_train), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

    if epoch % 10 == 0:
        train_loss, train_acc = evaluate(baseline, X_train, y_train)
        test_loss, test_acc = evaluate(baseline, X_test, y_test)
        epoch_axis.append(epoch)
        loss_curve.append(train_loss)
        acc_curve.append(train_acc)
        test_loss_curve.append(test_loss)
        test_acc_curve.append(test_acc)
        print(
            f"Epoch {epoch:3d} | loss {train_loss:.4f}, accuracy {100 * train_acc:.2f}% "
            f"| test loss {test_loss:.4f}, test accuracy {100 * test_acc:.2f}%"
        )

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
left.plot(epoch_axis, loss_curve, label="train")
left.plot(epoch_axis, test_loss_curve, label="test")
left.set(title="Loss", xlabel="epoch")
right.plot(epoch_axis, acc_curve, label="train")
right.plot(epoch_axis, test_acc_curve, label="test")
right.set(title="Accuracy", xlabel="epoch")
left.legend()
right.legend()
plt.show()

# %% [markdown]
# The loss stays at ln 2 ≈ 0.693, which is what a coin would score: the best straight line knows nothing about rings.

# %% [markdown]
# ## Ex 6 · A model that can bend
#
# A ReLU after each hidden layer. The last layer stays bare: its logit goes to the loss as it is.

# %%
class BentCircles(nn.Module):
    """Two hidden layers with ReLU, and one logit."""

    def __init__(self, hidden=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, points):
        return self.layers(points).squeeze(dim=1)


nonlinear = BentCircles().to(device)
print(nonlinear)

# %% [markdown]
# ## Ex 7 · Train it
#
# A new model needs a new optimizer: the old one still holds the baseline's parameters. Small batches make many steps of
# one epoch, and a new order in each epoch keeps them from repeating themselves. The rings overlap a little in their
# noise: about 98 % is as far as any model gets.

# %%
optimizer = torch.optim.Adam(nonlinear.parameters(), lr=0.005)

epochs = 100
batch_size = 128
epoch_axis, loss_curve, acc_curve, test_loss_curve, test_acc_curve = [], [], [], [], []

for epoch in range(1, epochs + 1):
    nonlinear.train()
    for rows in torch.randperm(len(X_train), device=device).split(batch_size):
        loss = loss_fn(nonlinear(X_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    train_loss, train_acc = evaluate(nonlinear, X_train, y_train)
    test_loss, test_acc = evaluate(nonlinear, X_test, y_test)
    epoch_axis.append(epoch)
    loss_curve.append(train_loss)
    acc_curve.append(train_acc)
    test_loss_curve.append(test_loss)
    test_acc_curve.append(test_acc)

    if epoch % 10 == 0:
        print(
            f"Epoch {epoch:3d} | loss {train_loss:.4f}, accuracy {100 * train_acc:.2f}% "
            f"| test loss {test_loss:.4f}, test accuracy {100 * test_acc:.2f}%"
        )

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
left.plot(epoch_axis, loss_curve, label="train")
left.plot(epoch_axis, test_loss_curve, label="test")
left.set(title="Loss", xlabel="epoch")
right.plot(epoch_axis, acc_curve, label="train")
right.plot(epoch_axis, test_acc_curve, label="test")
right.set(title="Accuracy", xlabel="epoch")
left.legend()
right.legend()
plt.show()

# %% [markdown]
# ## Ex 8 · See what it learned
#
# The same boundary twice: under the points it was made from, and under points that it never saw.

# %%
from utils import plot_decision_boundary

plt.figure(figsize=(11, 5))
plt.subplot(1, 2, 1)
plt.title("Train")
plot_decision_boundary(nonlinear, X_train, y_train)
plt.subplot(1, 2, 2)
plt.title("Test")
plot_decision_boundary(nonlinear, X_test, y_test)
plt.show()

# %% [markdown]
# ## Ex 9 · More than two classes
#
# Four blobs. What changes: four logits instead of one, cross entropy on class *numbers*, and the largest logit wins.

# %%
from sklearn.datasets import make_blobs

X_blob, y_blob = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
X_blob = torch.from_numpy(X_blob).to(torch.float32)
y_blob = torch.from_numpy(y_blob).to(torch.long)

X_blob_train, X_blob_test, y_blob_train, y_blob_test = (
    part.to(device) for part in train_test_split(X_blob, y_blob, test_size=0.2, random_state=42)
)

# %% [markdown]
# The blobs lie apart from each other, so straight lines between them will do: one linear layer is enough.

# %%
class LinearBlobs(nn.Module):
    """One linear layer: a score for each of the four classes."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Linear(2, 4)

    def forward(self, points):
        return self.scores(points)


blob_model = LinearBlobs().to(device)
blob_loss_fn = nn.CrossEntropyLoss()
blob_optimizer = torch.optim.SGD(blob_model.parameters(), lr=0.1)


# %%
def evaluate_blobs(points, labels):
    """Mean loss, and the share of points that get the right label."""
    blob_model.eval()
    with torch.inference_mode():
        logits = blob_model(points)
        loss = blob_loss_fn(logits, labels)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
    return loss.item(), accuracy.item()


blob_loss_curve, blob_test_loss_curve, blob_test_acc_curve = [], [], []

for epoch in range(1, 201):
    blob_model.train()
    loss = blob_loss_fn(blob_model(X_blob_train), y_blob_train)
    blob_optimizer.zero_grad()
    loss.backward()
    blob_optimizer.step()

    train_loss, train_acc = evaluate_blobs(X_blob_train, y_blob_train)
    test_loss, test_acc = evaluate_blobs(X_blob_test, y_blob_test)
    blob_loss_curve.append(train_loss)
    blob_test_loss_curve.append(test_loss)
    blob_test_acc_curve.append(test_acc)
    if epoch % 20 == 0:
        print(
            f"Epoch {epoch:3d} | loss {train_loss:.4f}, accuracy {100 * train_acc:.2f}% "
            f"| test loss {test_loss:.4f}, test accuracy {100 * test_acc:.2f}%"
        )

# %%
plt.plot(blob_loss_curve, label="train")
plt.plot(blob_test_loss_curve, label="test")
plt.title("Loss on the blobs")
plt.xlabel("epoch")
plt.legend()
plt.show()

plot_decision_boundary(blob_model, X_blob_test, y_blob_test)
plt.title("Test")
plt.show()

# %% [markdown]
# ## Extra · A better circle model
#
# More layers, more units, a smoother activation, and a rate that falls to zero so that the last steps only polish.

# %%
class SmoothCircles(nn.Module):
    """Three hidden layers with SiLU, and one logit."""

    def __init__(self, hidden=64):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, points):
        return self.layers(points).squeeze(dim=1)


improved = SmoothCircles().to(device)
improved_optimizer = torch.optim.AdamW(improved.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(improved_optimizer, T_max=60)

for epoch in range(1, 61):
    improved.train()
    for rows in torch.randperm(len(X_train), device=device).split(128):
        loss = loss_fn(improved(X_train[rows]), y_train[rows])
        improved_optimizer.zero_grad()
        loss.backward()
        improved_optimizer.step()
    schedule.step()

print("Extra: test loss {:.4f}, test accuracy {:.4f}".format(*evaluate(improved, X_test, y_test)))
