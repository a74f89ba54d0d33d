"""The first circle models of the tutorial: linear layers only, on two rings that no line can part.

What they print is the lesson: after 100 or after 1000 epochs, with 2 layers or with 3, half of the points are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from sklearn.datasets import make_circles
from sklearn.model_selection import train_test_split
from torch import Tensor, nn


@dataclass(frozen=True)
class Circles:
    """1000 points of two rings: features of shape (N, 2), labels 0.0 or 1.0 of shape (N,)."""

    X: Tensor
    y: Tensor
    X_train: Tensor
    X_test: Tensor
    y_train: Tensor
    y_test: Tensor


@dataclass(frozen=True)
class Row:
    """What the tutorial prints for an epoch: losses, and accuracies in percent."""

    epoch: int
    loss: float
    accuracy: float
    test_loss: float
    test_accuracy: float


class CircleModelV0(nn.Module):
    """2 features → 5 hidden units → 1 logit, nothing in between."""

    def __init__(self) -> None:
        super().__init__()
        self.layer_1 = nn.Linear(in_features=2, out_features=5)
        self.layer_2 = nn.Linear(in_features=5, out_features=1)

    def forward(self, points: Tensor) -> Tensor:
        """(N, 2) to (N, 1)."""
        logits: Tensor = self.layer_2(self.layer_1(points))
        return logits


class CircleModelV1(nn.Module):
    """2 features → 10 → 10 → 1 logit: wider and deeper, and just as straight."""

    def __init__(self) -> None:
        super().__init__()
        self.layer_1 = nn.Linear(in_features=2, out_features=10)
        self.layer_2 = nn.Linear(in_features=10, out_features=10)
        self.layer_3 = nn.Linear(in_features=10, out_features=1)

    def forward(self, points: Tensor) -> Tensor:
        """(N, 2) to (N, 1)."""
        logits: Tensor = self.layer_3(self.layer_2(self.layer_1(points)))
        return logits


def sequential_v0() -> nn.Sequential:
    """The model of `CircleModelV0` without a class."""
    return nn.Sequential(nn.Linear(in_features=2, out_features=5), nn.Linear(in_features=5, out_features=1))


def load_circles() -> Circles:
    """The tutorial's data: 1000 rows, a fifth of them for the test."""
    features, labels = make_circles(1000, noise=0.03, random_state=42)
    X = torch.from_numpy(features).type(torch.float32)
    y = torch.from_numpy(labels).type(torch.float32)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    return Circles(X, y, X_train, X_test, y_train, y_test)


def probabilities(logits: Tensor) -> Tensor:
    """Logits of any size to probabilities of class 1, between 0 and 1."""
    return torch.sigmoid(logits)


def labels(logits: Tensor) -> Tensor:
    """Logits to 0.0 or 1.0: the probability, rounded."""
    return torch.round(probabilities(logits))


def accuracy(truth: Tensor, predicted: Tensor) -> float:
    """Percentage of equal labels; both of shape (N,)."""
    return 100 * torch.eq(truth, predicted).sum().item() / len(truth)


def train(model: nn.Module, circles: Circles, epochs: int, report_every: int) -> list[Row]:
    """Full batches with SGD at 0.1 and BCE on logits; changes `model`, returns the rows of its report.

    The train figures of a row are those before the epoch's step, the test figures those after it.
    """
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rows = []
    for epoch in range(epochs):
        model.train()
        logits = model(circles.X_train).squeeze(dim=1)
        loss = loss_fn(logits, circles.y_train)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        if epoch % report_every == 0:
            model.eval()
            with torch.inference_mode():
                test_logits = model(circles.X_test).squeeze(dim=1)
                test_loss = loss_fn(test_logits, circles.y_test)
            rows.append(
                Row(
                    epoch,
                    loss.item(),
                    accuracy(circles.y_train, labels(logits.detach())),
                    test_loss.item(),
                    accuracy(circles.y_test, labels(test_logits)),
                )
            )
    return rows


def main() -> None:
    circles = load_circles()
    for name, make_model, epochs in [("V0", sequential_v0, 100), ("V1", CircleModelV1, 1000)]:
        print(name)
        torch.manual_seed(42)
        for row in train(make_model(), circles, epochs, report_every=epochs // 10):
            print(
                f"Epoch: {row.epoch} | loss: {row.loss:.5f}, accuracy: {row.accuracy:.2f}% "
                f"| test loss: {row.test_loss:.5f}, test accuracy: {row.test_accuracy:.2f}%"
            )


if __name__ == "__main__":
    main()
