"""How good a model is at each step: its loss and accuracy, computed again from its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grader.evidence.datasets import Match, held_out_rows
from grader.evidence.losses import LossView, as_labels, view_of
from grader.evidence.models import Model
from grader.evidence.predictions import mistaken_figures
from grader.model.assignment import DatasetSpec
from grader.model.evidence import OTHER_READING, Measured, RunEvidence, usual_loss

Array = np.ndarray[Any, Any]
_FLOAT = 1e-5
"""Relative difference between means in float32 on the student's side and in float64 here."""


def view_of_run(model: Model, run: RunEvidence) -> LossView:
    """How this run's loop looks at the model's outputs."""
    return view_of(run.loss_kind, run.activation_before_loss, model.facts.output_activation)


@dataclass(frozen=True)
class Batch:
    """What a loss was taken on: the model's outputs, shape (n, k), the labels, shape (n,), and the loss it gave."""

    outputs: Array
    labels: Array
    loss: float


def batch_at(
    model: Model,
    step: int,
    weights: Mapping[str, Array],
    run: RunEvidence,
    rows: Array | None,
    targets: Array | None,
    batch_rows: Array | None,
) -> Batch | None:
    """What went through the model at a backward pass; None where its rows were not kept."""
    if rows is None or targets is None or batch_rows is None or step >= min(len(batch_rows), len(run.losses)):
        return None
    sizes = batch_rows.reshape(-1)
    if not np.isfinite(sizes).all() or targets.ndim == 0:
        return None
    whole = bool((sizes == len(rows)).all())  # the same full batch again is kept once
    first, count = 0 if whole else int(sizes[:step].sum()), int(sizes[step])
    if count <= 0 or first + count > min(len(rows), len(targets)):
        return None
    outputs = model.outputs(weights, rows[first : first + count])
    if outputs is None:
        return None
    return Batch(outputs, as_labels(targets[first : first + count]), float(run.losses[step]))


def formula_holds(batch: Batch | None, view: LossView) -> bool:
    """Whether our formula gives the recorded loss: class weights or penalties change it.

    A loss divided for gradient accumulation, or summed over the batch, is the same formula.
    """
    ours = view.loss(batch.outputs, batch.labels) if batch is not None else None
    if batch is None or ours is None or not np.isfinite(ours) or not ours:
        return False
    ratio = batch.loss / ours
    if not np.isfinite(ratio) or ratio < 1e-9:
        return False
    times = ratio if ratio >= 1 else 1 / ratio
    whole = round(times) in {1, len(batch.labels)} or (ratio < 1 and round(times) <= 64)
    return whole and abs(times - round(times)) <= 2e-4 * times


def _gives(view: LossView, batch: Batch | None) -> bool:
    """Whether this reading gives the recorded loss itself, and no multiple of it."""
    ours = view.loss(batch.outputs, batch.labels) if batch is not None else None
    return batch is not None and ours is not None and abs(batch.loss - ours) <= _FLOAT * abs(ours)


def views_of(
    view: LossView, run: RunEvidence, batch: Batch | None, several: bool
) -> tuple[LossView, LossView | None]:
    """How the loop's losses are to be read, and how else they may be; `view`: what the graph alone says.

    `several`: the model has an output for each class.
    A loss on rounded outputs is reported on the outputs themselves as well; one with smoothed labels, without; one
    that takes logits and is given probabilities, on the logits.
    """
    if run.loss_kind == "unknown" or not run.backwards:  # no graph shows the loss
        reading = replace(view, kind=usual_loss(several, probable=view.threshold > 0))
        if not run.backwards:
            return view, reading  # it may be what is reported
        return reading if _gives(reading, batch) else view, None
    takes_logits = view.kind in ("bce-with-logits", "cross-entropy")
    if run.hard_labels == "rounded":
        return replace(view, applied="none") if takes_logits else view, replace(view, rounded=True)
    if takes_logits and view.applied != "none":
        # One activation too many on the way to the training loss; what is reported may be taken without it.
        return view, replace(view, applied="none")
    smoothed = with_smoothing(view, batch)
    return smoothed, view if smoothed.smoothing else None


def with_smoothing(view: LossView, batch: Batch | None) -> LossView:
    """The same view with the label smoothing that explains the recorded loss, where a round share does."""
    if batch is None or view.kind != "cross-entropy" or batch.outputs.shape[1] < 2:
        return view
    own, spread = view.loss(batch.outputs, batch.labels), view.evenly(batch.outputs)
    if own is None or spread is None or not np.isfinite([own, spread]).all() or abs(spread - own) < 1e-3:
        return view
    share = (batch.loss - own) / (spread - own)
    shown = round(share, 3)
    fits = 0 < shown < 1 and abs(share - shown) * abs(spread - own) <= _FLOAT * batch.loss
    return replace(view, smoothing=shown) if fits else view


def taken_over_pairs(batches: Iterable[Batch | None], view: LossView) -> bool:
    """Whether a recorded loss is the mean over all pairs of an output and a label, and not over the rows.

    The first batch for which that makes a difference decides.
    """
    for batch in batches:
        if batch is None or batch.outputs.shape[1] != 1 or len(batch.labels) < 2:
            continue
        own, pairs = view.loss(batch.outputs, batch.labels), view.over_pairs(batch.outputs, batch.labels)
        if own is not None and pairs is not None and abs(own - pairs) > 10 * _FLOAT * abs(pairs):
            return abs(batch.loss - pairs) <= _FLOAT * abs(pairs)
    return False


def measure(
    model: Model,
    step: int,
    weights: Mapping[str, Array],
    view: LossView,
    train: tuple[Array, Array] | None,
    test: tuple[Array, Array] | None,
    formula_holds: bool,
    other: LossView | None = None,
) -> Measured:
    """The figures of these weights; where our formula is not the loop's, without losses.

    `other`: a second way in which the losses may be read.
    """
    answered = {"train": _answered(model, weights, train), "test": _answered(model, weights, test)}
    losses = {name: view.loss(*part) if part and formula_holds else None for name, part in answered.items()}
    right = {name: _accuracy(view, *part) if part else None for name, part in answered.items()}
    mistaken = {name: mistaken_figures(*part, view) if part else {} for name, part in answered.items()}
    tested = answered["test"]
    if train is not None and tested and mistaken["test"] and len(train[1]) >= len(tested[1]):
        by_train_labels = view.classes(tested[0]) == train[1][: len(tested[1])]
        mistaken["test"]["train-labels"] = float(by_train_labels.mean())
    if not formula_holds:
        mistaken["test"].pop("own-predictions", None)
    for name, part in answered.items():
        if part is not None:
            mistaken[name] |= _other_readings(view, other, *part)
    return Measured(step, losses["train"], losses["test"], right["train"], right["test"], mistaken)


def _other_readings(
    view: LossView, other: LossView | None, outputs: Array, labels: Array
) -> dict[str, float]:
    found = {}
    loss = other.loss(outputs, labels) if other is not None else None
    if loss is not None:
        found[OTHER_READING["loss"]] = loss
    if view.other_threshold is not None:
        turned = replace(view, threshold=view.other_threshold)
        found[OTHER_READING["accuracy"]] = _accuracy(turned, outputs, labels)
    return found


def _answered(
    model: Model, weights: Mapping[str, Array], part: tuple[Array, Array] | None
) -> tuple[Array, Array] | None:
    """What these weights give for a part's rows, shape (n, k), with its labels; None where they give no numbers."""
    outputs = model.outputs(weights, part[0]) if part is not None and len(part[0]) else None
    if part is None or outputs is None or not np.isfinite(outputs).all():
        return None
    return outputs, part[1]


def _accuracy(view: LossView, outputs: Array, labels: Array) -> float:
    return float((view.classes(outputs) == labels).mean())


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
