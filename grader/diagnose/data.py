"""Mistakes in preparing the data."""

from __future__ import annotations

from collections.abc import Iterator

from grader.model.assignment import Assignment, ExerciseSpec
from grader.model.evidence import DatasetEvidence, Evidence, Split
from grader.model.finding import Cost, Mistake


def data_mistakes(assignment: Assignment, evidence: Evidence) -> Iterator[Mistake]:
    """Mistakes in the split, for each exercise that judges one."""
    for exercise in assignment.exercises:
        uses = {check.use: check for check in exercise.checks}
        if "data.split" not in uses or (exercise.dataset is None and exercise.task is None):
            continue
        name = exercise.dataset or assignment.task(str(exercise.task)).dataset
        data = evidence.datasets[name]
        if data.split is not None:
            low = float(uses["data.split"].options.get("low", 0.1))
            high = float(uses["data.split"].options.get("high", 0.4))
            yield from _of_split(exercise, data, data.split, low, high)


def _of_split(
    exercise: ExerciseSpec, data: DatasetEvidence, split: Split, low: float, high: float
) -> Iterator[Mistake]:
    where = split.train_features.where if split.source == "names" else None
    shares = [share for share in (split.aligned_train, split.aligned_test) if share is not None]
    if split.swapped:
        yield Mistake(
            "data-split-unpacked-wrong",
            exercise.number,
            "The four parts were taken in another order than train_test_split returns them.",
            "It returns X_train, X_test, y_train, y_test, in this order.",
            where,
            _costs(exercise, {"data.split": "fail", "data.aligned": "fail"}),
        )
    elif shares and min(shares) < 0.999:
        yield Mistake(
            "data-split-misaligned",
            exercise.number,
            f"X and y were split apart from each other: only {min(shares):.0%} of the rows kept their own label.",
            "Hand X and y to the same train_test_split call, or shuffle both with the same permutation.",
            where,
            _costs(exercise, {"data.aligned": "fail"}),
        )
    train, test = split.train_features.shape[0], split.test_features.shape[0]
    if not split.swapped and not low <= test / (train + test) <= high:
        yield Mistake(
            "data-split-size",
            exercise.number,
            f"{test} of {train + test} rows are for testing, which is {test / (train + test):.0%}.",
            "A test share of 20 % is usual: enough to measure with, and most rows left to learn from.",
            where,
            _costs(exercise, {"data.split": "part"}),
        )


def _costs(exercise: ExerciseSpec, by_use: dict[str, Cost]) -> dict[str, Cost]:
    return {check.id: by_use[check.use] for check in exercise.checks if check.use in by_use}
