"""What went into a loss: scores or classes, and on which side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from grader.evidence.losses import LossView, loss_value
from grader.evidence.raw import RawOperation
from grader.model.evidence import LossKind

Array = np.ndarray[Any, Any]

_STEPS = {"Round", "Floor", "Ceil", "Trunc", "Sign"}
_KINDS: tuple[LossKind, ...] = ("bce-with-logits", "bce", "mse", "l1")


def swapped(operations: Sequence[RawOperation]) -> bool:
    """Whether a binary cross entropy lets gradients into its targets and not into its input."""
    for operation in operations:
        if operation.op.startswith("BinaryCrossEntropy") and len(operation.depends) >= 2:
            return not operation.depends[0] and operation.depends[1]
    return False


def rounds(operations: Sequence[RawOperation]) -> bool:
    """Whether a step function, whose slope is 0 everywhere, stands between the last layer and the loss."""
    names = {
        operation.op.removesuffix("0").removesuffix("1").removesuffix("Backward") for operation in operations
    }
    return bool(names & _STEPS)


def weighted_by_outputs(operations: Sequence[RawOperation]) -> bool:
    """Whether each row's loss is multiplied by a factor made of the outputs, as a focal loss does.

    Such a factor's sigmoid or softmax stands beside the loss, not before it.
    """
    for operation in operations:
        if operation.op.startswith(("BinaryCrossEntropy", "NllLoss", "LogSoftmax")):
            return False
        if operation.op.startswith("Mul") and len(operation.depends) > 1 and all(operation.depends):
            return True
    return False


def taken_on_classes(
    loss: float, outputs: Array, labels: Array, view: LossView
) -> Literal["rounded", "argmax"] | None:
    """Whether a loss is that of the predicted classes, shape (n,), and not of the outputs, shape (n, k).

    For a loss that gradients cannot pass: its value is all that tells what it was taken on.
    """
    if len(outputs) != len(labels) or not np.isfinite(loss):
        return None
    many = outputs.shape[1] > 1
    guesses = [outputs.argmax(axis=1)] if many else [outputs[:, 0] > 0.0, outputs[:, 0] > 0.5]
    if any(_same(loss, value) for value in _of_scores(outputs, labels, view)):
        return None
    for guess in guesses:
        column = guess.astype(np.float64)[:, None]
        values = [loss_value(kind, column, labels) for kind in _KINDS]
        values.append(_over_rows(column[:, 0], labels))
        if any(value is not None and _same(loss, value) for value in values):
            return "argmax" if many else "rounded"
    return None


def _of_scores(outputs: Array, labels: Array, view: LossView) -> list[float]:
    kinds: tuple[LossKind, ...] = (*_KINDS, "cross-entropy")
    scores = [outputs, view.seen(outputs), 1.0 / (1.0 + np.exp(-np.clip(outputs, -500, 500)))]
    values = (loss_value(kind, given, labels) for given in scores for kind in kinds)
    return [value for value in values if value is not None and np.isfinite(value)]


def _over_rows(classes: Array, labels: Array) -> float:
    """Cross entropy of flat numbers against flat numbers: the rows themselves are taken for classes."""
    logs = classes - classes.max() - np.log(np.exp(classes - classes.max()).sum())
    return float(-(labels * logs).sum())


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-4 * max(abs(one), abs(other), 1e-6)
