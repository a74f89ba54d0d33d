# Ex 9
from sklearn.datasets import make_blobs
from sklearn.model_selection import train_test_split

X_blob, y_blob = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
X_blob = torch.from_numpy(X_blob).type(torch.float32)
y_blob = torch.from_numpy(y_blob).type(torch.long)
X_blob_train, X_blob_test, y_blob_train, y_blob_test = train_test_split(
    X_blob, y_blob, test_size=0.2, random_state=42
)

# TODO: the model

# TODO: loss and optimizer

# TODO: the training loop

# TODO: the evaluation
