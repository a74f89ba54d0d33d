"""Training runs, understood: which loss, on which rows, with what effect, and how good the model was at each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from grader.evidence.datasets import Match, RowFinder
from grader.evidence.loop_order import outputs_detached, stepped_first, walked_again
from grader.evidence.loss_operands import rounds, swapped, taken_on_classes
from grader.evidence.losses import LossView, activation_before, as_labels, loss_kind
from grader.evidence.measuring import (
    batch_at,
    formula_holds,
    held_out_accuracy,
    measure,
    taken_over_pairs,
    view_of_run,
    views_of,
)
from grader.evidence.models import Model
from grader.evidence.raw import RawDetail, RawEvaluation, RawEvents, RawOptimizer, RawRun
from grader.model.assignment import DatasetSpec
from grader.model.evidence import LossKind, Measured, OptimizerEvidence, RunEvidence, Split

Array = np.ndarray[Any, Any]
_MOST_AT_REST = 5000
_BATCHES = 12
"""Batches of a run that losses are recomputed on."""


@dataclass(frozen=True)
class Data:
    """A dataset of the assignment with what is known of its use."""

    spec: DatasetSpec
    finder: RowFinder
    split: Split | None


@dataclass(frozen=True)
class Run:
    """A run with what is needed to ask its model again."""

    evidence: RunEvidence
    raw: RawRun
    model: Model | None
    final_weights: Mapping[str, Array]
    match: Match | None
    """How the rows that went in relate to the dataset; its scale is that of the model's input."""
    train: tuple[Array, Array] | None
    """Rows in the model's units and their labels."""
    test: tuple[Array, Array] | None


def read_optimizers(raw: RawEvents) -> dict[str, OptimizerEvidence]:
    """Every optimizer by id, as last described, or as last described for a model that it trained.

    Layers may pass to a later model: then the optimizer of the first is found to hold parameters of the second.
    """
    trained = {(name, run.model) for run in raw.of(RawRun) for name in run.optimizers}
    found: dict[str, RawOptimizer] = {}
    for event in raw.of(RawOptimizer):
        before = found.get(event.optimizer)
        of_trained = (event.optimizer, event.model) in trained
        if before is None or of_trained or (before.optimizer, before.model) not in trained:
            found[event.optimizer] = event
    return {name: _optimizer(event) for name, event in found.items()}


def _optimizer(event: RawOptimizer) -> OptimizerEvidence:
    return OptimizerEvidence(
        id=event.optimizer,
        class_name=event.base or event.class_name,
        where=event.where,
        cell=event.cell,
        model=event.model,
        parameters=tuple(event.parameters),
        settings=event.settings,
        from_torch=event.from_torch,
    )


def read_runs(
    raw: RawEvents,
    models: Mapping[str, Model],
    optimizers: Mapping[str, OptimizerEvidence],
    data: Mapping[str, Data],
) -> tuple[Run, ...]:
    """Every run, oldest first; of a run that was written more than once, the last version."""
    latest = {event.run: event for event in raw.of(RawRun)}
    runs: list[Run] = []
    for event in latest.values():
        runs.append(_read(event, raw, models.get(event.model), optimizers, data, runs))
    return tuple(runs)


def _read(
    event: RawRun,
    raw: RawEvents,
    model: Model | None,
    optimizers: Mapping[str, OptimizerEvidence],
    data: Mapping[str, Data],
    earlier: Sequence[Run],
) -> Run:
    rows, targets, sizes = (raw.array(name) for name in (event.rows, event.targets, event.batch_rows))
    if not event.backwards:
        rows = _rows_of_forwards(event, raw)
        sizes = None if rows is None else np.array([len(rows)])
    used, match = _dataset_of(rows, data)
    operations = tuple(operation.op for operation in event.head)
    kind = loss_kind(operations)
    evidence = replace(
        _outline(event, operations, kind, raw),
        optimizers=tuple(optimizers[name] for name in event.optimizers if name in optimizers),
        dataset=used.spec.id if used else None,
        train_rows=match.rows if match else None,
        label_agreement=_label_agreement(used, match, targets),
        steps_per_epoch=_steps_per_epoch(match, sizes, used),
    )
    if targets is None and used is not None and match is not None and (match.rows >= 0).all():
        targets = used.finder.rows.labels[match.rows]  # a loss of the student's own keeps no targets
    train = _train_part(used, match, rows, targets)
    test = _test_part(used, match, event, raw, train)
    weights = [(shot.step, raw.arrays(shot.state)) for shot in event.snapshots]
    if model is not None:
        batches = [
            batch_at(model, step, state, evidence, rows, targets, sizes) for step, state in weights[:_BATCHES]
        ]
        first = batches[0] if batches else None
        several = (model.facts.output_width or 1) > 1
        view, other = views_of(view_of_run(model, evidence), evidence, first, several)
        known = formula_holds(first, view) or (other is not None and formula_holds(first, other))
        measured = tuple(
            measure(model, step, state, view, train, test, known, other) for step, state in weights
        )
        evidence = replace(
            evidence,
            broadcast=evidence.broadcast or taken_over_pairs(batches, view),
            hard_labels=evidence.hard_labels
            or _classes_in_loss(model, weights, view, evidence, used, match, rows, sizes),
            measured=_at_rest(evidence, measured) if not event.backwards else measured,
            initial_weights_of=_same_start(event, earlier),
            held_out_accuracy=held_out_accuracy(model, weights[-1][1], used.spec, match, view)
            if used and weights
            else None,
        )
    return Run(evidence, event, model, weights[-1][1] if weights else {}, match, train, test)


def _outline(event: RawRun, operations: tuple[str, ...], kind: LossKind, raw: RawEvents) -> RunEvidence:
    """What the event alone tells; the rest is filled in by those who know the data."""
    losses = raw.array(event.losses)
    losses = np.array([]) if losses is None else losses.astype(np.float64).reshape(-1)
    first = event.details[0] if event.details else RawDetail(step=0)
    target = first.target or {}
    shape = target.get("shape")
    return RunEvidence(
        id=event.run,
        model=event.model,
        cell=event.cell,
        where=event.where,
        optimizers=(),
        backwards=event.backwards,
        steps=event.steps,
        loss_kind=kind,
        loss_operations=operations,
        activation_before_loss=activation_before(operations, kind),
        output_shape=tuple(first.output_shape) if first.output_shape is not None else None,
        target_shape=tuple(shape) if isinstance(shape, list) else None,
        target_dtype=str(target["dtype"]) if "dtype" in target else None,
        broadcast=_broadcast(event, first),
        losses=losses,
        finite=bool(np.isfinite(losses).all()),
        reset=_reset(event),
        reset_before_step=_reset_before_step(event),
        moved=_moved(event),
        reached=max((detail.reached for detail in event.details), default=0),
        cut_off=bool(event.details) and all(detail.reached == 0 for detail in event.details),
        order=event.order,
        training_mode=first.training if event.details else None,
        dataset=None,
        train_rows=None,
        label_agreement=None,
        steps_per_epoch=None,
        seeded_by_student=event.seeded_by_student,
        rebuilt=event.rebuilt,
        stepped_first=stepped_first(event),
        walked_again=walked_again(event),
        outputs_detached=outputs_detached(event),
        swapped=swapped(event.head),
        hard_labels="rounded" if rounds(event.head) else None,
    )


def _reset(event: RawRun) -> bool | None:
    """Whether gradients were empty whenever a new cycle began; None where no second cycle was seen."""
    if event.steps:
        starts = [detail for detail in event.details[1:] if detail.after in ("S", "Z")]
    else:  # steps made by hand: every backward pass but those that add up on purpose begins a cycle
        starts = [detail for detail in event.details[1:] if detail.moved]
    if not starts:
        return None
    return all(not detail.grads_before for detail in starts)


def _reset_before_step(event: RawRun) -> bool:
    """Steps found no gradients although a backward pass had made some."""
    stepped = [detail for detail in event.details if detail.grads_at_step != -1.0 and detail.reached]
    return "BZS" in event.order and bool(stepped) and all(not detail.grads_at_step for detail in stepped)


def _moved(event: RawRun) -> bool | None:
    seen = [detail.moved for detail in event.details if detail.moved is not None]
    if event.moved_at_end is not None:
        seen.append(event.moved_at_end)
    return any(seen) if seen else None


def _broadcast(event: RawRun, first: RawDetail) -> bool:
    """The loss was taken over more pairs than the model gave outputs."""
    if first.output_shape is None:
        return False
    given = int(np.prod(first.output_shape))
    for operation in event.head:
        saved = operation.saved.get("self")
        if isinstance(saved, dict) and isinstance(saved.get("shape"), list) and "Loss" in operation.op:
            return int(np.prod(saved["shape"])) > given
    if any(_pairs(operation.saved) > given for operation in event.head):
        return True
    spread = [operation for operation in event.head if operation.op.startswith("Expand")]
    return bool(spread) and first.output_shape[-1:] == [1]


def _pairs(saved: Mapping[str, Any]) -> int:
    """How many pairs an operation on two operands made; 0 where its operands are not known."""
    known = [saved[name].get("shape") for name in ("self", "other") if isinstance(saved.get(name), dict)]
    if len(known) < 2 or not all(isinstance(shape, list) for shape in known):
        return 0
    try:
        return int(np.prod(np.broadcast_shapes(*(tuple(shape) for shape in known))))
    except (TypeError, ValueError):
        return 0


# ---------------------------------------------------------------- rows


def _dataset_of(rows: Array | None, data: Mapping[str, Data]) -> tuple[Data | None, Match | None]:
    """The dataset that these rows come from."""
    if rows is None or rows.ndim != 2:
        return None, None
    for known in data.values():
        match = known.finder.match(rows)
        if match is not None:
            return known, match
    return None, None


def _rows_of_forwards(event: RawRun, raw: RawEvents) -> Array | None:
    """What a loop without backward passes put through its model, as far as gradients could have followed."""
    calls = [
        (evaluation.count, rows)
        for evaluation in raw.of(RawEvaluation)
        if evaluation.model == event.model and evaluation.cell == event.cell and evaluation.grad
        if (rows := raw.array(evaluation.rows)) is not None and rows.ndim == 2
    ]
    most = max((count for count, _ in calls), default=0)
    often = [rows for count, rows in calls if 2 * count > most]
    return np.concatenate(often) if len({rows.shape[1] for rows in often}) == 1 else None


def _at_rest(run: RunEvidence, measured: Sequence[Measured]) -> tuple[Measured, ...]:
    """The figures at every step of a loop without backward passes: those of its first weights, which never moved."""
    if not measured or run.moved:
        return tuple(measured)
    return tuple(replace(measured[0], step=step) for step in range(min(run.steps, _MOST_AT_REST) + 1))


def _label_agreement(used: Data | None, match: Match | None, targets: Array | None) -> float | None:
    if used is None or match is None or targets is None:
        return None
    labels = as_labels(targets)
    if len(labels) != len(match.rows):
        return None
    known = match.rows >= 0
    own = used.finder.rows.labels[match.rows[known]]
    return float(np.isclose(labels[known], own, atol=1e-4).mean()) if known.any() else None


def _steps_per_epoch(match: Match | None, batch_rows: Array | None, used: Data | None) -> int | None:
    """Backward passes in one pass over the train rows."""
    if match is None or batch_rows is None or used is None:
        return None
    sizes = batch_rows[np.isfinite(batch_rows) & (batch_rows >= 1)]
    if not len(sizes):
        return None
    total = used.split.train_features.shape[0] if used.split else len(np.unique(match.rows[match.rows >= 0]))
    return max(1, -(-total // int(np.median(sizes))))


def _train_part(
    used: Data | None, match: Match | None, rows: Array | None, targets: Array | None
) -> tuple[Array, Array] | None:
    """The rows trained on, each once, in the model's units, with the labels they were given."""
    if rows is None or targets is None:
        return None
    labels = as_labels(targets)
    if used is None or match is None:
        return (rows, labels) if len(rows) == len(labels) else None
    split = used.split
    seen = match.rows[match.rows >= 0]
    if split is not None and split.train_features.rows is not None:
        part = split.train_features.rows
        if np.isin(seen, part).all():
            return _in_units(used, match, part), _student_labels(
                used, part, split.train_labels, split.aligned_train
            )
    if len(labels) != len(match.rows):
        return None
    _, first = np.unique(match.rows, return_index=True)
    return rows[first], labels[first]


def _test_part(
    used: Data | None, match: Match | None, event: RawRun, raw: RawEvents, train: tuple[Array, Array] | None
) -> tuple[Array, Array] | None:
    """The rows held out: those of the student's split, or those that this model was only evaluated on."""
    if used is None or match is None:
        return None
    split = used.split
    if split is not None and split.test_features.rows is not None:
        part = split.test_features.rows
        return _in_units(used, match, part), _student_labels(
            used, part, split.test_labels, split.aligned_test
        )
    trained = set(match.rows.tolist())
    for evaluation in raw.of(RawEvaluation):
        rows = raw.array(evaluation.rows)
        found = used.finder.match(rows) if rows is not None and evaluation.model == event.model else None
        if found is not None and not trained & set(found.rows.tolist()):
            return _in_units(used, match, found.rows), used.finder.rows.labels[found.rows]
    return None


def _in_units(used: Data, match: Match, rows: Array) -> Array:
    """The dataset's rows in the units that the model was given."""
    known = rows[rows >= 0]
    return np.asarray(used.finder.rows.features[known] * match.scale + match.shift)


def _student_labels(used: Data, rows: Array, labels: Any, aligned: float | None) -> Array:
    """The student's labels where they differ from the true ones: their figures are about theirs."""
    if labels is not None and aligned is not None and aligned < 0.999 and len(labels.values) == len(rows):
        return np.asarray(labels.values[rows >= 0])
    return np.asarray(used.finder.rows.labels[rows[rows >= 0]])


def _classes_in_loss(
    model: Model,
    weights: Sequence[tuple[int, Mapping[str, Array]]],
    view: LossView,
    run: RunEvidence,
    used: Data | None,
    match: Match | None,
    rows: Array | None,
    batch_rows: Array | None,
) -> Literal["rounded", "argmax"] | None:
    """What the first loss was taken on, where no gradient can pass it."""
    if not run.cut_off or used is None or match is None or rows is None or not weights:
        return None
    if batch_rows is None or not len(batch_rows) or not len(run.losses):
        return None
    count = int(batch_rows[0])
    outputs, own = model.outputs(weights[0][1], rows[:count]), match.rows[:count]
    if outputs is None or not np.isfinite(outputs).all() or (own < 0).any():
        return None
    return taken_on_classes(float(run.losses[0]), outputs, used.finder.rows.labels[own], view)


def _same_start(event: RawRun, earlier: Sequence[Run]) -> str | None:
    """The earlier run whose final weights are all among this one's first, under whatever names.

    Equal arrays share one reference.
    """
    start = _references(event, 0)
    for run in earlier:
        final = _references(run.raw, -1)
        if run.evidence.moved and final and final <= start:
            return run.raw.run
    return None


def _references(event: RawRun, which: int) -> set[str]:
    """Of the weights at a run's first (0) or last (-1) snapshot."""
    return {name for name in event.snapshots[which].state.values() if name} if event.snapshots else set()
