# %% [markdown]
# # Tema 6 - clasificare

# %%
import torch, torch.nn as nn, torch.nn.functional as F
import matplotlib.pyplot as plt
from sklearn.datasets import make_circles, make_blobs
dev = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(7)

# %% [markdown]
# ## Ex 1

# %%
X, y = make_circles(2000, noise=0.05, random_state=42)
print(X.shape, y.shape)
X[:5], y[:5]
print(X[:5], y[:5], sep="\n")

# %% [markdown]
# A doua dimensiune a lui X este 2: fiecare punct are 2 coordonate (features).

# %% [markdown]
# ## Ex 2

# %%
X = torch.from_numpy(X).float().to(dev)
y = torch.from_numpy(y).float().to(dev)

# amestec indicii o data, acelasi perm pentru X si y
perm = torch.randperm(len(X), generator=torch.Generator().manual_seed(42))
n = int(0.8 * len(X))
Xtr, ytr = X[perm[:n]], y[perm[:n]]
Xte, yte = X[perm[n:]], y[perm[n:]]
print(Xtr.shape, Xte.shape, ytr.shape, yte.shape)

# %% [markdown]
# ## Ex 3

# %%
base = nn.Sequential(nn.Linear(2, 16), nn.Linear(16, 1)).to(dev)
base

# %% [markdown]
# ## Ex 4

# %%
crit = F.binary_cross_entropy_with_logits
opt = torch.optim.SGD(base.parameters(), lr=0.1)

# %% [markdown]
# ## Ex 5

# %%
acc = lambda z, t: 100 * ((z > 0) == (t > 0.5)).float().mean().item()
loss_curve, acc_curve = [], []
for ep in range(300):
    z = base(Xtr)[:, 0]
    loss = crit(z, ytr)
    opt.zero_grad(); loss.backward(); opt.step()
    if ep % 10 == 0:
        loss_curve.append(loss.item()); acc_curve.append(acc(z, ytr))
        with torch.no_grad(): zt = base(Xte)[:, 0]
        print(ep, f"loss={loss.item():.4f} acc={acc_curve[-1]:.1f}% test acc={acc(zt, yte):.1f}%")

# %%
plt.plot(range(0, 300, 10), loss_curve); plt.title("loss"); plt.show()
plt.plot(range(0, 300, 10), acc_curve); plt.title("acc"); plt.show()

# %% [markdown]
# ## Ex 6
# acum cu tanh

# %%
def mlp():
    return nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1)).to(dev)

net = mlp()

# %% [markdown]
# ## Ex 7

# %%
opt2 = torch.optim.Adam(net.parameters(), lr=0.01)
L, A = [], []
for ep in range(400):
    z = net(Xtr)[:, 0]
    loss = F.binary_cross_entropy_with_logits(z, ytr)
    opt2.zero_grad(); loss.backward(); opt2.step()
    if ep % 10 == 0:
        with torch.no_grad(): zt = net(Xte)[:, 0]
        L.append(loss.item()); A.append(acc(zt, yte))
        print(ep, f"loss={L[-1]:.4f} acc={acc(z, ytr):.1f}% test acc={A[-1]:.1f}%")

plt.plot(L, label="loss"); plt.legend(); plt.show()
plt.plot(A, label="test acc %"); plt.legend(); plt.show()

# %% [markdown]
# ## Ex 8

# %%
def granita(m, P, t, titlu):
    r = torch.linspace(-1.4, 1.4, 160)
    gx, gy = torch.meshgrid(r, r, indexing="xy")
    with torch.no_grad():
        c = m(torch.stack([gx.flatten(), gy.flatten()], 1).to(dev))[:, 0] > 0
    plt.contourf(gx, gy, c.cpu().float().view(gx.shape), cmap=plt.cm.RdYlBu, alpha=.5)
    plt.scatter(P[:, 0].cpu(), P[:, 1].cpu(), c=t.cpu(), s=8, cmap=plt.cm.RdYlBu)
    plt.title(titlu)

plt.figure(figsize=(11, 5))
plt.subplot(121); granita(net, Xtr, ytr, "train")
plt.subplot(122); granita(net, Xte, yte, "test")
plt.show()

# %% [markdown]
# ## Ex 9
# 4 clase => 4 iesiri

# %%
Q, c = make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
Q, c = torch.tensor(Q).float().to(dev), torch.tensor(c).long().to(dev)
p = torch.randperm(1000)
Qtr, ctr, Qte, cte = Q[p[:800]], c[p[:800]], Q[p[800:]], c[p[800:]]

blob = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 4)).to(dev)
opt3 = torch.optim.SGD(blob.parameters(), lr=0.05, momentum=0.9)
hist = []
for ep in range(200):
    loss = F.cross_entropy(blob(Qtr), ctr)
    opt3.zero_grad()
    loss.backward
    opt3.step()
    hist.append(loss.item())
    if ep % 20 == 0 or ep == 199:
        with torch.no_grad(): ok = (blob(Qte).argmax(1) == cte).float().mean().item()
        print(ep, f"loss={loss.item():.4f} test acc={ok:.3f}")
plt.plot(hist); plt.show()

# %%
gx, gy = torch.meshgrid(torch.linspace(-13, 11, 150), torch.linspace(-13, 15, 150), indexing="xy")
with torch.no_grad():
    zone = blob(torch.stack([gx.flatten(), gy.flatten()], 1).to(dev)).argmax(1).cpu().view(gx.shape)
plt.contourf(gx, gy, zone, alpha=.4); plt.scatter(Q[:, 0].cpu(), Q[:, 1].cpu(), c=c.cpu(), s=6); plt.show()
