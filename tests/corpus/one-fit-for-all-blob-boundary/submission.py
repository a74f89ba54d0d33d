# %% [markdown]
# Classification homework. Everything goes through one `fit` function.

# %%
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
import matplotlib.pyplot as plt
from sklearn.datasets import make_circles, make_blobs
from sklearn.model_selection import train_test_split as tts
from sklearn.metrics import accuracy_score

dev = torch.device('cuda' if torch.cuda.is_available() else 'cpu')

# %% [markdown]
# # Q1

# %%
Xc, yc = make_circles(2000, noise=.05, random_state=42)
print(Xc.shape, yc.shape)
print('dim 2 of X =', Xc.shape[1], '-> the coordinates')
print(np.hstack([Xc[:6], yc[:6, None]]))

# %% [markdown]
# # Q2

# %%
def prepare(X, y, ydtype):
    Xa, Xb, ya, yb = tts(X, y, test_size=.2, random_state=42)
    f = lambda a, t: torch.as_tensor(a, dtype=t, device=dev)
    return f(Xa, torch.float32), f(Xb, torch.float32), f(ya, ydtype), f(yb, ydtype)

Xtr, Xte, ytr, yte = prepare(Xc, yc, torch.float32)
print(Xtr.shape, Xte.shape, ytr.shape, yte.shape, Xtr.dtype)

# %% [markdown]
# # Q3

# %%
torch.manual_seed(1)
lin = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1), nn.Flatten(0)).to(dev)

# %% [markdown]
# # Q4

# %%
bce = nn.BCEWithLogitsLoss()
opt_lin = torch.optim.SGD(lin.parameters(), lr=0.1)

# %% [markdown]
# # Q5

# %%
binary = lambda z: (z > 0).long()
multi = lambda z: z.argmax(-1)

def fit(net, opt, lossf, decide, data, epochs, bs=400, every=10):
    Xa, Xb, ya, yb = data
    log = dict(ep=[], train_loss=[], test_loss=[], train_acc=[], test_acc=[])
    for ep in range(1, epochs + 1):
        net.train()
        idx = torch.randperm(len(Xa), device=Xa.device)
        run_loss, hits = 0., 0
        for i in range(0, len(Xa), bs):
            j = idx[i:i + bs]
            opt.zero_grad(set_to_none=True)
            z = net(Xa[j])
            l = lossf(z, ya[j])
            l.backward()
            opt.step()
            run_loss += l.item() * len(j)
            hits += (decide(z) == ya[j]).sum().item()
        if ep % every == 0:
            net.eval()
            with torch.no_grad():
                z = net(Xb)
                tl = lossf(z, yb).item()
                ta = accuracy_score(yb.cpu(), decide(z).cpu())
            log['ep'].append(ep)
            log['train_loss'].append(run_loss / len(Xa))
            log['test_loss'].append(tl)
            log['train_acc'].append(hits / len(Xa))
            log['test_acc'].append(ta)
            print(f'{ep:4d}  train {run_loss / len(Xa):.4f} {hits / len(Xa):6.1%}   test {tl:.4f} {ta:6.1%}')
    return log

def curves(log, name):
    f, ax = plt.subplots(1, 2, figsize=(10, 3.5))
    for a, what in zip(ax, ('loss', 'acc')):
        a.plot(log['ep'], log['train_' + what], 'o-', label='train')
        a.plot(log['ep'], log['test_' + what], 's-', label='test')
        a.set_title(f'{name}: {what}'); a.legend()
    plt.show()

# %%
log_lin = fit(lin, opt_lin, bce, binary, (Xtr, Xte, ytr, yte), 100)
curves(log_lin, 'linear')

# %% [markdown]
# # Q6

# %%
class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(x)

curved = nn.Sequential(nn.Linear(2, 32), Sine(), nn.Linear(32, 32), nn.SiLU(),
                       nn.Linear(32, 1), nn.Flatten(0)).to(dev)

# %% [markdown]
# # Q7

# %%
opt_curved = torch.optim.Adam(curved.parameters(), lr=3e-3)
log_curved = fit(curved, opt_curved, bce, binary, (Xtr, Xte, ytr, yte), 100)
curves(log_curved, 'curved')

# %% [markdown]
# # Q8

# %%
def boundary(net, X, y, ax, decide):
    X, y = X.cpu().numpy(), y.cpu().numpy()
    (x0, y0), (x1, y1) = X.min(0) - .2, X.max(0) + .2
    gx, gy = np.mgrid[x0:x1:200j, y0:y1:200j]
    with torch.no_grad():
        z = net(torch.as_tensor(np.c_[gx.ravel(), gy.ravel()], dtype=torch.float32, device=dev))
    ax.pcolormesh(gx, gy, decide(z).cpu().numpy().reshape(gx.shape), cmap='viridis', alpha=.35, shading='auto')
    ax.scatter(X[:, 0], X[:, 1], c=y, cmap='viridis', s=9, edgecolor='w', linewidth=.3)

f, ax = plt.subplots(1, 2, figsize=(11, 5))
boundary(curved, Xtr, ytr, ax[0], binary); ax[0].set_title('train')
boundary(curved, Xte, yte, ax[1], binary); ax[1].set_title('test')
plt.show()

# %% [markdown]
# # Q9

# %%
Xm, ym = make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
blobs = prepare(Xm, ym, torch.long)
blob_net = nn.Sequential(nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 4)).to(dev)
opt_blob = torch.optim.SGD(blob_net.parameters(), lr=0.05, momentum=.5)
log_blob = fit(blob_net, opt_blob, nn.CrossEntropyLoss(), multi, blobs, 60, bs=200)
curves(log_blob, 'blobs')
f, ax = plt.subplots(figsize=(6, 5))
boundary(blob_net, blobs[1], blobs[3], ax, multi)
plt.show()
