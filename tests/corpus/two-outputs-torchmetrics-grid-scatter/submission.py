# %% [markdown]
# # Lab 6 solutions

# %%
import torch
import torch.nn as nn
import torchmetrics
import matplotlib.pyplot as plt
from sklearn.datasets import make_circles, make_blobs
from sklearn.model_selection import train_test_split

device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)

# %% [markdown]
# ## Exercise 1

# %%
X, y = make_circles(n_samples=2000, noise=0.05, random_state=42)
print("X:", X.shape)
print("y:", y.shape)
print("features per sample:", X.shape[1])
print(X[:5], y[:5])

# %% [markdown]
# ## Exercise 2

# %%
X = torch.from_numpy(X).float()
y = torch.from_numpy(y).float()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
X_train, y_train = X_train.to(device), y_train.to(device)
X_test, y_test = X_test.to(device), y_test.to(device)
X_train.shape, X_test.shape

# %% [markdown]
# ## Exercise 3

# %%
class TwoLinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(2, 10)
        self.fc2 = nn.Linear(10, 1)

    def forward(self, x):
        return self.fc2(self.fc1(x))


baseline = TwoLinear().to(device)
baseline

# %% [markdown]
# ## Exercise 4

# %%
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(params=baseline.parameters(), lr=0.1)

# %% [markdown]
# ## Exercise 5

# %%
accuracy = torchmetrics.classification.BinaryAccuracy().to(device)

epochs = 200
history = {"epoch": [], "train_loss": [], "test_loss": [], "train_acc": [], "test_acc": []}

for epoch in range(epochs + 1):
    baseline.train()
    train_logits = baseline(X_train).squeeze()
    train_loss = loss_fn(train_logits, y_train)
    train_acc = accuracy(torch.sigmoid(train_logits), y_train.int())

    optimizer.zero_grad()
    train_loss.backward()
    optimizer.step()

    baseline.eval()
    with torch.inference_mode():
        test_logits = baseline(X_test).squeeze()
        test_loss = loss_fn(test_logits, y_test)
        test_acc = accuracy(torch.sigmoid(test_logits), y_test.int())

    if epoch % 10 == 0:
        history["epoch"].append(epoch)
        history["train_loss"].append(train_loss.item())
        history["test_loss"].append(test_loss.item())
        history["train_acc"].append(train_acc.item())
        history["test_acc"].append(test_acc.item())
        print(f"Epoch: {epoch} | Loss: {train_loss:.5f}, Acc: {train_acc:.2%} | Test loss: {test_loss:.5f}, Test acc: {test_acc:.2%}")

# %%
plt.figure(figsize=(12, 4))
plt.subplot(1, 2, 1)
plt.plot(history["epoch"], history["train_loss"], label="train loss")
plt.plot(history["epoch"], history["test_loss"], label="test loss")
plt.legend()
plt.subplot(1, 2, 2)
plt.plot(history["epoch"], history["train_acc"], label="train acc")
plt.plot(history["epoch"], history["test_acc"], label="test acc")
plt.legend()
plt.show()

# %% [markdown]
# ## Exercise 6
# I use one output per class here, so that the multiclass code later looks the same.

# %%
class CircleNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, hidden),
            nn.ELU(),
            nn.Linear(hidden, hidden),
            nn.ELU(),
            nn.Linear(hidden, 2),
        )

    def forward(self, x):
        return self.net(x)


circle_net = CircleNet().to(device)

# %% [markdown]
# ## Exercise 7

# %%
loss_fn_2 = nn.CrossEntropyLoss()
optimizer_2 = torch.optim.Adam(circle_net.parameters(), lr=0.01)
accuracy_2 = torchmetrics.classification.MulticlassAccuracy(num_classes=2, average="micro").to(device)

epochs = 150
history_2 = {"epoch": [], "train_loss": [], "test_loss": [], "train_acc": [], "test_acc": []}

for epoch in range(epochs + 1):
    circle_net.train()
    train_logits = circle_net(X_train)
    train_loss = loss_fn_2(train_logits, y_train.long())
    train_acc = accuracy_2(train_logits.argmax(dim=1), y_train.long())

    optimizer_2.zero_grad()
    train_loss.backward()
    optimizer_2.step()

    circle_net.eval()
    with torch.inference_mode():
        test_logits = circle_net(X_test)
        test_loss = loss_fn_2(test_logits, y_test.long())
        test_acc = accuracy_2(test_logits.argmax(dim=1), y_test.long())

    if epoch % 10 == 0:
        history_2["epoch"].append(epoch)
        history_2["train_loss"].append(train_loss.item())
        history_2["test_loss"].append(test_loss.item())
        history_2["train_acc"].append(train_acc.item())
        history_2["test_acc"].append(test_acc.item())
        print(f"Epoch: {epoch} | Loss: {train_loss:.5f}, Acc: {train_acc:.2%} | Test loss: {test_loss:.5f}, Test acc: {test_acc:.2%}")

# %%
plt.figure(figsize=(12, 4))
plt.subplot(1, 2, 1)
plt.plot(history_2["epoch"], history_2["train_loss"], label="train loss")
plt.plot(history_2["epoch"], history_2["test_loss"], label="test loss")
plt.legend()
plt.subplot(1, 2, 2)
plt.plot(history_2["epoch"], history_2["train_acc"], label="train acc")
plt.plot(history_2["epoch"], history_2["test_acc"], label="test acc")
plt.legend()
plt.show()

# %% [markdown]
# ## Exercise 8
# The background is a dense cloud of coloured dots.

# %%
def show_regions(model, X, y, title):
    lo = X.min(dim=0).values - 0.2
    hi = X.max(dim=0).values + 0.2
    steps = 120
    g0 = torch.linspace(lo[0].item(), hi[0].item(), steps)
    g1 = torch.linspace(lo[1].item(), hi[1].item(), steps)
    grid = torch.cartesian_prod(g0, g1)
    model.eval()
    with torch.inference_mode():
        region = model(grid.to(device)).argmax(dim=1).cpu()
    plt.scatter(grid[:, 0], grid[:, 1], c=region, s=4, marker="s", alpha=0.15, cmap="bwr")
    plt.scatter(X[:, 0].cpu(), X[:, 1].cpu(), c=y.cpu(), s=10, cmap="bwr", edgecolors="k", linewidths=0.3)
    plt.title(title)


plt.figure(figsize=(12, 5))
plt.subplot(1, 2, 1)
show_regions(circle_net, X_train, y_train, "Train")
plt.subplot(1, 2, 2)
show_regions(circle_net, X_test, y_test, "Test")
plt.show()

# %% [markdown]
# ## Exercise 9

# %%
Xb, yb = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
Xb = torch.from_numpy(Xb).float()
yb = torch.from_numpy(yb).long()
Xb_train, Xb_test, yb_train, yb_test = train_test_split(Xb, yb, test_size=0.2, random_state=42)

class BlobNet(nn.Module):
    def __init__(self, n_in, n_out, hidden=8):
        super().__init__()
        self.stack = nn.Sequential(
            nn.Linear(n_in, hidden),
            nn.ReLU(),
            nn.Linear(hidden, n_out),
        )

    def forward(self, x):
        return self.stack(x)


blob_net = BlobNet(2, 4)
loss_fn_3 = nn.CrossEntropyLoss()
optimizer_3 = torch.optim.Adam(blob_net.parameters(), lr=0.03)
accuracy_3 = torchmetrics.Accuracy(task="multiclass", num_classes=4)

epochs = 200
train_losses, test_losses = [], []
for epoch in range(epochs + 1):
    blob_net.train()
    logits = blob_net(Xb_train)
    loss = loss_fn_3(logits, yb_train)
    optimizer_3.zero_grad()
    loss.backward()
    optimizer_3.step()

    blob_net.eval()
    with torch.inference_mode():
        test_logits = blob_net(Xb_test)
        test_loss = loss_fn_3(test_logits, yb_test)
        test_acc = accuracy_3(test_logits.softmax(dim=1).argmax(dim=1), yb_test)
    train_losses.append(loss.item())
    test_losses.append(test_loss.item())
    if epoch % 20 == 0:
        print(f"Epoch: {epoch} | Loss: {loss:.5f} | Test loss: {test_loss:.5f}, Test acc: {test_acc:.2%}")

plt.figure()
plt.plot(train_losses, label="train")
plt.plot(test_losses, label="test")
plt.legend()
plt.show()

plt.figure(figsize=(12, 5))
plt.subplot(1, 2, 1)
show_regions(blob_net, Xb_train, yb_train, "Blobs train")
plt.subplot(1, 2, 2)
show_regions(blob_net, Xb_test, yb_test, "Blobs test")
plt.show()
