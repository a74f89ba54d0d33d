"""Mistakes in what is reported: figures that are not what they are called, and figures that are absent."""

from __future__ import annotations

from collections.abc import Iterator

from grader.diagnose.loop_order import ending
from grader.diagnose.scene import Scene
from grader.model.finding import Cost, Mistake
from grader.model.reported import Claim
from grader.model.submission import Where

_EPOCHS_BETWEEN = 20
"""A loop shorter than this may well report once."""
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
    "metric-softmax-on-one-output": (
        "A softmax or an argmax over a single output gives every row the same class",
        "With one output per row, compare the logits with 0, or round their sigmoid.",
        "fail",
    ),
    "metric-wrong-axis": (
        "The classes were taken along the batch instead of along each row's outputs",
        "Use dim=1: one row's outputs stand side by side in it.",
        "part",
    ),
    "loop-tests-on-train": (
        "What is called a test figure was computed on the train rows",
        "Give the evaluation X_test and y_test.",
        "fail",
    ),
    "loop-test-loss-against-predictions": (
        "The test loss compares the outputs with the model's own predictions instead of the labels",
        "Call loss_fn(test_logits, y_test).",
        "part",
    ),
}


def metric_slips(scene: Scene) -> Iterator[Mistake]:
    """Figures that a known slip explains; each slip is told once per task, at its first place."""
    told: set[str] = set()
    for claim in scene.task.reports.claims:
        if claim.verdict == "slip" and claim.code in _SLIPS and claim.code not in told:
            told.add(claim.code)
            yield _slip(scene, claim.code, _told(claim), claim.where)
    for line in scene.task.reports.comparisons:
        if line.slip in _SLIPS and line.slip not in told:
            told.add(line.slip)
            met = f"shape {line.left_shape} met {line.right_shape}"
            yield _slip(scene, line.slip, met, line.where, (line.cell,) if line.raised else ())


def _slip(scene: Scene, code: str, told: str, where: Where | None, explains: tuple[int, ...] = ()) -> Mistake:
    what, hint, cost = _SLIPS[code]
    forms = ("reports_printed", "reports_any", "reports_shown")
    costs: dict[str, Cost] = {} if cost is None else dict.fromkeys(forms, cost)
    exercise = scene.task.spec.loop_exercise
    return scene.mistake(code, exercise, f"{what}: {told}.", hint, where, explains, **costs)


def metric_untrue(scene: Scene) -> Iterator[Mistake]:
    """A printed figure that differs from the recomputed one, and nothing explains how."""
    explained = {c.meaning for c in scene.task.reports.claims if c.verdict == "slip" and _costly(c.code)}
    claims = [
        claim
        for claim in scene.task.reports.claims
        if claim.verdict == "untrue" and claim.how == "printed" and claim.meaning not in explained
    ]
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


def _costly(code: str | None) -> bool:
    """Whether this slip also stands for what it makes of other figures."""
    return code in _SLIPS and _SLIPS[code][2] is not None


def metric_keeps_graph(scene: Scene) -> Iterator[Mistake]:
    """Loss tensors kept with their graphs."""
    kept = [claim for claim in scene.task.reports.claims if claim.how == "kept" and claim.with_graph > 1]
    if kept:
        yield scene.mistake(
            "metric-keeps-graph",
            scene.task.spec.loop_exercise,
            f"`{kept[0].text}` keeps {kept[0].with_graph} tensors with all that is needed to go backward from them, "
            "so memory grows with every step.",
            "Keep loss.item(), a plain number.",
            scene.task.run.where if scene.task.run else kept[0].where,
        )


def metric_not_reported(scene: Scene) -> Iterator[Mistake]:
    """Nothing is printed as training goes on, or once only; where other forms will do, none of them is there."""
    task = scene.task
    if task.run is None or not task.run.backwards or ending(scene, task.run) is not None:
        return
    printed = [claim for claim in task.reports.claims if claim.how == "printed"]
    once = len(task.reports.printed_steps) == 1 and (task.reports.epochs or 0) > _EPOCHS_BETWEEN
    others = [claim for claim in task.reports.claims if claim.how != "printed"]
    if scene.costs({"reports.printed": "fail"}):
        silent = once or not printed
    elif scene.costs({"reports.any": "fail"}):
        silent = not printed and not others
    else:
        silent = not printed and all(claim.how == "kept" for claim in others)
    if silent:
        seen = "prints loss and accuracy once only" if printed else "prints neither loss nor accuracy"
        yield scene.mistake(
            "metric-not-reported",
            task.spec.loop_exercise,
            f"The loop {seen}, so nobody can see whether it learns.",
            "Print both every 10 epochs.",
            task.run.where,
            reports_printed="fail",
            reports_any="fail",
            reports_shown="fail",
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
