"""Whether bad luck may have cost points, so that the submission deserves another seed."""

from __future__ import annotations

from collections.abc import Sequence

from grader.model.assignment import Assignment, CheckSpec, ExerciseSpec
from grader.model.evidence import Evidence, RunEvidence
from grader.model.finding import Mistake

_GOOD = 0.85


def deserves_another_seed(assignment: Assignment, evidence: Evidence, mistakes: Sequence[Mistake]) -> bool:
    """A sound loop fell short of full accuracy, in every run so far, and the student did not fix the seed."""
    for exercise in assignment.exercises:
        for check in exercise.checks:
            if (
                check.use == "accuracy.held-out"
                and exercise.task
                and _fell_short(exercise, check, evidence, mistakes)
            ):
                return True
    return False


def _fell_short(
    exercise: ExerciseSpec, check: CheckSpec, evidence: Evidence, mistakes: Sequence[Mistake]
) -> bool:
    runs = [each.tasks[str(exercise.task)].run for each in (evidence, *evidence.reruns)]
    known = [run for run in runs if run is not None and run.held_out_accuracy is not None]
    if not known or known[0].seeded_by_student or not _sound(known[0]):
        return False
    if any(set(mistake.costs) & set(check.needs) for mistake in mistakes):
        return False
    return max(run.held_out_accuracy or 0.0 for run in known) < float(check.options["full"])


def _sound(run: RunEvidence) -> bool:
    return bool(run.moved) and run.reset is not False and run.finite


def looks_written_down(evidence: Evidence) -> bool:
    """Whether some model was good before it was trained, or without anything to train: worth trying on turned data."""
    for task in evidence.tasks.values():
        for run in task.runs:
            first = run.first.train_accuracy if run.first else None
            good = run.held_out_accuracy is not None and run.held_out_accuracy >= _GOOD
            if (first is not None and first >= _GOOD and run.initial_weights_of is None) or (
                good and not run.moved
            ):
                return True
    return False
