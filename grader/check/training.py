"""Checks about loops, what they reach, and what is reported of them (exercises 5, 7 and 9)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from grader.check.case import Case, Options, failed, missing, partly, passed, unknown
from grader.model.evidence import RunEvidence, TaskEvidence
from grader.model.finding import Finding
from grader.model.reported import Claim
from grader.model.submission import Where

_LEAST_FALL = 0.002
"""Of the loss at the start: how far it falls is not asked for, only that it does."""
_FORMS = {"printed": "printed", "kept": "kept in a collection", "plotted": "plotted"}


class LearnsOptions(Options):
    optimum: float | None = None
    tolerance: float = 0.02


def learns(case: Case) -> Finding:
    """The loop really trains the model: parameters move, and the loss goes where it can go."""
    options = case.read(LearnsOptions)
    run = case.task.run
    expected = "a loop in which the model's parameters change and its loss goes down"
    if run is None:
        return missing("No training loop for this model was found.", expected, case.place)
    if not run.moved:
        return failed("The model's parameters did not change.", expected, "no change", run.where)
    start, end = _ends(run)
    if start is None or end is None:
        return unknown("The loss could not be recomputed.", run.where)
    at_optimum = options.optimum is not None and abs(end - options.optimum) <= options.tolerance
    if options.optimum is not None and _straight_and_binary(case.task, run):
        if at_optimum:
            return passed(f"The loop trains the model to a loss of {end:.3f}.", f"{end:.3f}", run.where)
        wanted = f"a final loss of {options.optimum:g} ± {options.tolerance:g}"
        return failed(f"The loss ends at {end:.3f}.", wanted, f"{end:.3f}", run.where)
    if end < start - _LEAST_FALL * abs(start) or at_optimum:
        return passed(
            f"The loop trains the model: its loss went from {start:.3f} to {end:.3f}.",
            f"{end:.3f}",
            run.where,
        )
    return failed(f"The loss went from {start:.3f} to {end:.3f}.", expected, f"{end:.3f}", run.where)


def _ends(run: RunEvidence) -> tuple[float | None, float | None]:
    """Loss before and after; recomputed on all train rows, or as recorded where that cannot be."""
    first, last = run.first, run.last
    if first and last and first.train_loss is not None and last.train_loss is not None:
        return first.train_loss, last.train_loss
    if not len(run.losses) or not math.isfinite(float(run.losses[-1])):
        return None, None
    share = max(1, len(run.losses) // 10)
    return float(run.losses[:share].mean()), float(run.losses[-share:].mean())


def _straight_and_binary(task: TaskEvidence, run: RunEvidence) -> bool:
    """Only a straight-line model under a cross entropy has that optimum; another's blame lies elsewhere."""
    affine = task.model is None or task.model.affine or bool(task.model.affine_before_output)
    return bool(affine) and run.loss_kind in ("bce-with-logits", "bce", "cross-entropy")


class AccuracyOptions(Options):
    full: float
    none: float


def held_out(case: Case) -> Finding:
    """Accuracy on rows that no student saw, recomputed outside; the best of the seeded runs counts."""
    options = case.read(AccuracyOptions)
    seen = [accuracy for accuracy in _accuracies(case) if accuracy is not None]
    expected = f"at least {options.full:.0%} on new data"
    where = case.task.run.where if case.task.run else case.place
    if case.task.run is None:
        return missing("There is no trained model to measure.", expected, case.place)
    if not seen:
        return unknown("The trained model could not be run on new data.", where)
    best = max(seen)
    share = min(1.0, max(0.0, (best - options.none) / (options.full - options.none)))
    again = f" (best of {len(seen)} seeded runs)" if len(seen) > 1 else ""
    message = f"{best:.1%} of new data is classified correctly{again}."
    if share >= 1.0:
        return passed(message, f"{best:.1%}", where)
    if share == 0.0:
        return failed(message, expected, f"{best:.1%}", where)
    return partly(share, message, expected, f"{best:.1%}", where)


def _accuracies(case: Case) -> Iterable[float | None]:
    for evidence in (case.evidence, *case.evidence.reruns):
        run = evidence.tasks[case.task.spec.id].run
        yield run.held_out_accuracy if run else None


# ---------------------------------------------------------------- reports


class PrintedOptions(Options):
    every: int = 10


def printed(case: Case) -> Finding:
    """Loss and accuracy are printed about every so many epochs."""
    every = case.read(PrintedOptions).every
    task = case.task
    if task.run is None:
        return missing(
            "There is no loop that could report.", "loss and accuracy as training goes on", case.place
        )
    expected = f"loss and accuracy about every {every} epochs"
    claims = [claim for claim in _claims(task, "printed") if claim.step is not None]
    meanings = {claim.meaning for claim in claims}
    if not claims:
        return failed(
            "Neither loss nor accuracy is printed while the model trains.",
            expected,
            "nothing",
            task.run.where,
        )
    where = claims[0].where or task.run.where
    if len(meanings) < 2:
        seen, unseen = ("loss", "accuracy") if "loss" in meanings else ("accuracy", "loss")
        return partly(0.5, f"The {seen} is printed, but no {unseen}.", expected, f"{seen} only", where)
    interval = _interval(task)
    if interval is not None and interval > 2.5 * every:
        actual = f"about every {interval:.0f} epochs"
        return partly(0.5, f"Loss and accuracy are printed {actual}.", expected, actual, where)
    return passed("Loss and accuracy are printed as the model trains.", where=where)


def _interval(task: TaskEvidence) -> float | None:
    """Epochs between two reports, on average; None where epochs cannot be counted."""
    run, epochs = task.run, task.reports.epochs
    if run is None or not epochs or not task.reports.printed_steps:
        return None
    return epochs / len(task.reports.printed_steps)


def kept(case: Case) -> Finding:
    """Loss and accuracy are kept in some collection."""
    return _both(case, "kept")


def plotted(case: Case) -> Finding:
    """Lines are drawn whose data are the kept curves."""
    return _both(case, "plotted")


def _both(case: Case, how: str) -> Finding:
    task = case.task
    expected = f"loss and accuracy {_FORMS[how]}"
    if task.run is None:
        return missing("There is no loop that could report.", expected, case.place)
    claims = [claim for claim in _claims(task, how) if claim.verdict != "untrue"]
    meanings = {claim.meaning for claim in claims}
    untrue = [claim for claim in _claims(task, how) if claim.verdict == "untrue"]
    if len(meanings) == 2:
        return passed(f"Loss and accuracy are {_FORMS[how]}.", where=claims[0].where)
    if untrue:
        seen = untrue[0]
        return partly(
            0.5,
            f"“{seen.text}” is {_FORMS[how]}, but its numbers are not this run's.",
            expected,
            "untrue numbers",
            seen.where,
        )
    if meanings:
        seen_kind = meanings.pop()
        return partly(
            0.5, f"Only the {seen_kind} is {_FORMS[how]}.", expected, f"{seen_kind} only", claims[0].where
        )
    return failed(f"Neither loss nor accuracy is {_FORMS[how]}.", expected, "nothing", task.run.where)


class AnyOptions(Options):
    of: int = 2


def any_form(case: Case) -> Finding:
    """Progress is reported in enough of the three forms: printed, kept, plotted."""
    wanted = case.read(AnyOptions).of
    task = case.task
    expected = f"{wanted} of: figures printed, kept, plotted"
    if task.run is None:
        return missing("There is no loop that could report.", expected, case.place)
    forms = sorted({claim.how for claim in task.reports.claims if claim.verdict != "untrue"})
    actual = ", ".join(_FORMS[form] for form in forms) or "none of them"
    if len(forms) >= wanted:
        return passed(f"Progress is {actual}.", actual, _first_place(task))
    if forms:
        return partly(len(forms) / wanted, f"Progress is only {actual}.", expected, actual, task.run.where)
    return failed("Nothing reports how training went.", expected, actual, task.run.where)


def shown(case: Case) -> Finding:
    """Loss or accuracy is shown during or after training."""
    task = case.task
    expected = "loss or accuracy printed or plotted"
    if task.run is None:
        return missing("There is no loop that could report.", expected, case.place)
    claims = [claim for claim in task.reports.claims if claim.how != "kept"]
    if claims:
        return passed(f"The {claims[0].meaning} is shown.", where=claims[0].where or task.run.where)
    return failed("Neither loss nor accuracy is shown.", expected, "nothing", task.run.where)


def _claims(task: TaskEvidence, how: str) -> list[Claim]:
    return [claim for claim in task.reports.claims if claim.how == how]


def _first_place(task: TaskEvidence) -> Where | None:
    return next(
        (claim.where for claim in task.reports.claims if claim.where), task.run.where if task.run else None
    )
