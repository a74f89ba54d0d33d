# %%
import torch
from torch import nn

inputs = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
wanted = torch.tensor([[0.0], [0.0], [0.0], [1.0]])
perceptron = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(perceptron.parameters(), lr=0.2)

# %%
kept = []
for epoch in range(2000):
    optimizer.zero_grad()
    loss = criterion(perceptron(inputs), wanted)
    loss.backward()
    optimizer.step()
    kept.append(loss.item())
    if (epoch + 1) % 100 == 0:
        print(f"Epoch {epoch + 1}: loss {loss.item():.4f}")
