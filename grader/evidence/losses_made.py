"""The losses that a student made for a task: classes that were built, and functions that refused what they got."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.evidence.markers import Markers
from grader.evidence.models import place_of
from grader.evidence.raw import RawEvents, RawFailure, RawLossModule
from grader.model.assignment import TaskSpec
from grader.model.evidence import ModelEvidence, RunEvidence
from grader.model.submission import Where

_FUNCTIONS = {
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "binary_cross_entropy": "BCELoss",
    "cross_entropy": "CrossEntropyLoss",
    "nll_loss": "NLLLoss",
    "mse_loss": "MSELoss",
    "l1_loss": "L1Loss",
    "smooth_l1_loss": "SmoothL1Loss",
    "huber_loss": "HuberLoss",
}
"""Functions of torch.nn.functional, and the class that computes the same."""


def losses_made(
    task: TaskSpec, raw: RawEvents, markers: Markers, model: ModelEvidence | None, run: RunEvidence | None
) -> tuple[tuple[str, Where], ...]:
    """Class and place of each: those built in the exercise that asks for one, and what its loop was refused by.

    In an unmarked file, those built up to the cell of the run; where an error came before any run, up to the
    first error behind the model.
    """
    ended = _ended(task, raw, markers, model) if run is None else []
    last = run.cell if run is not None else min((failure.cell for failure in ended), default=0)
    built = (
        (event.class_name, event.outer)
        for event in raw.of(RawLossModule)
        if markers.exercise_at(event.outer) == task.loss_exercise
        or (not markers.marked and event.cell <= last)
    )
    return (*built, *_refused(ended))


def _ended(
    task: TaskSpec, raw: RawEvents, markers: Markers, model: ModelEvidence | None
) -> Sequence[RawFailure]:
    """The errors that may have ended this task's loop."""
    if markers.marked:
        exercises = (task.loss_exercise, task.loop_exercise)
        places = ((failure, markers.place(failure.at, failure.cell)) for failure in raw.of(RawFailure))
        return [failure for failure, place in places if markers.exercise_at(place) in exercises]
    if model is None:
        return []
    behind = [failure for failure in raw.of(RawFailure) if failure.cell >= place_of(model).cell]
    return behind[:1]


def _refused(ended: Sequence[RawFailure]) -> Iterator[tuple[str, Where]]:
    for failure in ended:
        for call in failure.calls:
            name = _FUNCTIONS.get(call.function.rpartition("torch.nn.functional.")[2])
            if name is not None:
                yield name, failure.where or Where(cell=failure.cell)
