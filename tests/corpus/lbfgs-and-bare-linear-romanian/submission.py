# %% [markdown]
# # Laborator 6 – clasificare
# Ana P., grupa 1332

# %%
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import matplotlib.pyplot as plt
from sklearn.datasets import make_circles, make_blobs
from sklearn.model_selection import train_test_split

dispozitiv = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print("rulez pe", dispozitiv)

# %%
# datele cu cercuri
date, etichete = make_circles(n_samples=2000, noise=0.05, random_state=42)
plt.figure()
plt.scatter(date[:, 0], date[:, 1], c=etichete, s=6, cmap="coolwarm")
plt.title("cele doua cercuri")
plt.show()

# %% [markdown]
# ## Exercițiul 1

# %%
print("forma lui X:", date.shape, "   forma lui y:", etichete.shape)
print("a doua dimensiune a lui X este", date.shape[1], "(coordonatele x1 si x2)")
for i in range(6):
    print(date[i], "->", etichete[i])

# %% [markdown]
# ## Exercițiul 2
# Trec totul în tensori și păstrez o cincime pentru testare.

# %%
date_t = torch.tensor(date, dtype=torch.float32)
etichete_t = torch.tensor(etichete, dtype=torch.float32)

X_antr, X_test, y_antr, y_test = train_test_split(date_t, etichete_t, test_size=0.2, random_state=42)
X_antr, X_test = X_antr.to(dispozitiv), X_test.to(dispozitiv)
y_antr, y_test = y_antr.to(dispozitiv), y_test.to(dispozitiv)
print(len(X_antr), "antrenare /", len(X_test), "test")

# %% [markdown]
# ## Exercițiul 3

# %%
class ModelSimplu(nn.Module):
    def __init__(self, ascuns=8):
        super().__init__()
        self.intrare = nn.Linear(2, ascuns)
        self.iesire = nn.Linear(ascuns, 1)

    def forward(self, x):
        return self.iesire(self.intrare(x)).squeeze(1)   # (N,)


simplu = ModelSimplu().to(dispozitiv)
print(simplu)

# %% [markdown]
# ## Exercițiul 4

# %%
cost = F.binary_cross_entropy_with_logits
opt_simplu = torch.optim.SGD(simplu.parameters(), lr=0.1)

# %% [markdown]
# ## Exercițiul 5

# %%
def acuratete(logiti, y):
    # logit pozitiv = clasa 1
    prezis = (logiti > 0).float()
    return (prezis == y).float().mean().item()


# %%
NR_EPOCI = 300
loss_curve, acc_curve, epoci = [], [], []

for ep in range(1, NR_EPOCI + 1):
    simplu.train()
    opt_simplu.zero_grad()
    pierdere = cost(simplu(X_antr), y_antr)
    pierdere.backward()
    opt_simplu.step()

    if ep % 10 == 0:
        simplu.eval()
        with torch.no_grad():
            logiti_test = simplu(X_test)
            pierdere_test = cost(logiti_test, y_test).item()
            ac_test = acuratete(logiti_test, y_test)
        loss_curve.append(pierdere_test)
        acc_curve.append(ac_test)
        epoci.append(ep)
        print(f"epoca {ep:3d}: pierdere test {pierdere_test:.4f}, acuratete test {ac_test:.4f}")

# %%
fig, (st, dr) = plt.subplots(1, 2, figsize=(11, 4))
st.plot(epoci, loss_curve, color="tab:red")
st.set_title("pierderea pe test")
dr.plot(epoci, acc_curve, color="tab:blue")
dr.set_title("acuratetea pe test")
for a in (st, dr):
    a.set_xlabel("epoca")
    a.grid(alpha=0.4)
plt.show()

# %% [markdown]
# Cum era de așteptat, o dreaptă nu poate tăia cercurile.
#
# ## Exercițiul 6

# %%
class ModelNeliniar(nn.Module):
    def __init__(self, ascuns=16):
        super().__init__()
        self.l1 = nn.Linear(2, ascuns)
        self.l2 = nn.Linear(ascuns, ascuns)
        self.l3 = nn.Linear(ascuns, 1)

    def forward(self, x):
        x = F.relu(self.l1(x))
        x = F.relu(self.l2(x))
        return self.l3(x).squeeze(1)


torch.manual_seed(3)
neliniar = ModelNeliniar().to(dispozitiv)
print(neliniar)

# %% [markdown]
# ## Exercițiul 7
# Încerc LBFGS, are nevoie de o funcție închisă care recalculează costul.

# %%
opt_nel = torch.optim.LBFGS(neliniar.parameters(), lr=0.2, max_iter=5)


def inchidere():
    opt_nel.zero_grad()
    p = cost(neliniar(X_antr), y_antr)
    p.backward()
    return p


loss_nel, acc_nel, epoci_nel = [], [], []
for ep in range(1, 61):
    neliniar.train()
    opt_nel.step(inchidere)

    if ep % 10 == 0:
        neliniar.eval()
        with torch.no_grad():
            logiti_test = neliniar(X_test)
            pierdere_test = cost(logiti_test, y_test).item()
            ac_test = acuratete(logiti_test, y_test)
        loss_nel.append(pierdere_test)
        acc_nel.append(ac_test)
        epoci_nel.append(ep)
        print(f"epoca {ep:3d}: pierdere test {pierdere_test:.4f}, acuratete test {ac_test:.4f}")

# %%
fig, (st, dr) = plt.subplots(1, 2, figsize=(11, 4))
st.plot(epoci_nel, loss_nel, color="tab:red")
st.set_title("pierderea pe test (model neliniar)")
dr.plot(epoci_nel, acc_nel, color="tab:blue")
dr.set_title("acuratetea pe test (model neliniar)")
plt.show()

# %% [markdown]
# ## Exercițiul 8

# %%
def granita(model, X, y, ax):
    X = X.cpu()
    y = y.cpu()
    x_min, x_max = X[:, 0].min() - 0.2, X[:, 0].max() + 0.2
    y_min, y_max = X[:, 1].min() - 0.2, X[:, 1].max() + 0.2
    xx, yy = np.meshgrid(np.linspace(x_min, x_max, 150), np.linspace(y_min, y_max, 150))
    puncte = torch.tensor(np.column_stack([xx.ravel(), yy.ravel()]), dtype=torch.float32)
    model.eval()
    with torch.no_grad():
        iesire = model(puncte.to(dispozitiv)).cpu()
        Z = (torch.sigmoid(iesire) > 0.5).float()
    ax.contourf(xx, yy, Z.numpy().reshape(xx.shape), cmap="coolwarm", alpha=0.6)
    ax.scatter(X[:, 0], X[:, 1], c=y, s=8, cmap="coolwarm", edgecolors="k", linewidths=0.2)


fig, axe = plt.subplots(1, 2, figsize=(12, 5))
granita(neliniar, X_antr, y_antr, axe[0])
axe[0].set_title("antrenare")
granita(neliniar, X_test, y_test, axe[1])
axe[1].set_title("test")
plt.show()

# %% [markdown]
# ## Exercițiul 9

# %%
Xb, yb = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
Xb = torch.tensor(Xb, dtype=torch.float32)
yb = torch.tensor(yb, dtype=torch.long)
Xb_antr, Xb_test, yb_antr, yb_test = train_test_split(Xb, yb, test_size=0.2, random_state=42)

model_pete = nn.Linear(2, 4)
opt_pete = torch.optim.SGD(model_pete.parameters(), lr=0.1)

pierderi_pete = []
for ep in range(1, 151):
    opt_pete.zero_grad()
    p = F.cross_entropy(model_pete(Xb_antr), yb_antr)
    p.backward()
    opt_pete.step()
    pierderi_pete.append(p.item())
    if ep % 10 == 0:
        with torch.no_grad():
            iesiri = model_pete(Xb_test)
            pt = F.cross_entropy(iesiri, yb_test)
            corecte = (iesiri.argmax(dim=1) == yb_test).sum().item()
        print(f"epoca {ep:3d}: pierdere antr. {p.item():.4f}, pierdere test {pt.item():.4f}, "
              f"acuratete test {corecte / len(yb_test):.4f}")

plt.plot(pierderi_pete)
plt.title("pierderea la antrenare, 4 clase")
plt.show()
