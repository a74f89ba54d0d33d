# %% [markdown]
# ## Ex 3 · A baseline model
#
# Two linear layers and nothing between them. It ends in one *logit* for each point: above zero means class 1.

# %%
device = "cuda" if torch.cuda.is_available() else "cpu"


class LinearCircles(nn.Module):
    """Two straight layers, which together are one straight layer."""

    def __init__(self, hidden=10):
        super().__init__()
        self.first = nn.Linear(2, hidden)
        self.second = nn.Linear(hidden, 1)

    def forward(self, points):
        return self.second(self.first(points)).squeeze(dim=1)


baseline = LinearCircles().to(device)

# The data have to be where the model is.
X_train, X_test = X_train.to(device), X_test.to(device)
y_train, y_test = y_train.to(device), y_test.to(device)

print(baseline)
