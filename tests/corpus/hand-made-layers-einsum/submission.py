# Marek - lab 6. I wanted to see how nn.Linear works so I wrote the layers myself.
import math
import torch
import numpy as np
import matplotlib.pyplot as plt
from torch import nn
from sklearn.datasets import make_circles, make_blobs

# ===== Ex 1 =====
data, labels = make_circles(2000, noise=0.05, random_state=42)
print("data   ", data.shape)
print("labels ", labels.shape)
print("second dimension:", data.shape[1], "-> the two coordinates of a point")
print(np.hstack([data[:5], labels[:5, None]]))

# ===== Ex 2 =====
g = torch.Generator().manual_seed(42)
idx = torch.randperm(2000, generator=g)
tr, te = idx[:1600], idx[1600:]
data = torch.tensor(data).float()
labels = torch.tensor(labels).float().reshape(-1, 1)
x_tr, y_tr, x_te, y_te = data[tr], labels[tr], data[te], labels[te]


# ===== Ex 3 =====
class HandMade(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.W1 = nn.Parameter(torch.randn(n_in, n_hidden) / math.sqrt(n_in))
        self.b1 = nn.Parameter(torch.zeros(n_hidden))
        self.W2 = nn.Parameter(torch.randn(n_hidden, n_out) / math.sqrt(n_hidden))
        self.b2 = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        h = torch.einsum("bi,ih->bh", x, self.W1) + self.b1
        return h @ self.W2 + self.b2


lin = HandMade(2, 7, 1)

# ===== Ex 4 =====
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.SGD(lin.parameters(), lr=1e-1)

# ===== Ex 5 =====
def batches(x, y, size):
    perm = torch.randperm(x.shape[0])
    i = 0
    while i < len(perm):
        sel = perm[i:i + size]
        yield x[sel], y[sel]
        i += size


def run(model, opt, x, y, xt, yt, loss_fn, right, epochs, size):
    hist = np.zeros((epochs, 3))
    print("epoch      loss  test loss  accuracy")
    for e in range(epochs):
        total, n = 0.0, 0
        for bx, by in batches(x, y, size):
            opt.zero_grad()
            l = loss_fn(model(bx), by)
            l.backward()
            opt.step()
            total += l.item()
            n += 1
            print("\r", "." * (n % 10), end="")
        with torch.no_grad():
            out = model(xt)
            hist[e] = total / n, loss_fn(out, yt).item(), right(out, yt)
        if (e + 1) % 10 == 0:
            print("\r%5d  %8.4f  %9.4f  %8.4f" % (e + 1, *hist[e]))
    return hist


def right_binary(out, y):
    return ((torch.sigmoid(out) >= 0.5).float() == y).sum().item() / y.shape[0]


hist = run(lin, opt, x_tr, y_tr, x_te, y_te, loss_fn, right_binary, 50, 40)
plt.subplot(2, 1, 1)
plt.plot(hist[:, 0])
plt.plot(hist[:, 1])
plt.legend(["train loss", "test loss"])
plt.subplot(2, 1, 2)
plt.plot(hist[:, 2])
plt.legend(["accuracy"])
plt.show()


# ===== Ex 6 =====
class Siren(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.weights = nn.ParameterList([torch.randn(a, b) / math.sqrt(a) for a, b in zip(sizes, sizes[1:])])
        self.biases = nn.ParameterList([torch.zeros(b) for b in sizes[1:]])

    def forward(self, x):
        last = len(self.weights) - 1
        for i, (w, b) in enumerate(zip(self.weights, self.biases)):
            x = x.matmul(w) + b
            if i < last:
                x = torch.sin(x)
        return x


curvy = Siren([2, 32, 32, 1])

# ===== Ex 7 =====
opt = torch.optim.Adam(curvy.parameters(), lr=4e-3)
hist = run(curvy, opt, x_tr, y_tr, x_te, y_te, loss_fn, right_binary, 40, 40)
fig, ax = plt.subplots()
ax.plot(hist[:, 0], label="train loss")
ax.plot(hist[:, 1], label="test loss")
ax.plot(hist[:, 2], label="test accuracy")
ax.legend()
plt.show()

# ===== Ex 8 =====
axis = np.linspace(-1.3, 1.3, 90)
gx, gy = np.meshgrid(axis, axis)
with torch.no_grad():
    z = curvy(torch.tensor(np.dstack([gx, gy]).reshape(-1, 2)).float()).numpy().reshape(gx.shape)
for name, x, y in [("train", x_tr, y_tr), ("test", x_te, y_te)]:
    plt.figure(figsize=(5, 5))
    plt.title("decision boundary, " + name)
    inside = y[:, 0] == 1
    plt.plot(x[inside, 0], x[inside, 1], "b.", markersize=3)
    plt.plot(x[~inside, 0], x[~inside, 1], "r.", markersize=3)
    plt.contour(gx, gy, z, levels=[0.0], colors="k", linewidths=2)
    plt.show()

# ===== Ex 9 =====
bx, by = make_blobs(1000, 2, centers=4, cluster_std=1.5, random_state=42)
bx, by = torch.tensor(bx).float(), torch.tensor(by).long()
order = torch.randperm(1000, generator=g)
a, b = order[:800], order[800:]
blob = HandMade(2, 10, 4)
opt = torch.optim.SGD(blob.parameters(), lr=0.03)
right_many = lambda out, y: (out.max(dim=1).indices == y).float().mean().item()
hist = run(blob, opt, bx[a], by[a], bx[b], by[b], nn.functional.cross_entropy, right_many, 40, 25)
plt.plot(hist[:, 1], label="loss")
plt.legend()
plt.show()
