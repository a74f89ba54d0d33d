"""Praktikum 6: Klassifikation mit PyTorch"""
import copy
import logging
import sys

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_blobs, make_circles
from sklearn.model_selection import train_test_split
from torch import nn

logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("praktikum")
logging.getLogger("matplotlib").setLevel(logging.WARNING)

# Aufgabe 1: Daten ansehen
merkmale, klassen = make_circles(n_samples=2000, noise=0.05, random_state=42)
log.info("Form von X: %s, Form von y: %s", merkmale.shape, klassen.shape)
log.info("Zweite Dimension von X: %d Merkmale (Koordinaten der Punkte)", merkmale.shape[1])
log.info("Erste Werte:\n%s\n%s", merkmale[:4], klassen[:4])

# Aufgabe 2: Tensoren, Aufteilung in Training, Validierung und Test
X = torch.tensor(merkmale, dtype=torch.float32)
y = torch.tensor(klassen, dtype=torch.float32)
X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, test_size=0.15, random_state=42)
log.info("Training %d, Validierung %d, Test %d", len(X_train), len(X_val), len(X_test))


# Aufgabe 3: lineares Modell
class LinearesNetz(nn.Module):
    def __init__(self, breite=8):
        super().__init__()
        self.eingang = nn.Linear(2, breite)
        self.ausgang = nn.Linear(breite, 1)

    def forward(self, x):
        return self.ausgang(self.eingang(x))


linear = LinearesNetz()

# Aufgabe 4: Verlustfunktion und Optimierer
verlust_fn = nn.BCEWithLogitsLoss()
optimierer = torch.optim.SGD(linear.parameters(), lr=0.1)


# Aufgabe 5: Trainingsschleife
def genauigkeit(logits, ziel):
    return ((logits.squeeze(1) > 0).float() == ziel).float().mean().item()


verlust_kurve, genauigkeit_kurve = [], []
epoche = 0
while epoche < 100:
    epoche += 1
    linear.train()
    optimierer.zero_grad()
    ausgabe = linear(X_train)
    verlust = verlust_fn(ausgabe, y_train.unsqueeze(1))
    verlust.backward()
    optimierer.step()
    if epoche % 10 == 0:
        linear.eval()
        with torch.no_grad():
            val_ausgabe = linear(X_val)
            verlust_kurve.append(verlust_fn(val_ausgabe, y_val.unsqueeze(1)).item())
            genauigkeit_kurve.append(genauigkeit(val_ausgabe, y_val))
        log.info("Epoche %3d: Verlust %.4f, Genauigkeit %.2f %%", epoche, verlust_kurve[-1], 100 * genauigkeit_kurve[-1])

fig, achsen = plt.subplots(2, 1, sharex=True)
achsen[0].plot(range(10, 101, 10), verlust_kurve, "o-")
achsen[0].set_ylabel("Verlust")
achsen[1].plot(range(10, 101, 10), genauigkeit_kurve, "s-", color="green")
achsen[1].set_ylabel("Genauigkeit")
achsen[1].set_xlabel("Epoche")
fig.savefig("kurven_linear.png")


# Aufgabe 6: nichtlineares Modell
class GekruemmtesNetz(nn.Module):
    def __init__(self):
        super().__init__()
        self.schicht1 = nn.Linear(2, 32)
        self.schicht2 = nn.Linear(32, 16)
        self.schicht3 = nn.Linear(16, 1)
        self.akt = nn.ELU()

    def forward(self, x):
        return self.schicht3(self.akt(self.schicht2(self.akt(self.schicht1(x)))))


netz = GekruemmtesNetz()

# Aufgabe 7: neuer Optimierer, Schleife mit frühem Abbruch
optimierer2 = torch.optim.AdamW(netz.parameters(), lr=0.01)
bester_verlust, bester_zustand, geduld = float("inf"), None, 0
kurve_train, kurve_val, kurve_genau = [], [], []
epoche = 0
while epoche < 150 and geduld < 20:
    epoche += 1
    netz.train()
    summe, anzahl = 0.0, 0
    for xb, yb in zip(X_train.split(128), y_train.split(128)):
        verlust = verlust_fn(netz(xb).squeeze(1), yb)
        optimierer2.zero_grad()
        verlust.backward()
        optimierer2.step()
        summe += verlust.item() * len(xb)
        anzahl += len(xb)
    kurve_train.append(summe / anzahl)
    netz.eval()
    with torch.no_grad():
        logits = netz(X_val)
        v = verlust_fn(logits.squeeze(1), y_val).item()
    kurve_val.append(v)
    kurve_genau.append(genauigkeit(logits, y_val))
    if v < bester_verlust - 1e-4:
        bester_verlust, bester_zustand, geduld = v, copy.deepcopy(netz.state_dict()), 0
    else:
        geduld += 1
    if epoche % 10 == 0:
        log.info("Epoche %3d: Trainingsverlust %.4f, Validierungsverlust %.4f, Genauigkeit %.2f %%",
                 epoche, kurve_train[-1], v, 100 * kurve_genau[-1])

netz.load_state_dict(bester_zustand)
netz.eval()
with torch.no_grad():
    log.info("Abbruch nach %d Epochen, Testgenauigkeit %.2f %%", epoche, 100 * genauigkeit(netz(X_test), y_test))

plt.figure()
plt.plot(kurve_train, label="Training")
plt.plot(kurve_val, label="Validierung")
plt.title("Verlust")
plt.legend()
plt.savefig("kurven_netz.png")


# Aufgabe 8: Entscheidungsgrenze
def grenze(modell, X, y, titel, datei):
    a = np.linspace(-1.5, 1.5, 140)
    xx, yy = np.meshgrid(a, a)
    gitter = torch.tensor(np.c_[xx.ravel(), yy.ravel()], dtype=torch.float32)
    with torch.no_grad():
        z = torch.sigmoid(modell(gitter)).reshape(xx.shape).numpy()
    plt.figure(figsize=(5, 5))
    plt.pcolormesh(xx, yy, (z > 0.5).astype(int), cmap="Wistia", shading="auto")
    plt.scatter(X[:, 0], X[:, 1], c=y, s=6, cmap="winter")
    plt.title(titel)
    plt.savefig(datei)
    plt.close()


grenze(netz, X_train, y_train, "Trainingsdaten", "grenze_train.png")
grenze(netz, X_test, y_test, "Testdaten", "grenze_test.png")

# Aufgabe 9: vier Klassen
B, k = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
B_train, B_test, k_train, k_test = train_test_split(
    torch.tensor(B, dtype=torch.float32), torch.tensor(k, dtype=torch.long), test_size=0.2, random_state=42)
vierer = nn.Sequential(nn.Linear(2, 16), nn.ELU(), nn.Linear(16, 4))
kreuz = nn.CrossEntropyLoss()
optimierer3 = torch.optim.AdamW(vierer.parameters(), lr=0.02)
for epoche in range(1, 101):
    verlust = kreuz(vierer(B_train), k_train)
    optimierer3.zero_grad()
    verlust.backward()
    optimierer3.step()
    if epoche % 10 == 0:
        with torch.no_grad():
            richtig = (vierer(B_test).argmax(1) == k_test).float().mean().item()
        log.info("Epoche %3d: Verlust %.4f, Genauigkeit %.1f %%", epoche, verlust.item(), 100 * richtig)
