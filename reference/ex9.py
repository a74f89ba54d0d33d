# %% [markdown]
# ## Ex 9 · More than two classes
#
# Four blobs. What changes: four logits instead of one, cross entropy on class *numbers*, and the largest logit wins.

# %%
from sklearn.datasets import make_blobs

X_blob, y_blob = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
X_blob = torch.from_numpy(X_blob).to(torch.float32)
y_blob = torch.from_numpy(y_blob).to(torch.long)

X_blob_train, X_blob_test, y_blob_train, y_blob_test = (
    part.to(device) for part in train_test_split(X_blob, y_blob, test_size=0.2, random_state=42)
)

# %% [markdown]
# The blobs lie apart from each other, so straight lines between them will do: one linear layer is enough.

# %%
class LinearBlobs(nn.Module):
    """One linear layer: a score for each of the four classes."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Linear(2, 4)

    def forward(self, points):
        return self.scores(points)


blob_model = LinearBlobs().to(device)
blob_loss_fn = nn.CrossEntropyLoss()
blob_optimizer = torch.optim.SGD(blob_model.parameters(), lr=0.1)


# %%
def evaluate_blobs(points, labels):
    """Mean loss, and the share of points that get the right label."""
    blob_model.eval()
    with torch.inference_mode():
        logits = blob_model(points)
        loss = blob_loss_fn(logits, labels)
        accuracy = (logits.argmax(dim=1) == labels).float().mean()
    return loss.item(), accuracy.item()


blob_loss_curve, blob_test_loss_curve, blob_test_acc_curve = [], [], []

for epoch in range(1, 201):
    blob_model.train()
    loss = blob_loss_fn(blob_model(X_blob_train), y_blob_train)
    blob_optimizer.zero_grad()
    loss.backward()
    blob_optimizer.step()

    train_loss, train_acc = evaluate_blobs(X_blob_train, y_blob_train)
    test_loss, test_acc = evaluate_blobs(X_blob_test, y_blob_test)
    blob_loss_curve.append(train_loss)
    blob_test_loss_curve.append(test_loss)
    blob_test_acc_curve.append(test_acc)
    if epoch % 20 == 0:
        print(
            f"Epoch {epoch:3d} | loss {train_loss:.4f}, accuracy {100 * train_acc:.2f}% "
            f"| test loss {test_loss:.4f}, test accuracy {100 * test_acc:.2f}%"
        )

# %%
plt.plot(blob_loss_curve, label="train")
plt.plot(blob_test_loss_curve, label="test")
plt.title("Loss on the blobs")
plt.xlabel("epoch")
plt.legend()
plt.show()

plot_decision_boundary(blob_model, X_blob_test, y_blob_test)
plt.title("Test")
plt.show()
