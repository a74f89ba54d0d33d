"""Recognises a loss by its autograd graph, and computes the same loss again from a model's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from grader.model.evidence import LossKind

Array = np.ndarray[Any, Any]
Activation = Literal["none", "sigmoid", "softmax", "log_softmax", "other"]


def loss_kind(operations: Sequence[str]) -> LossKind:
    """The kind of loss whose graph begins with these nodes (nearest to the loss first); own formulas included."""
    names = [
        operation.removesuffix("0").removesuffix("1").removesuffix("Backward") for operation in operations
    ]
    has = set(names)
    if "BinaryCrossEntropyWithLogits" in has:
        return "bce-with-logits"
    if "BinaryCrossEntropy" in has:
        return "bce"
    if has & {"NllLoss", "NllLossNd", "NllLoss2D", "CrossEntropyLoss"}:
        logs = "LogSoftmax" in has or {"Log", "Softmax"} <= has
        return "cross-entropy" if logs or "CrossEntropyLoss" in has else "nll"
    if "MseLoss" in has:
        return "mse"
    if has & {"SmoothL1Loss", "HuberLoss"}:
        return "smooth-l1"
    return _own_formula(has)


def _own_formula(has: set[str]) -> LossKind:
    picks_a_column = bool(has & {"Index", "Gather"})
    logs_exponentials = "Exp" in has and bool(has & {"Log", "Log1P"})
    if (
        has & {"LogSoftmax", "Logsumexp"}
        or {"Log", "Softmax"} <= has
        or (picks_a_column and logs_exponentials)
    ):
        return "cross-entropy"
    if has & {"Softplus", "LogSigmoid"}:
        return "bce-with-logits"
    if "Log" in has and has & {"Sigmoid", "Reciprocal"}:
        return "bce"
    if logs_exponentials:
        return "bce-with-logits"
    if "Pow" in has and "Sub" in has:
        return "mse"
    if "Abs" in has and "Sub" in has:
        return "l1"
    return "other" if has else "unknown"


def activation_before(operations: Sequence[str], kind: LossKind) -> Activation:
    """What stands between the last layer and the loss, the loss's own log-softmax left out."""
    names = [
        operation.removesuffix("0").removesuffix("1").removesuffix("Backward") for operation in operations
    ]
    if "Softmax" in names:
        makes_its_logarithm = kind == "cross-entropy" and "LogSoftmax" not in names
        return "none" if makes_its_logarithm else "softmax"
    if "Sigmoid" in names or (kind == "bce" and {"Reciprocal", "Exp"} <= set(names)):
        return "sigmoid"
    if names.count("LogSoftmax") > (1 if kind == "cross-entropy" else 0):
        return "log_softmax"
    return "none"


def loss_value(kind: LossKind, outputs: Array, labels: Array) -> float | None:
    """The mean loss of these outputs, shape (n, k), for these labels, shape (n,); None for a kind we cannot redo."""
    flat = outputs[:, 0] if outputs.shape[1] == 1 else outputs
    with np.errstate(all="ignore"):
        if kind == "bce-with-logits" and flat.ndim == 1:
            return float(np.mean(np.maximum(flat, 0) - flat * labels + np.log1p(np.exp(-np.abs(flat)))))
        if kind == "bce" and flat.ndim == 1:
            logs, others = np.maximum(np.log(flat), -100), np.maximum(np.log1p(-flat), -100)
            return float(-np.mean(labels * logs + (1 - labels) * others))
        if kind == "cross-entropy" and flat.ndim == 2:
            shifted = flat - flat.max(axis=1, keepdims=True)
            logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
            chosen = labels.astype(int)
            if chosen.min() < 0 or chosen.max() >= logs.shape[1]:
                return None
            return float(-logs[np.arange(len(logs)), chosen].mean())
        if kind == "mse" and flat.ndim == 1:
            return float(np.mean((flat - labels) ** 2))
        if kind == "l1" and flat.ndim == 1:
            return float(np.mean(np.abs(flat - labels)))
    return None


@dataclass(frozen=True)
class LossView:
    """How a loop looks at its model's outputs: what it applies to them, which loss it takes, where classes divide."""

    kind: LossKind
    applied: Activation
    """What stands between the model's output and the loss."""
    threshold: float
    """Of a single output column, where class 1 begins."""
    smoothing: float = 0.0
    """Of a cross entropy: the share of each label that is spread evenly over all classes."""
    rounded: bool = False
    """The loss gets rounded outputs."""
    other_threshold: float | None = None
    """Where class 1 may as well begin: no convention says where a regression's raw output turns."""

    def seen(self, outputs: Array) -> Array:
        """The outputs as the loss gets them."""
        applied = outputs
        if self.applied == "sigmoid":
            applied = 1.0 / (1.0 + np.exp(-np.clip(outputs, -500, 500)))
        elif self.applied == "softmax":
            raised = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            applied = raised / raised.sum(axis=1, keepdims=True)
        return np.asarray(np.round(applied) if self.rounded else applied)

    def loss(self, outputs: Array, labels: Array) -> float | None:
        """The mean loss of these outputs for these labels; None for a kind that we cannot redo."""
        own = loss_value(self.kind, self.seen(outputs), labels)
        if not self.smoothing or own is None:
            return own
        spread = self.evenly(outputs)
        return None if spread is None else (1 - self.smoothing) * own + self.smoothing * spread

    def evenly(self, outputs: Array) -> float | None:
        """The mean loss if every class were as right as any other, smoothing left out."""
        seen, classes = self.seen(outputs), outputs.shape[1]
        each = [loss_value(self.kind, seen, np.full(len(seen), float(label))) for label in range(classes)]
        known = [value for value in each if value is not None]
        return float(np.mean(known)) if len(known) == classes else None

    def over_pairs(self, outputs: Array, labels: Array) -> float | None:
        """The mean loss if every output met every label, as (N, 1) and (N,) do when they are spread."""
        found, shares = np.unique(labels, return_counts=True)
        each = [self.loss(outputs, np.full(len(outputs), label)) for label in found]
        known = [value for value in each if value is not None]
        return float(np.dot(known, shares / shares.sum())) if len(known) == len(found) else None

    def classes(self, outputs: Array) -> Array:
        """The class each row is given: the largest column, or one column's side of the threshold; shape (n,)."""
        if outputs.shape[1] > 1:
            return np.asarray(outputs.argmax(axis=1))
        return np.asarray((self.seen(outputs)[:, 0] > self.threshold).astype(int))


def view_of(kind: LossKind, before_loss: Activation, output_activation: str) -> LossView:
    """The view of a loop whose model ends in `output_activation`; what the model applies is not applied again."""
    applied: Activation = (
        before_loss if output_activation == "none" and before_loss in ("sigmoid", "softmax") else "none"
    )
    regression = kind in ("mse", "l1", "smooth-l1")
    probable = output_activation in ("sigmoid", "softmax") or applied == "sigmoid" or regression
    raw = output_activation == applied == "none"
    return LossView(
        kind, applied, 0.5 if probable else 0.0, other_threshold=0.0 if regression and raw else None
    )


def as_labels(targets: Array) -> Array:
    """Class numbers from targets of any form: flat, a column, or one-hot."""
    if targets.ndim == 2 and targets.shape[1] > 1:
        return np.asarray(targets.argmax(axis=1))
    return targets.reshape(-1).astype(np.float64)
