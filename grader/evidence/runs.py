"""Training runs, understood: which loss, on which rows, with what effect, and how good the model was at each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal

import numpy as np

from grader.evidence.datasets import Match
from grader.evidence.loop_order import outputs_detached, stepped_first, walked_again
from grader.evidence.loss_operands import rounds, swapped, taken_on_classes, weighted_by_outputs
from grader.evidence.losses import LossView, activation_before, loss_kind
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
from grader.evidence.raw import RawDetail, RawEvents, RawOptimizer, RawRun
from grader.evidence.run_rows import (
    Data,
    dataset_of,
    label_agreement,
    rows_of_forwards,
    steps_per_epoch,
    test_part,
    train_part,
)
from grader.model.evidence import LossKind, Measured, OptimizerEvidence, RunEvidence

Array = np.ndarray[Any, Any]
_MOST_AT_REST = 5000
_BATCHES = 12
"""Batches of a run that losses are recomputed on."""


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
        rows, sizes = rows_of_forwards(event, raw)
    used, match = dataset_of(rows, data)
    operations = tuple(operation.op for operation in event.head)
    kind = loss_kind(operations)
    evidence = replace(
        _outline(event, operations, kind, raw),
        optimizers=tuple(optimizers[name] for name in event.optimizers if name in optimizers),
        dataset=used.spec.id if used else None,
        train_rows=match.rows if match else None,
        label_agreement=label_agreement(used, match, targets),
        steps_per_epoch=steps_per_epoch(match, sizes, used),
    )
    if targets is None and used is not None and match is not None and (match.rows >= 0).all():
        targets = used.finder.rows.labels[match.rows]  # a loss of the student's own keeps no targets
    train = train_part(used, match, rows, targets)
    test = test_part(used, match, event, raw, train)
    weights = [(shot.step, raw.arrays(shot.state)) for shot in event.snapshots]
    if model is not None:
        seen = (
            batch_at(model, step, state, evidence, rows, targets, sizes) for step, state in weights[:_BATCHES]
        )
        first = next(seen, None)
        several = (model.facts.output_width or 1) > 1
        view, other = views_of(view_of_run(model, evidence), evidence, first, several)
        known = formula_holds(first, view) or (other is not None and formula_holds(first, other))
        measured = tuple(
            measure(model, step, state, view, train, test, known, other) for step, state in weights
        )
        evidence = replace(
            evidence,
            loss_kind=_told_by_value(evidence, view, known),
            broadcast=evidence.broadcast or taken_over_pairs(chain((first,), seen), view),
            hard_labels=evidence.hard_labels
            or _classes_in_loss(model, weights, view, evidence, used, match, rows, sizes),
            measured=_at_rest(evidence, measured) if not event.backwards else measured,
            unmoved=_unmoved(model, weights[0][1], weights[-1][1]) if len(weights) > 1 else (),
            initial_weights_of=_same_start(event, earlier),
            held_out_accuracy=held_out_accuracy(model, weights[-1][1], used.spec, match, view)
            if used and weights
            else None,
        )
    return Run(evidence, event, model, weights[-1][1] if weights else {}, match, train, test)


def _unmoved(model: Model, first: Mapping[str, Array], last: Mapping[str, Array]) -> tuple[str, ...]:
    both = (name for name in model.facts.trainable if name in first and name in last)
    return tuple(name for name in both if np.array_equal(first[name], last[name]))


def _told_by_value(run: RunEvidence, view: LossView, holds: bool) -> LossKind:
    """The loss that its graph shows; without a graph, one on raw outputs whose formula gives the recorded value."""
    if (
        run.loss_kind == "unknown"
        and run.backwards
        and holds
        and view.kind in ("bce-with-logits", "cross-entropy")
    ):
        return view.kind
    return run.loss_kind


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
        activation_before_loss="none"
        if weighted_by_outputs(event.head)
        else activation_before(operations, kind),
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


def _at_rest(run: RunEvidence, measured: Sequence[Measured]) -> tuple[Measured, ...]:
    """The figures at every step of a loop without backward passes: those of its first weights, which never moved."""
    if not measured or run.moved:
        return tuple(measured)
    return tuple(replace(measured[0], step=step) for step in range(min(run.steps, _MOST_AT_REST) + 1))


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
