"""Results that do not come from the work: told to the instructor, never priced."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grader.diagnose.scene import Scene
from grader.model.evidence import RunEvidence
from grader.model.finding import Mistake
from grader.model.reported import Claim
from grader.model.submission import Submission, Where

_FEWEST = 2
_FEWEST_MOMENTS = 4
_FEWEST_BACKWARDS = 10
_MOST = 0.8
_MOST_ROWS = 0.9
_FEWEST_WITHOUT_LOOP = 3
_WRITTEN = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")


def integrity_figures_written_down(scene: Scene) -> Iterator[Mistake]:
    """Figures that are not this run's and stand in the code as numbers."""
    claims = [
        claim for claim in scene.task.reports.claims if claim.how == "printed" and claim.value is not None
    ]
    doubtful = [claim for claim in claims if claim.verdict in ("untrue", "unchecked")]
    if scene.task.run is None or not any(claim.verdict == "untrue" for claim in doubtful):
        return
    written = _numbers(scene.evidence.submission)
    typed = [claim for claim in doubtful if _stands_in(claim, written)]
    if len(typed) >= _FEWEST and any(claim.verdict == "untrue" for claim in typed):
        yield _told(
            scene,
            f"{len(typed)} printed figures are not what was trained, and stand in the code as numbers: "
            f"“{typed[0].text.strip()[:90]}”.",
            typed[0].where,
        )


def integrity_figures_without_loop(scene: Scene) -> Iterator[Mistake]:
    """Losses or accuracies are printed where nothing was trained."""
    claims = [claim for claim in scene.task.reports.claims if claim.how == "printed"]
    if scene.task.run is None and len(claims) >= _FEWEST_WITHOUT_LOOP:
        yield _told(
            scene,
            f"{len(claims)} figures are printed, but no training was seen that they could come from: "
            f"“{claims[0].text.strip()[:90]}”.",
            claims[0].where,
        )


def integrity_losses_without_weights(scene: Scene) -> Iterator[Mistake]:
    """Losses were recorded that the weights of the same moments do not give by far."""
    run = scene.task.run
    moments = _moments(scene, run) if run is not None else []
    flattered = [moment for moment in moments if _far_below(moment.highest, moment.recomputed)]
    if run is not None and len(moments) >= _FEWEST_MOMENTS and len(flattered) >= _MOST * len(moments):
        last = flattered[-1]
        yield scene.mistake(
            "integrity-tampering",
            scene.task.spec.loop_exercise,
            f"Around step {last.step} losses up to {last.highest:.3g} were recorded; the weights of that moment give "
            f"{last.recomputed:.3g} over the rows trained on. So it is at {len(flattered)} of {len(moments)} moments.",
            "Look at what the code does to the loss, and to what records it.",
            run.where,
        )


def integrity_weights_without_steps(scene: Scene) -> Iterator[Mistake]:
    """The final weights are better by far than any loss that the loop saw."""
    run = scene.task.run
    last = moments[-1] if run is not None and (moments := _moments(scene, run)) else None
    if run is None or last is None or last.step < run.backwards or run.backwards < _FEWEST_BACKWARDS:
        return
    if _far_below(last.recomputed, float(run.losses.min())):
        yield scene.mistake(
            "integrity-hardcoded",
            scene.task.spec.loop_exercise,
            f"The lowest loss of the whole training is {run.losses.min():.3g}; the weights it ended with give "
            f"{last.recomputed:.3g}. The steps that were seen cannot have made them.",
            "Look at where the final weights come from.",
            run.where,
        )


@dataclass(frozen=True)
class _Moment:
    """The loss over the rows trained on, recomputed, and the highest recorded within an epoch before and after."""

    step: int
    recomputed: float
    highest: float


def _moments(scene: Scene, run: RunEvidence) -> list[_Moment]:
    """All moments but the first, of a run whose losses are comparable; empty where they are not.

    A loss with a factor of its own, one that is no number, or rows of which only some were trained on tell nothing.
    """
    first = run.first.train_loss if run.first is not None and run.first.step == 0 else None
    if not run.finite or not run.moved or not len(run.losses) or not first or not _on_whole_part(scene, run):
        return []
    if not 0.5 * first <= float(run.losses[0]) <= 2.0 * first:
        return []
    around = max(run.steps_per_epoch or 1, 1)
    return [
        _Moment(point.step, point.train_loss, float(near.max()))
        for point in run.measured[1:]
        if point.train_loss is not None
        and len(near := run.losses[max(0, point.step - around) : point.step + around + 1])
    ]


def _on_whole_part(scene: Scene, run: RunEvidence) -> bool:
    """Whether the loop went through the rows over which its loss is recomputed."""
    split = scene.evidence.datasets[run.dataset].split if run.dataset else None
    rows = split.train_features.rows if split is not None else None
    if rows is None or run.train_rows is None or not len(rows):
        return False
    return float(np.isin(rows, run.train_rows).mean()) >= _MOST_ROWS


def _far_below(low: float, high: float) -> bool:
    """Too far for the difference between batches, or that a single step makes."""
    return low < 0.25 * high and high - low > 0.1


def _told(scene: Scene, message: str, where: Where | None) -> Mistake:
    hint = "Look at where these numbers come from."
    return scene.mistake("integrity-hardcoded", scene.task.spec.loop_exercise, message, hint, where)


def _numbers(submission: Submission) -> set[str]:
    """Decimal numbers in the code, in its texts too, with three significant digits or more."""
    found: set[str] = set()
    for cell in submission.code_cells:
        try:
            tree = ast.parse(cell.source)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, (float, str)):
                found.update(_WRITTEN.findall(str(node.value)))
    return {number for number in found if len(number.replace(".", "").strip("0")) >= 3}


def _stands_in(claim: Claim, written: set[str]) -> bool:
    """Whether a written number, as it is or in percent, gives the figure as printed."""
    value = claim.value or 0.0
    places = next((len(n.partition(".")[2]) for n in _WRITTEN.findall(claim.text) if float(n) == value), 0)
    near = 0.5 * 10.0**-places + 1e-9
    return places >= 2 and any(
        abs(float(number) * scale - value) <= near for number in written for scale in (1.0, 100.0)
    )
