"""What a probe shows: the submission ran again on turned data with exchanged labels, which must be learned as well."""

from __future__ import annotations

from collections.abc import Iterator

from grader.diagnose.scene import Scene
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
    if before is None or after is None or before < _GOOD or after > _LOST * before:
        return
    yield scene.mistake(
        "integrity-hardcoded",
        scene.task.spec.loop_exercise,
        f"On the data as given {before:.0%} of new rows are classified correctly; run again on the same data with its "
        f"features turned and its labels exchanged, {after:.0%} are. What is learned from data would follow it.",
        "Look at how the model comes to its answers before its training.",
        run.where,
    )
