"""How good a model is at each step: its loss and accuracy, computed again from its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grader.evidence.datasets import Match, held_out_rows
from grader.evidence.losses import LossView, as_labels, view_of
from grader.evidence.models import Model
from grader.evidence.predictions import mistaken_figures
from grader.model.assignment import DatasetSpec
from grader.model.evidence import Measured, RunEvidence

Array = np.ndarray[Any, Any]


def view_of_run(model: Model, run: RunEvidence) -> LossView:
    """How this run's loop looks at the model's outputs."""
    return view_of(run.loss_kind, run.activation_before_loss, model.facts.output_activation)


def formula_holds(
    model: Model,
    weights: Mapping[str, Array],
    view: LossView,
    run: RunEvidence,
    rows: Array | None,
    targets: Array | None,
    batch_rows: Array | None,
) -> bool:
    """Whether our formula gives the first recorded loss: label smoothing, class weights or penalties change it.

    A loss divided for gradient accumulation, or summed over the batch, is the same formula.
    """
    if rows is None or targets is None or batch_rows is None or not len(batch_rows) or not len(run.losses):
        return False
    first = batch_rows.reshape(-1)[0]
    count = int(first) if np.isfinite(first) else 0
    outputs = model.outputs(weights, rows[:count]) if 0 < count <= len(rows) else None
    if outputs is None or targets.ndim == 0 or len(targets) < count:
        return False
    ours = view.loss(outputs, as_labels(targets[:count]))
    if ours is None or not np.isfinite(ours) or not ours:
        return False
    ratio = float(run.losses[0]) / ours
    if not np.isfinite(ratio) or ratio <= 0:
        return False
    times = ratio if ratio >= 1 else 1 / ratio
    whole = round(times) in {1, count} or (ratio < 1 and round(times) <= 64)
    return whole and abs(times - round(times)) <= 2e-4 * times


def measure(
    model: Model,
    step: int,
    weights: Mapping[str, Array],
    view: LossView,
    train: tuple[Array, Array] | None,
    test: tuple[Array, Array] | None,
    formula_holds: bool,
) -> Measured:
    train_loss, train_accuracy = _figures(model, weights, view, train)
    test_loss, test_accuracy = _figures(model, weights, view, test)
    if not formula_holds:
        train_loss = test_loss = None
    mistaken = {
        "train": _mistaken(model, weights, view, train),
        "test": _mistaken(model, weights, view, test),
    }
    if train is not None and test is not None and mistaken["test"] and len(train[1]) >= len(test[1]):
        classes = view.classes(np.asarray(model.outputs(weights, test[0])))
        mistaken["test"]["train-labels"] = float((classes == train[1][: len(test[1])]).mean())
    if not formula_holds:
        mistaken["test"].pop("own-predictions", None)
    return Measured(step, train_loss, test_loss, train_accuracy, test_accuracy, mistaken)


def _mistaken(
    model: Model, weights: Mapping[str, Array], view: LossView, part: tuple[Array, Array] | None
) -> dict[str, float]:
    """The figures that known mistakes would report of these weights on these rows."""
    outputs = model.outputs(weights, part[0]) if part is not None and len(part[0]) else None
    if part is None or outputs is None or not np.isfinite(outputs).all():
        return {}
    return mistaken_figures(outputs, part[1], view)


def _figures(
    model: Model, weights: Mapping[str, Array], view: LossView, part: tuple[Array, Array] | None
) -> tuple[float | None, float | None]:
    """Loss and accuracy of these weights on these rows."""
    if part is None or not len(part[0]):
        return None, None
    outputs = model.outputs(weights, part[0])
    if outputs is None or not np.isfinite(outputs).all():
        return None, None
    return view.loss(outputs, part[1]), float((view.classes(outputs) == part[1]).mean())


def held_out_accuracy(
    model: Model, weights: Mapping[str, Array], spec: DatasetSpec, match: Match | None, view: LossView
) -> float | None:
    """The mean accuracy on rows no student saw, brought into the model's units by the student's own scaling."""
    if spec.classes == 0:
        return None
    found = []
    for seed in spec.held_out_seeds:
        rows = held_out_rows(spec, seed)
        given = rows.features if match is None else rows.features * match.scale + match.shift
        outputs = model.final_outputs(weights, given)
        if outputs is None:
            return None
        finite = np.isfinite(outputs).all(axis=1)
        right = view.classes(outputs) == rows.labels
        found.append(float((right & finite).mean()))
    return float(np.mean(found)) if found else None
