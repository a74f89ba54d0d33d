"""Can the circle model learn anything at all? Given a straight line to fit, it can.

A model that fails on one problem and succeeds on another is not broken: it lacks what the first problem needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Line:
    """100 points of y = 0.7 x + 0.3, each part of shape (N, 1): the first 80 to train on, the last 20 to test."""

    X_train: Tensor
    y_train: Tensor
    X_test: Tensor
    y_test: Tensor


@dataclass(frozen=True)
class Row:
    """Mean absolute errors: before the epoch's step on the train part, after it on the test part."""

    epoch: int
    train_loss: float
    test_loss: float


def load_line() -> Line:
    """The tutorial's line, without noise."""
    X = torch.arange(0, 1, 0.01).unsqueeze(dim=1)
    y = 0.7 * X + 0.3
    return Line(X[:80], y[:80], X[80:], y[80:])


def line_model() -> nn.Sequential:
    """The layers of `CircleModelV1`, with 1 feature instead of 2."""
    return nn.Sequential(nn.Linear(1, 10), nn.Linear(10, 10), nn.Linear(10, 1))


def train(model: nn.Module, line: Line, rate: float, epochs: int = 1000, report_every: int = 100) -> list[Row]:
    """Full batches with SGD and the mean absolute error; changes `model`, returns the rows of its report."""
    loss_fn = nn.L1Loss()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    rows = []
    for epoch in range(epochs):
        model.train()
        loss = loss_fn(model(line.X_train), line.y_train)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        if epoch % report_every == 0:
            model.eval()
            with torch.inference_mode():
                test_loss = loss_fn(model(line.X_test), line.y_test)
            rows.append(Row(epoch, loss.item(), test_loss.item()))
    return rows


def main() -> None:
    line = load_line()
    for rate in (0.01, 0.1):
        print(f"learning rate {rate}")
        torch.manual_seed(42)
        for row in train(line_model(), line, rate):
            print(f"Epoch: {row.epoch} | train loss: {row.train_loss:.5f}, test loss: {row.test_loss:.5f}")


if __name__ == "__main__":
    main()
