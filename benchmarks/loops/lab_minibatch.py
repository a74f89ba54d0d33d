# %%
import torch
from sklearn.datasets import make_circles
from sklearn.model_selection import train_test_split
from torch import nn

points, rings = make_circles(2000, noise=0.05, random_state=42)
points, rings = torch.tensor(points).float(), torch.tensor(rings).float()
points_train, points_test, rings_train, rings_test = train_test_split(
    points, rings, test_size=0.2, random_state=42
)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(2, 128)
        self.two = nn.Linear(128, 64)
        self.three = nn.Linear(64, 1)
        self.bend = nn.ReLU()

    def forward(self, batch):
        return self.three(self.bend(self.two(self.bend(self.one(batch)))))


net = Net()
criterion = nn.BCEWithLogitsLoss()
sgd = torch.optim.SGD(net.parameters(), lr=0.1)

# %%
train_losses, train_accuracies, test_losses, test_accuracies = [], [], [], []

for epoch in range(30):
    net.train()
    total, right = 0.0, 0
    order = torch.randperm(len(points_train))
    shuffled_points, shuffled_rings = points_train[order], rings_train[order]
    for start in range(0, len(points_train), 32):
        batch, labels = shuffled_points[start : start + 32], shuffled_rings[start : start + 32]
        sgd.zero_grad()
        logits = net(batch)
        loss = criterion(logits.squeeze(), labels)
        loss.backward()
        sgd.step()
        total += loss.item() * len(batch)
        with torch.no_grad():
            guesses = torch.sigmoid(logits).squeeze() > 0.5
            right += (guesses == labels).sum().item()
    train_losses.append(total / len(points_train))
    train_accuracies.append(right / len(points_train))
    net.eval()
    with torch.no_grad():
        logits = net(points_test)
        loss = criterion(logits.squeeze(), rings_test)
        correct = ((torch.sigmoid(logits) > 0.5).squeeze() == rings_test).float().mean()
    test_losses.append(loss.item())
    test_accuracies.append(correct.item())
    if (epoch + 1) % 10 == 0:
        print(f"Epoch {epoch + 1}: loss {train_losses[-1]:.4f}, test loss {loss:.4f}, accuracy {correct:.2%}")
