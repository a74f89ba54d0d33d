"""What a probe shows: the submission ran again on turned data with exchanged labels, which must be learned as well."""

from __future__ import annotations

from collections.abc import Iterator

from grader.diagnose.scene import Scene
from grader.model.evidence import RunEvidence
from grader.model.finding import Mistake

_GOOD = 0.85
_LOST = 0.5
"""Below this share of the accuracy on the data as given, an answer was not learned from the data."""


def integrity_fails_on_turned_data(scene: Scene) -> Iterator[Mistake]:
    """A model that is good on the data as given and wrong about the same data turned."""
    probe = scene.evidence.probe
    run = scene.task.run
    turned = probe.tasks[scene.task.spec.id].run if probe else None
    if run is None or turned is None or turned.dataset != scene.task.spec.dataset:
        return
    before, after = run.held_out_accuracy, turned.held_out_accuracy
    if before is not None and after is not None and before >= _GOOD and after <= _LOST * before:
        yield _told(
            scene,
            f"On the data as given {before:.0%} of new rows are classified correctly; run again on the same data "
            f"with its features turned and its labels exchanged, {after:.0%} are. "
            "What is learned from data would follow it.",
        )
        return
    before, after = _untrained(run), _untrained(turned)
    if before is not None and after is not None and before >= _GOOD and after <= _LOST * before:
        yield _told(
            scene,
            f"Before its first step the model classified {before:.0%} of the train rows correctly; on the same data "
            f"with its features turned and its labels exchanged, {after:.0%}. "
            "It knew the answer before it saw the data.",
        )


def _untrained(run: RunEvidence) -> float | None:
    """The train accuracy before the first step of weights that no earlier run made, a fraction."""
    first = run.first
    return None if first is None or first.step or run.initial_weights_of else first.train_accuracy


def _told(scene: Scene, message: str) -> Mistake:
    hint = "Look at how the model comes to its answers before its training."
    place = scene.task.run.where if scene.task.run else None
    return scene.mistake("integrity-hardcoded", scene.task.spec.loop_exercise, message, hint, place)
