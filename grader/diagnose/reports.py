"""Mistakes in what is reported: figures that are not what they are called, and figures that are absent."""

from __future__ import annotations

from collections.abc import Iterator

from grader.diagnose.scene import Scene
from grader.model.finding import Cost, Mistake
from grader.model.reported import Claim

_SLIPS: dict[str, tuple[str, str, Cost | None]] = {
    "metric-broadcast": (
        "Predictions and labels of different shapes were compared, so every prediction met every label",
        "Bring both to the same shape before comparing them, for example with squeeze(1).",
        "fail",
    ),
    "metric-wrong-denominator": (
        "A sum was divided by another count than the number of things summed",
        "Divide a sum of batch losses by the number of batches, and a count of hits by the number of rows.",
        None,
    ),
    "metric-rounds-logits": (
        "Raw logits were rounded as if they were probabilities",
        "Apply a sigmoid before rounding, or compare the logits with 0.",
        "fail",
    ),
    "metric-sigmoid-twice": (
        "A sigmoid was applied to probabilities, so every prediction is class 1",
        "Round the probabilities themselves.",
        "fail",
    ),
}


def metric_slips(scene: Scene) -> Iterator[Mistake]:
    """Figures that a known slip explains; each slip is told once per task, at its first place."""
    told: set[str] = set()
    for claim in scene.task.reports.claims:
        if claim.verdict == "slip" and claim.code in _SLIPS and claim.code not in told:
            told.add(claim.code)
            what, hint, cost = _SLIPS[claim.code]
            costs: dict[str, Cost] = (
                {}
                if cost is None
                else dict.fromkeys(("reports_printed", "reports_any", "reports_shown"), cost)
            )
            yield scene.mistake(
                claim.code,
                scene.task.spec.loop_exercise,
                f"{what}: {_told(claim)}.",
                hint,
                claim.where,
                **costs,
            )


def metric_untrue(scene: Scene) -> Iterator[Mistake]:
    """A printed figure that differs from the recomputed one, and nothing explains how."""
    claims = [c for c in scene.task.reports.claims if c.verdict == "untrue" and c.how == "printed"]
    if not claims:
        return
    yield scene.mistake(
        "metric-untrue",
        scene.task.spec.loop_exercise,
        f"A printed {claims[0].meaning} is not what the model and the data give: {_told(claims[0])}.",
        "Check which model, which rows and which labels the figure is computed from.",
        claims[0].where,
        reports_printed="part",
        reports_any="part",
        reports_shown="part",
    )


def metric_not_reported(scene: Scene) -> Iterator[Mistake]:
    """Nothing is printed as training goes on."""
    task = scene.task
    if (
        task.run is None
        or not scene.costs({"reports.printed": "fail"})
        or any(c.how == "printed" for c in task.reports.claims)
    ):
        return
    yield scene.mistake(
        "metric-not-reported",
        task.spec.loop_exercise,
        "The loop prints neither loss nor accuracy, so nobody can see whether it learns.",
        "Print both every 10 epochs.",
        task.run.where,
        reports_printed="fail",
    )


def _told(claim: Claim) -> str:
    """The figure as printed, what it should be, and how it came about."""
    shown = f"“{claim.text.strip()[:90]}”"
    differs = claim.truth is not None and (
        claim.value is None or abs(claim.truth - claim.value) > 1e-3 * abs(claim.value)
    )
    truth = f" should be {claim.truth:.4g}" if differs else ""
    why = f" ({claim.explanation})" if claim.explanation else ""
    return f"{shown}{truth}{why}"
