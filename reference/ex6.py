# %% [markdown]
# ## Ex 6 · A model that can bend
#
# A ReLU after each hidden layer. The last layer stays bare: its logit goes to the loss as it is.

# %%
class BentCircles(nn.Module):
    """Two hidden layers with ReLU, and one logit."""

    def __init__(self, hidden=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, points):
        return self.layers(points).squeeze(dim=1)


nonlinear = BentCircles().to(device)
print(nonlinear)
