# %% [markdown]
# # Why straight layers cannot part two rings: a solution

# %%
# Ex 1
import torch
from sklearn.datasets import make_circles
from sklearn.model_selection import train_test_split
from torch import nn

X, y = make_circles(1000, noise=0.03, random_state=42)
X = torch.from_numpy(X).type(torch.float32)
y = torch.from_numpy(y).type(torch.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)


# %%
# Ex 2
class CircleModelV0(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer_1 = nn.Linear(2, 5)
        self.layer_2 = nn.Linear(5, 1)

    def forward(self, x):
        return self.layer_2(self.layer_1(x))


model_0 = CircleModelV0()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model_0.parameters(), lr=0.1)

# %%
# Ex 3
for epoch in range(1, 101):
    loss = loss_fn(model_0(X_train).squeeze(dim=1), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

    if epoch % 10 == 0:
        with torch.inference_mode():
            logits, test_logits = model_0(X_train).squeeze(dim=1), model_0(X_test).squeeze(dim=1)
            loss, test_loss = loss_fn(logits, y_train), loss_fn(test_logits, y_test)
        # logits -> probabilities -> labels
        labels, test_labels = torch.round(torch.sigmoid(logits)), torch.round(torch.sigmoid(test_logits))
        accuracy = 100 * (labels == y_train).float().mean()
        test_accuracy = 100 * (test_labels == y_test).float().mean()
        print(
            f"Epoch {epoch} | loss: {loss:.4f}, accuracy: {accuracy:.2f}% "
            f"| test loss: {test_loss:.4f}, test accuracy: {test_accuracy:.2f}%"
        )


# %%
# Ex 4
class CircleModelV1(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer_1 = nn.Linear(2, 10)
        self.layer_2 = nn.Linear(10, 10)
        self.layer_3 = nn.Linear(10, 1)

    def forward(self, x):
        return self.layer_3(self.layer_2(self.layer_1(x)))


model_1 = CircleModelV1()
optimizer_1 = torch.optim.SGD(model_1.parameters(), lr=0.1)

for epoch in range(1, 1001):
    loss = loss_fn(model_1(X_train).squeeze(dim=1), y_train)
    optimizer_1.zero_grad()
    loss.backward()
    optimizer_1.step()

    if epoch % 100 == 0:
        with torch.inference_mode():
            test_logits = model_1(X_test).squeeze(dim=1)
            test_loss = loss_fn(test_logits, y_test)
        test_accuracy = 100 * ((test_logits > 0) == y_test).float().mean()
        print(f"Epoch {epoch} | test loss: {test_loss:.4f}, test accuracy: {test_accuracy:.2f}%")

# %%
# Ex 5
X_line = torch.arange(0, 1, 0.01).unsqueeze(dim=1)
y_line = 0.7 * X_line + 0.3
X_line_train, X_line_test = X_line[:80], X_line[80:]
y_line_train, y_line_test = y_line[:80], y_line[80:]

model_2 = nn.Sequential(nn.Linear(1, 10), nn.Linear(10, 10), nn.Linear(10, 1))
line_loss_fn = nn.L1Loss()
line_optimizer = torch.optim.SGD(model_2.parameters(), lr=0.01)

for epoch in range(1, 1001):
    loss = line_loss_fn(model_2(X_line_train), y_line_train)
    line_optimizer.zero_grad()
    loss.backward()
    line_optimizer.step()

    if epoch % 100 == 0:
        with torch.inference_mode():
            test_loss = line_loss_fn(model_2(X_line_test), y_line_test)
        print(f"Epoch {epoch} | test loss: {test_loss:.4f}")
