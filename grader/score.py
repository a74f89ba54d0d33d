"""From findings to points: plain arithmetic, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grader.model.assignment import Assignment, CheckSpec, ExerciseSpec
from grader.model.finding import Findings
from grader.model.grade import Outcome


def check_points(check: CheckSpec, findings: Findings) -> float | None:
    """A check's points: its weight times its share; None when it was not graded."""
    judgement = findings.judgements[check.id]
    share = judgement.finding.share
    return None if share is None else round(check.weight * min(1.0, max(0.0, share)), 4)


def exercise_points(exercise: ExerciseSpec, findings: Findings) -> float | None:
    """The sum of the checks that were graded; None when none of them was."""
    return total(check_points(check, findings) for check in exercise.checks)


def submission_points(assignment: Assignment, findings: Findings) -> float | None:
    """The sum over the graded exercises; None when nothing was graded."""
    return total(exercise_points(exercise, findings) for exercise in assignment.exercises if exercise.graded)


def total(points: Iterable[float | None]) -> float | None:
    """The sum of what is known; None when nothing is."""
    known = [value for value in points if value is not None]
    return round(sum(known), 4) if known else None


def exercise_outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """How an exercise came out, from how its checks did."""
    if not outcomes:
        return Outcome.NOT_ATTEMPTED
    if Outcome.NOT_GRADED in outcomes:
        return Outcome.NOT_GRADED
    for alone in (Outcome.PASSED, Outcome.NOT_ATTEMPTED):
        if all(outcome is alone for outcome in outcomes):
            return alone
    earned = any(outcome in (Outcome.PASSED, Outcome.PARTIAL) for outcome in outcomes)
    return Outcome.PARTIAL if earned else Outcome.FAILED
