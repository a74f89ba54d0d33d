"""Small helpers: a score, and a picture of a fitted line."""

import matplotlib.pyplot as plt
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
