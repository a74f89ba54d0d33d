# %% [markdown]
# # Übung 6 (KI-Praktikum)
# Bearbeitet von T. Krüger

# %%
import math
import torch
from torch import nn
import matplotlib.pyplot as plt
from sklearn.datasets import make_circles, make_blobs
from sklearn.model_selection import train_test_split

geraet = torch.device("cuda:0") if torch.cuda.is_available() else torch.device("cpu")
torch.manual_seed(11)

# %% [markdown]
# ## Aufgabe 1

# %%
punkte, klassen = make_circles(2000, noise=0.05, random_state=42)
punkte = torch.from_numpy(punkte)
klassen = torch.from_numpy(klassen)
print(punkte.shape, klassen.shape)
print("Merkmale pro Punkt (zweite Dimension):", punkte.size(1))
print(punkte[-4:])
print(klassen[-4:])

# %% [markdown]
# Die zweite Dimension von X ist 2, also eine x- und eine y-Koordinate.
#
# ## Aufgabe 2

# %%
punkte = punkte.float()
klassen = klassen.float()
x_train, x_test, t_train, t_test = train_test_split(punkte, klassen, test_size=0.25, random_state=42)
x_train, x_test = x_train.to(geraet), x_test.to(geraet)
t_train, t_test = t_train.to(geraet).view(-1, 1), t_test.to(geraet).view(-1, 1)
for n, t in [("x_train", x_train), ("x_test", x_test), ("t_train", t_train), ("t_test", t_test)]:
    print(n, tuple(t.shape), t.dtype)

# %% [markdown]
# ## Aufgabe 3

# %%
class Geradenmodell(nn.Module):
    def __init__(self, ein, mitte, aus):
        super(Geradenmodell, self).__init__()
        self.schicht_a = nn.Linear(ein, mitte)
        self.schicht_b = nn.Linear(mitte, aus)

    def forward(self, x):
        x = self.schicht_a(x)
        x = self.schicht_b(x)
        return x


gerade = Geradenmodell(2, 5, 1).to(geraet)

# %% [markdown]
# ## Aufgabe 4

# %%
fehler = nn.BCEWithLogitsLoss()
sgd = torch.optim.SGD(gerade.parameters(), lr=0.1)

# %% [markdown]
# ## Aufgabe 5

# %%
def treffer(netz, x, t):
    """Anteil richtiger Klassen in Prozent."""
    with torch.no_grad():
        wahrsch = torch.sigmoid(netz(x))
        klasse = wahrsch.round()
    return 100.0 * (klasse == t).sum().item() / t.numel()


verlauf = []
for epoche in range(1, 251):
    sgd.zero_grad()
    ausgabe = gerade(x_train)
    verlust = fehler(ausgabe, t_train)
    verlust.backward()
    sgd.step()
    if epoche % 10 == 0:
        with torch.no_grad():
            ausgabe_test = gerade(x_test)
            verlust_test = fehler(ausgabe_test, t_test)
        verlauf.append({
            "epoche": epoche,
            "verlust": fehler(gerade(x_train), t_train).item(),
            "verlust_test": verlust_test.item(),
            "genau": treffer(gerade, x_train, t_train),
            "genau_test": treffer(gerade, x_test, t_test),
        })
        z = verlauf[-1]
        print("Epoche %(epoche)d | Verlust %(verlust).4f / %(verlust_test).4f | "
              "Genauigkeit %(genau).2f%% / %(genau_test).2f%% (Train/Test)" % z)

# %%
def zeige_verlauf(v):
    ep = [z["epoche"] for z in v]
    plt.figure(figsize=(10, 4))
    plt.subplot(1, 2, 1)
    plt.plot(ep, [z["verlust"] for z in v], label="Train")
    plt.plot(ep, [z["verlust_test"] for z in v], "--", label="Test")
    plt.title("Verlust")
    plt.legend()
    plt.subplot(1, 2, 2)
    plt.plot(ep, [z["genau"] for z in v], label="Train")
    plt.plot(ep, [z["genau_test"] for z in v], "--", label="Test")
    plt.title("Genauigkeit in %")
    plt.legend()
    plt.show()


zeige_verlauf(verlauf)

# %% [markdown]
# ## Aufgabe 6

# %%
class Kreismodell(nn.Module):
    def __init__(self, breite=64):
        super(Kreismodell, self).__init__()
        self.eins = nn.Linear(2, breite)
        self.zwei = nn.Linear(breite, breite)
        self.drei = nn.Linear(breite, 1)
        self.akt = nn.ReLU()

    def forward(self, x):
        x = self.akt(self.eins(x))
        x = self.akt(self.zwei(x))
        return self.drei(x)


kreis = Kreismodell().to(geraet)

# %% [markdown]
# ## Aufgabe 7
# Diesmal mache ich den Gradientenschritt von Hand.

# %%
rate = 0.2
verlauf_kreis = []
for epoche in range(1, 1001):
    verlust = fehler(kreis(x_train), t_train)
    verlust.backward()
    with torch.no_grad():
        for p in kreis.parameters():
            p -= rate * p.grad
            p.grad = None
    if epoche % 10 == 0:
        with torch.no_grad():
            ausgabe_test = kreis(x_test)
            verlust_test = fehler(ausgabe_test, t_test)
            verlust_train = fehler(kreis(x_train), t_train)
        verlauf_kreis.append({
            "epoche": epoche,
            "verlust": verlust_train.item(),
            "verlust_test": verlust_test.item(),
            "genau": treffer(kreis, x_train, t_train),
            "genau_test": treffer(kreis, x_test, t_test),
        })
        z = verlauf_kreis[-1]
        print("Epoche %(epoche)d | Verlust %(verlust).4f / %(verlust_test).4f | "
              "Genauigkeit %(genau).2f%% / %(genau_test).2f%% (Train/Test)" % z)

zeige_verlauf(verlauf_kreis)

# %% [markdown]
# ## Aufgabe 8

# %%
def grenze(netz, x, t, ax):
    x, t = x.cpu(), t.cpu()
    links, rechts = x[:, 0].min().item() - 0.2, x[:, 0].max().item() + 0.2
    unten, oben = x[:, 1].min().item() - 0.2, x[:, 1].max().item() + 0.2
    gx, gy = torch.meshgrid(torch.linspace(links, rechts, 200),
                            torch.linspace(unten, oben, 200), indexing="xy")
    gitter = torch.stack([gx.reshape(-1), gy.reshape(-1)], dim=1).to(geraet)
    with torch.no_grad():
        flaeche = torch.sigmoid(netz(gitter)).round().cpu().reshape(gx.shape)
    ax.imshow(flaeche, origin="lower", extent=(links, rechts, unten, oben),
              cmap="Spectral", alpha=0.5, aspect="auto")
    ax.scatter(x[:, 0], x[:, 1], c=t.squeeze(), cmap="Spectral", s=6)


fig, (a1, a2) = plt.subplots(1, 2, figsize=(12, 5))
grenze(kreis, x_train, t_train, a1)
a1.set_title("Trainingsdaten")
grenze(kreis, x_test, t_test, a2)
a2.set_title("Testdaten")
plt.show()

# %% [markdown]
# ## Aufgabe 9

# %%
haufen, nr = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
haufen, nr = torch.from_numpy(haufen).float(), torch.from_numpy(nr).long()
h_train, h_test, n_train, n_test = train_test_split(haufen, nr, test_size=0.25, random_state=42)

haufenmodell = nn.Linear(2, 4)
kreuzentropie = nn.CrossEntropyLoss()
sgd_haufen = torch.optim.SGD(haufenmodell.parameters(), lr=0.1)

verlauf_haufen = []
for epoche in range(1, 121):
    sgd_haufen.zero_grad()
    logits = haufenmodell(h_train)
    verlust = kreuzentropie(logits, n_train)
    verlust.backward()
    sgd_haufen.step()
    with torch.no_grad():
        logits_test = haufenmodell(h_test)
        verlauf_haufen.append({
            "verlust": verlust.item(),
            "verlust_test": kreuzentropie(logits_test, n_test).item(),
            "genau_test": (logits_test.argmax(1) == n_test).float().mean().item() * 100,
        })
    if epoche % 10 == 0:
        z = verlauf_haufen[-1]
        print(f"Epoche {epoche}: Verlust {z['verlust']:.4f}, Test {z['verlust_test']:.4f}, "
              f"Genauigkeit Test {z['genau_test']:.2f}%")

plt.plot([z["verlust"] for z in verlauf_haufen], label="Train")
plt.plot([z["verlust_test"] for z in verlauf_haufen], label="Test")
plt.legend()
plt.show()
