# %% [markdown]
# # Práctica 6: clasificadores
# Alumno: Iñaki R.

# %%
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
import numpy as np
import pandas as pd
import seaborn as sns
import matplotlib.pyplot as plt
from tqdm import tqdm
from sklearn.datasets import make_circles, make_blobs
from sklearn.model_selection import train_test_split

SEMILLA = 7
torch.manual_seed(SEMILLA)
sns.set_theme(style="whitegrid")
dev = "cuda" if torch.cuda.is_available() else "cpu"

# %% [markdown]
# ## Ejercicio 1

# %%
Xn, yn = make_circles(2000, noise=0.05, random_state=42)
tabla = pd.DataFrame({"x1": Xn[:, 0], "x2": Xn[:, 1], "clase": yn})
print("X tiene forma", Xn.shape, "e y tiene forma", yn.shape)
print(f"Cada muestra tiene {Xn.shape[1]} características")
print(tabla.head(8))

# %%
sns.scatterplot(data=tabla, x="x1", y="x2", hue="clase", s=12)
plt.show()

# %% [markdown]
# ## Ejercicio 2

# %%
Xtr_n, Xte_n, ytr_n, yte_n = train_test_split(Xn, yn, test_size=0.2, random_state=42, stratify=yn)

def a_tensor(a):
    return torch.from_numpy(a.astype(np.float32)).to(dev)

X_ent, X_pru = a_tensor(Xtr_n), a_tensor(Xte_n)
y_ent, y_pru = a_tensor(ytr_n).unsqueeze(1), a_tensor(yte_n).unsqueeze(1)
cargador = DataLoader(TensorDataset(X_ent, y_ent), batch_size=200, shuffle=True)
print(X_ent.shape, y_ent.shape, X_pru.shape, y_pru.shape)

# %% [markdown]
# ## Ejercicio 3

# %%
class RedLineal(nn.Module):
    def __init__(self):
        super().__init__()
        self.capas = nn.Sequential(nn.Linear(2, 6), nn.Linear(6, 1))

    def forward(self, entrada):
        return self.capas(entrada)

red_lineal = RedLineal().to(dev)
print(red_lineal)

# %% [markdown]
# ## Ejercicio 4
# Junto la pérdida, el optimizador y el bucle en una clase, así la vuelvo a usar más tarde.

# %%
class Entrenador:
    """Entrena un clasificador binario y guarda el historial."""

    def __init__(self, red, optimizador):
        self.red = red
        self.criterio = nn.BCEWithLogitsLoss()
        self.optimizador = optimizador
        self.filas = []

    def _una_epoca(self, datos):
        self.red.train()
        suma, aciertos, vistos = 0.0, 0, 0
        for xb, yb in datos:
            logits = self.red(xb)
            perdida = self.criterio(logits, yb)
            self.optimizador.zero_grad()
            perdida.backward()
            self.optimizador.step()
            suma += perdida.item() * len(xb)
            aciertos += ((logits > 0) == (yb > 0.5)).sum().item()
            vistos += len(xb)
        return suma / vistos, aciertos / vistos

    @torch.no_grad()
    def evaluar(self, X, y):
        self.red.eval()
        logits = self.red(X)
        exactitud = ((logits > 0) == (y > 0.5)).float().mean()
        return self.criterio(logits, y).item(), exactitud.item()

    def ajustar(self, datos, epocas):
        barra = tqdm(range(1, epocas + 1))
        for e in barra:
            p_ent, ex_ent = self._una_epoca(datos)
            p_pru, ex_pru = self.evaluar(X_pru, y_pru)
            self.filas.append({"epoca": e, "perdida_ent": p_ent, "exact_ent": ex_ent,
                               "perdida_pru": p_pru, "exact_pru": ex_pru})
            if e % 10 == 0:
                tqdm.write(f"[{e}/{epocas}] entrenamiento {p_ent:.4f} / {ex_ent:.2%}   "
                           f"prueba {p_pru:.4f} / {ex_pru:.2%}")
        return pd.DataFrame(self.filas)

ent_lineal = Entrenador(red_lineal, torch.optim.SGD(red_lineal.parameters(), lr=0.1))
print(ent_lineal.criterio, ent_lineal.optimizador)

# %% [markdown]
# ## Ejercicio 5

# %%
hist = ent_lineal.ajustar(cargador, 80)
hist.tail(3)

# %%
def dibujar_historial(h, titulo):
    fig, ejes = plt.subplots(1, 2, figsize=(12, 4))
    sns.lineplot(data=h, x="epoca", y="perdida_ent", ax=ejes[0], label="entrenamiento")
    sns.lineplot(data=h, x="epoca", y="perdida_pru", ax=ejes[0], label="prueba")
    sns.lineplot(data=h, x="epoca", y="exact_ent", ax=ejes[1], label="entrenamiento")
    sns.lineplot(data=h, x="epoca", y="exact_pru", ax=ejes[1], label="prueba")
    ejes[0].set_ylabel("pérdida")
    ejes[1].set_ylabel("exactitud")
    fig.suptitle(titulo)
    plt.show()

dibujar_historial(hist, "Red lineal")

# %% [markdown]
# ## Ejercicio 6

# %%
class RedCurva(nn.Module):
    def __init__(self, n=24):
        super().__init__()
        self.capas = nn.Sequential(
            nn.Linear(2, n), nn.LeakyReLU(0.05),
            nn.Linear(n, n), nn.LeakyReLU(0.05),
            nn.Linear(n, 1),
        )

    def forward(self, entrada):
        return self.capas(entrada)

red_curva = RedCurva().to(dev)

# %% [markdown]
# ## Ejercicio 7

# %%
ent_curva = Entrenador(red_curva, torch.optim.AdamW(red_curva.parameters(), lr=5e-3))
hist_curva = ent_curva.ajustar(cargador, 60)
dibujar_historial(hist_curva, "Red con activaciones")

# %% [markdown]
# ## Ejercicio 8

# %%
def frontera(red, X, y, eje):
    X, y = X.cpu().numpy(), y.cpu().numpy().ravel()
    eje_x = np.linspace(X[:, 0].min() - .25, X[:, 0].max() + .25, 180)
    eje_y = np.linspace(X[:, 1].min() - .25, X[:, 1].max() + .25, 180)
    gx, gy = np.meshgrid(eje_x, eje_y)
    malla = a_tensor(np.c_[gx.ravel(), gy.ravel()])
    with torch.inference_mode():
        clase = (red(malla) > 0).int().cpu().numpy().reshape(gx.shape)
    eje.contourf(gx, gy, clase, levels=[-.5, .5, 1.5], colors=["#9ecae1", "#fdae6b"])
    sns.scatterplot(x=X[:, 0], y=X[:, 1], hue=y.astype(int), s=14, ax=eje, palette=["#08519c", "#a63603"])

fig, ejes = plt.subplots(1, 2, figsize=(13, 5))
frontera(red_curva, X_ent, y_ent, ejes[0])
ejes[0].set_title("Entrenamiento")
frontera(red_curva, X_pru, y_pru, ejes[1])
ejes[1].set_title("Prueba")
plt.show()

# %% [markdown]
# ## Ejercicio 9

# %%
Xm, ym = make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
Xm_ent, Xm_pru, ym_ent, ym_pru = train_test_split(Xm, ym, test_size=0.2, random_state=42)
Xm_ent, Xm_pru = a_tensor(Xm_ent), a_tensor(Xm_pru)
ym_ent = torch.as_tensor(ym_ent, dtype=torch.int64, device=dev)
ym_pru = torch.as_tensor(ym_pru, dtype=torch.int64, device=dev)

red_multi = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 4)).to(dev)
criterio_multi = nn.CrossEntropyLoss()
opt_multi = torch.optim.Adam(red_multi.parameters(), lr=0.02)
lotes = DataLoader(TensorDataset(Xm_ent, ym_ent), batch_size=100, shuffle=True)

filas = []
for e in tqdm(range(1, 51)):
    red_multi.train()
    total = 0.0
    for xb, yb in lotes:
        opt_multi.zero_grad()
        perdida = criterio_multi(red_multi(xb), yb)
        perdida.backward()
        opt_multi.step()
        total += perdida.item() * len(xb)
    red_multi.eval()
    with torch.no_grad():
        sal = red_multi(Xm_pru)
        p_pru = criterio_multi(sal, ym_pru).item()
        ex = (sal.argmax(1) == ym_pru).float().mean().item()
    filas.append((e, total / len(Xm_ent), p_pru, ex))
    if e % 10 == 0:
        print(f"[{e}] pérdida ent.={total / len(Xm_ent):.4f} pérdida pru.={p_pru:.4f} exactitud={ex:.2%}")

hist_multi = pd.DataFrame(filas, columns=["epoca", "perdida_ent", "perdida_pru", "exactitud"])
sns.lineplot(data=hist_multi.melt("epoca"), x="epoca", y="value", hue="variable")
plt.show()
