"""Helpers that the exercises may import: a score, a picture of a fitted line, a picture of a classifier."""

import matplotlib.pyplot as plt
import numpy as np
import torch


def accuracy_fn(y_true, y_pred):
    """Percentage of labels that agree, 0 to 100. Shapes (N,) and (N, 1) may be mixed."""
    y_true = torch.as_tensor(y_true).detach().cpu().reshape(-1)
    y_pred = torch.as_tensor(y_pred).detach().cpu().reshape(-1)
    if len(y_true) != len(y_pred):
        raise ValueError(f"{len(y_true)} labels cannot be compared with {len(y_pred)} predictions")
    if len(y_true) == 0:
        raise ValueError("there is nothing to compare")
    return 100 * (y_true == y_pred).sum().item() / len(y_true)


def _on_paper(values):
    return torch.as_tensor(values).detach().cpu().reshape(-1).numpy()


def plot_predictions(train_data, train_labels, test_data, test_labels, predictions=None):
    """Scatters one feature against its target: training part, test part, and what the model says, if given."""
    plt.figure(figsize=(8, 5))
    plt.scatter(_on_paper(train_data), _on_paper(train_labels), s=8, c="tab:blue", label="training data")
    plt.scatter(_on_paper(test_data), _on_paper(test_labels), s=8, c="tab:green", label="test data")
    if predictions is not None:
        plt.scatter(_on_paper(test_data), _on_paper(predictions), s=8, c="tab:red", label="predictions")
    plt.legend()


def _classes(outputs):
    """The class of each row, from the logits of a model with one or with many outputs."""
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return (outputs.reshape(-1) > 0).long()
    return outputs.argmax(dim=1)


def plot_decision_boundary(model, X, y, steps=101):
    """Colours the plane by the class that `model` gives to each of its points, and puts the rows of X on it.

    model: an nn.Module that turns rows of two features into logits, shape (N, 1), (N,) or (N, classes)
    X:     features, shape (N, 2)
    y:     labels, shape (N,) or (N, 1)

    Draws into the current axes, so it works in subplots. The model stays on its device, and in its mode.
    """
    features = torch.as_tensor(X).detach().cpu().numpy()
    labels = torch.as_tensor(y).detach().cpu().reshape(-1).numpy()
    low, high = features.min(axis=0) - 0.1, features.max(axis=0) + 0.1
    across, up = np.meshgrid(np.linspace(low[0], high[0], steps), np.linspace(low[1], high[1], steps))
    grid = torch.from_numpy(np.column_stack([across.ravel(), up.ravel()]))
    parameter = next(model.parameters(), torch.empty(0))

    was_training = model.training
    model.eval()
    with torch.no_grad():
        classes = _classes(model(grid.to(parameter.device, parameter.dtype))).cpu().numpy()
    model.train(was_training)

    plt.contourf(across, up, classes.reshape(across.shape), cmap=plt.cm.RdYlBu, alpha=0.7)
    plt.scatter(features[:, 0], features[:, 1], c=labels, s=20, edgecolors="black", linewidths=0.3, cmap=plt.cm.RdYlBu)
    plt.xlim(across.min(), across.max())
    plt.ylim(up.min(), up.max())
