"""Results that do not come from the work: told to the instructor, never priced."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from grader.diagnose.scene import Scene
from grader.model.finding import Mistake
from grader.model.reported import Claim
from grader.model.submission import Submission, Where

_FEWEST = 2
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
