"""One mistake, told once: errors and further mistakes that follow from a deeper one are left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.failure import Failure
from grader.model.finding import Mistake

_LAYERS_OUT_OF_REACH = frozenset(
    {"model-layers-unregistered", "model-layers-made-in-forward", "model-missing-super-init"}
)
"""The model is not what its parts would make: a part of it may be taken for the whole."""

_FOLLOWS: dict[str, frozenset[str]] = {
    # what is seen: what explains it where both are seen in one task
    "loop-loss-rewrapped": frozenset({"loss-on-rounded", "loss-on-argmax", "loop-under-no-grad"}),
    "loop-under-no-grad": frozenset({"loss-on-rounded", "loss-on-argmax"}),
    "loop-no-zero-grad": frozenset(
        {"loop-backward-twice", "optimizer-missing-parameters", "optimizer-wrong-model"}
    ),
    "loss-sigmoid-twice": frozenset({"loss-on-rounded"}),
    "plot-wrong-model": frozenset({"model-layers-made-in-forward"}),
    "loop-no-step": frozenset({"loop-zero-grad-before-step", "loop-step-before-backward"}),
    "loss-bce-on-logits": frozenset({"loss-on-rounded", "loss-arguments-swapped"}),
    "loss-shape-mismatch": frozenset(
        {"data-split-unpacked-wrong", "model-wrong-width", "loss-one-column-ce", "loss-arguments-swapped"}
    ),
    "loss-target-type": frozenset({"data-split-unpacked-wrong", "loss-on-argmax", "loss-one-column-ce"}),
    "loss-broadcast": frozenset({"data-split-unpacked-wrong"}),
    "model-wrong-width": frozenset(
        {
            "data-split-unpacked-wrong",
            "model-softmax-on-one-output",
            "loss-class-count",
            "model-activation-not-instance",
            *_LAYERS_OUT_OF_REACH,
        }
    ),
    "model-affine": frozenset(
        {"model-activation-not-instance", "model-softmax-on-one-output", *_LAYERS_OUT_OF_REACH}
    ),
    "model-not-affine": frozenset({"model-missing-super-init"}),
    "model-layer-count": frozenset({"model-layer-unused", *_LAYERS_OUT_OF_REACH}),
    "model-layer-unused": frozenset({"model-layers-unregistered"}),
    "optimizer-missing-parameters": _LAYERS_OUT_OF_REACH,
    "optimizer-wrong-model": frozenset({"loop-model-rebuilt", "model-missing-super-init"}),
    "loss-one-column-ce": frozenset({"model-softmax-on-one-output"}),
    "loss-softmax-twice": frozenset({"loss-one-column-ce"}),
}

_LEFT_UNDONE = frozenset({"plot-missing", "metric-not-reported", "loop-no-backward", "loop-no-step"})
"""What a loop that an error ended never came to."""

_ENDINGS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = (
    # how a cell ended: the mistakes that end cells so
    (
        re.compile(r"does not require grad"),
        frozenset(
            {
                "loss-on-rounded",
                "loss-on-argmax",
                "loop-loss-rewrapped",
                "loop-under-no-grad",
                "loop-no-backward",
            }
        ),
    ),
    (
        re.compile(r"optimizer got an empty parameter list"),
        frozenset({"model-missing-super-init", "model-layers-unregistered", "model-layers-made-in-forward"}),
    ),
    (re.compile(r"backward through the graph a second time"), frozenset({"loop-backward-twice"})),
    (
        re.compile(r"numpy\(\) on Tensor that requires grad"),
        frozenset({"metric-keeps-graph"}),
    ),
    (
        re.compile(r"out of bounds|out of range"),
        frozenset({"loss-class-count", "loss-one-column-ce", "metric-wrong-axis"}),
    ),
    (
        re.compile(r"shapes cannot be multiplied|[Tt]arget size|must match the size|batch_size|multi-target"),
        frozenset({"data-split-unpacked-wrong", "model-wrong-width", "loss-shape-mismatch"}),
    ),
    (
        re.compile(r"inconsistent with 'x' and 'y'|inconsistent numbers of samples"),
        frozenset({"data-split-unpacked-wrong"}),
    ),
    (re.compile(r"between 0 and 1"), frozenset({"loss-bce-on-logits"})),
)


def told_once(assignment: Assignment, evidence: Evidence, mistakes: Sequence[Mistake]) -> tuple[Mistake, ...]:
    """The deepest mistakes, each once per exercise, with the cells whose errors they explain."""
    found = [_with_endings(assignment, evidence.failures, mistake) for mistake in mistakes]
    areas = {mistake.code: _areas(assignment, found, mistake.code) for mistake in found}
    deepest = [m for m in found if not _follows(assignment, m, areas) and not _undone(assignment, m, found)]
    merged: dict[tuple[str, int], Mistake] = {}
    for mistake in deepest:
        same = (mistake.code, mistake.exercise)
        first = merged.setdefault(same, mistake)
        merged[same] = replace(first, explains=first.explains | mistake.explains)
    return tuple(_with_aftermath(assignment, evidence.failures, mistake) for mistake in merged.values())


def _areas(assignment: Assignment, mistakes: Iterable[Mistake], code: str) -> set[str]:
    return {area for m in mistakes if m.code == code for area in _area(assignment, m.exercise)}


def _area(assignment: Assignment, exercise: int) -> set[str]:
    """The tasks that an exercise is part of; work on data alone is part of every task on that data."""
    spec = assignment.exercise(exercise)
    if spec is None:
        return set()
    if spec.task is not None:
        return {spec.task}
    return {task.id for task in assignment.tasks if task.dataset == spec.dataset}


def _follows(assignment: Assignment, mistake: Mistake, areas: dict[str, set[str]]) -> bool:
    own = _area(assignment, mistake.exercise)
    return any(own & areas.get(deeper, set()) for deeper in _FOLLOWS.get(mistake.code, ()))


def _undone(assignment: Assignment, mistake: Mistake, mistakes: Iterable[Mistake]) -> bool:
    """Whether another mistake of the same task left no chance for this one's work, or none to judge it."""
    others = [m for m in mistakes if m.code != mistake.code]
    own = _area(assignment, mistake.exercise)
    if mistake.code == "loop-undertrained":
        return any(m.severity == "fail" and m.exercise == mistake.exercise for m in others)
    return mistake.code in _LEFT_UNDONE and any(
        m.explains and own & _area(assignment, m.exercise) for m in others
    )


def _with_aftermath(assignment: Assignment, failures: Sequence[Failure], mistake: Mistake) -> Mistake:
    """What later cells of the same task could not find, after the cell that this mistake ended."""
    if not mistake.explains:
        return mistake
    first = min(mistake.explains)
    later = {f.cell for f in failures if f.cell > first and f.exercise and _near(assignment, f, mistake)}
    return replace(mistake, explains=mistake.explains | later)


def _with_endings(assignment: Assignment, failures: Sequence[Failure], mistake: Mistake) -> Mistake:
    ended = {
        failure.cell
        for failure in failures
        for pattern, codes in _ENDINGS
        if mistake.code in codes and pattern.search(failure.message) and _near(assignment, failure, mistake)
    }
    return replace(mistake, explains=mistake.explains | ended) if ended else mistake


def _near(assignment: Assignment, failure: Failure, mistake: Mistake) -> bool:
    if failure.exercise is None:
        return True
    return bool(_area(assignment, failure.exercise) & _area(assignment, mistake.exercise))
