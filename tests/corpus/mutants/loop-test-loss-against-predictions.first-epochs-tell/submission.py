# %% [markdown]
# # TP 6 — Classification avec PyTorch

# %%
import torch
import torch.nn as nn
import numpy as np
import matplotlib.pyplot as plt
from sklearn.datasets import make_circles, make_blobs
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(2024)
appareil = "cuda" if torch.cuda.is_available() else "cpu"

# %%
X, y = make_circles(2000, noise=0.05, random_state=42)

# %% [markdown]
# ## Exercice 1 : découverte des données

# %%
print(f"X : {X.shape}, y : {y.shape}")
print(f"Dimension 1 de X = {X.shape[1]} → deux variables par point")
print("Les cinq premiers points :\n", X[:5].round(3))
print("et leurs classes :", y[:5])

# %%
plt.figure(figsize=(5, 5))
for c, coul in ((0, "darkorange"), (1, "steelblue")):
    plt.scatter(X[y == c, 0], X[y == c, 1], s=5, color=coul, label=f"classe {c}")
plt.legend()
plt.show()

# %% [markdown]
# ## Exercice 2 : tenseurs et découpage
# Je centre-réduis les variables ; le scaler n'apprend que sur l'apprentissage.

# %%
X_app, X_val, y_app, y_val = train_test_split(X, y, test_size=0.2, random_state=42)
scaler = StandardScaler().fit(X_app)
X_app = torch.tensor(scaler.transform(X_app), dtype=torch.float32, device=appareil)
X_val = torch.tensor(scaler.transform(X_val), dtype=torch.float32, device=appareil)
y_app = torch.tensor(y_app, dtype=torch.float32, device=appareil)
y_val = torch.tensor(y_val, dtype=torch.float32, device=appareil)
print(X_app.shape, X_val.shape, y_app.shape, y_val.shape)

# %% [markdown]
# ## Exercice 3 : modèle de base

# %%
modele_base = nn.Sequential(
    nn.Linear(2, 12),
    nn.Linear(12, 1),
).to(appareil)
modele_base

# %% [markdown]
# ## Exercice 4 : coût et optimiseur

# %%
cout = nn.BCEWithLogitsLoss()
optimiseur = torch.optim.SGD(modele_base.parameters(), lr=0.1)

# %% [markdown]
# ## Exercice 5 : apprentissage

# %%
def mesurer(modele, X, y):
    modele.eval()
    with torch.inference_mode():
        z = modele(X)[:, 0]
        perte = cout(z, y)
        justes = torch.round(torch.sigmoid(z)) == y
    return perte.item(), justes.float().mean().item() * 100


N = 200
suivi = np.zeros((N // 10, 5))      # époque, perte app, acc app, perte val, acc val

for epoque in range(N):
    modele_base.train()
    z = modele_base(X_app)[:, 0]
    perte = cout(z, y_app)
    modele_base.zero_grad()
    perte.backward()
    optimiseur.step()

    if (epoque + 1) % 10 == 0:
        p_a, a_a = mesurer(modele_base, X_app, y_app)
        p_v, a_v = mesurer(modele_base, X_val, y_val)
        suivi[epoque // 10] = epoque + 1, p_a, a_a, p_v, a_v
        print(f"Époque {epoque + 1} : perte {p_a:.4f} (val. {p_v:.4f}), exactitude {a_a:.1f} % (val. {a_v:.1f} %)")

# %%
fig, ax = plt.subplots(2, 1, sharex=True, figsize=(7, 6))
ax[0].plot(suivi[:, 0], suivi[:, [1, 3]], label=["apprentissage", "validation"])
ax[0].set_ylabel("perte")
ax[0].legend()
ax[1].plot(suivi[:, 0], suivi[:, [2, 4]], label=["apprentissage", "validation"])
ax[1].set_ylabel("exactitude (%)")
ax[1].set_xlabel("époque")
plt.show()

# %% [markdown]
# ## Exercice 6 : avec des non-linéarités

# %%
class ReseauCourbe(nn.Module):
    def __init__(self, largeur=20):
        super().__init__()
        self.a = nn.Linear(2, largeur)
        self.b = nn.Linear(largeur, largeur)
        self.c = nn.Linear(largeur, 1)

    def forward(self, x):
        h = torch.tanh(self.a(x))
        h = torch.tanh(self.b(h))
        return self.c(h)


reseau = ReseauCourbe().to(appareil)

# %% [markdown]
# ## Exercice 7 : nouvel apprentissage (gradients accumulés sur 4 morceaux)

# %%
opt_reseau = torch.optim.Adam(reseau.parameters(), lr=0.01)
MORCEAUX = 4
N = 120
suivi_reseau = np.zeros((N // 10, 5))

for epoque in range(N):
    reseau.train()
    ordre = torch.randperm(len(X_app), device=appareil)
    opt_reseau.zero_grad()
    for indices in ordre.chunk(MORCEAUX):
        perte = cout(reseau(X_app[indices])[:, 0], y_app[indices])
        (perte / MORCEAUX).backward()
    opt_reseau.step()

    if (epoque + 1) % 10 == 0:
        p_a, a_a = mesurer(reseau, X_app, y_app)
        p_v, a_v = mesurer(reseau, X_val, y_val)
        suivi_reseau[epoque // 10] = epoque + 1, p_a, a_a, p_v, a_v
        print(f"Époque {epoque + 1} : perte {p_a:.4f} (val. {p_v:.4f}), exactitude {a_a:.1f} % (val. {a_v:.1f} %)")

# %%
fig, ax = plt.subplots(2, 1, sharex=True, figsize=(7, 6))
ax[0].plot(suivi_reseau[:, 0], suivi_reseau[:, 1], label="perte apprentissage")
ax[0].plot(suivi_reseau[:, 0], suivi_reseau[:, 3], label="perte validation")
ax[1].plot(suivi_reseau[:, 0], suivi_reseau[:, 2], label="exactitude apprentissage")
ax[1].plot(suivi_reseau[:, 0], suivi_reseau[:, 4], label="exactitude validation")
ax[0].legend()
ax[1].legend()
plt.show()

# %% [markdown]
# ## Exercice 8 : frontière de décision
# Dans l'espace centré-réduit, celui que voit le réseau.

# %%
def tracer_frontiere(modele, X, y, titre):
    X, y = X.cpu().numpy(), y.cpu().numpy()
    bas, haut = X.min(axis=0) - 0.3, X.max(axis=0) + 0.3
    u = np.linspace(bas[0], haut[0], 160)
    v = np.linspace(bas[1], haut[1], 160)
    uu, vv = np.meshgrid(u, v)
    grille = np.stack((uu.flatten(), vv.flatten()), axis=1)
    modele.eval()
    with torch.inference_mode():
        z = modele(torch.tensor(grille, dtype=torch.float32, device=appareil))
    classes = (z.sigmoid() >= 0.5).float().cpu().numpy().reshape(uu.shape)
    plt.pcolormesh(uu, vv, classes, cmap="PuOr", alpha=0.4, shading="auto")
    plt.scatter(X[:, 0], X[:, 1], c=y, cmap="PuOr", s=7, edgecolors="black", linewidths=0.3)
    plt.title(titre)


plt.figure(figsize=(12, 5))
plt.subplot(121)
tracer_frontiere(reseau, X_app, y_app, "Données d'apprentissage")
plt.subplot(122)
tracer_frontiere(reseau, X_val, y_val, "Données de validation")
plt.show()

# %% [markdown]
# ## Exercice 9 : quatre classes

# %%
Xq, yq = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
Xq_app, Xq_val, yq_app, yq_val = train_test_split(Xq, yq, test_size=0.2, random_state=42)
sc = StandardScaler()
Xq_app = torch.tensor(sc.fit_transform(Xq_app), dtype=torch.float32)
Xq_val = torch.tensor(sc.transform(Xq_val), dtype=torch.float32)
yq_app, yq_val = torch.tensor(yq_app), torch.tensor(yq_val)


class QuatreClasses(nn.Module):
    def __init__(self):
        super().__init__()
        self.couche = nn.Linear(2, 4)

    def forward(self, x):
        return self.couche(x)


modele4 = QuatreClasses()
cout4 = nn.CrossEntropyLoss()
opt4 = torch.optim.SGD(modele4.parameters(), lr=0.5)

suivi4 = []
for epoque in range(200):
    modele4.train()
    opt4.zero_grad()
    perte = cout4(modele4(Xq_app), yq_app)
    perte.backward()
    opt4.step()
    modele4.eval()
    with torch.inference_mode():
        sortie = modele4(Xq_val)
        yq_pred = sortie.argmax(dim=-1)
        perte_val = cout4(sortie, yq_pred)
        taux = 100 * (yq_pred == yq_val).float().mean()
    suivi4.append([perte.item(), perte_val.item(), taux.item()])
    if epoque % 20 == 0 or epoque == 199:
        print(f"Époque {epoque} : perte {perte.item():.4f} (val. {perte_val.item():.4f}), exactitude {taux.item():.1f} %")

suivi4 = np.array(suivi4)
plt.plot(suivi4[:, :2])
plt.legend(["apprentissage", "validation"])
plt.show()
