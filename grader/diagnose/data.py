"""Mistakes in preparing the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from grader.diagnose.seeds import shuffles_unseeded
from grader.diagnose.shares import asks_for_small_train
from grader.model.assignment import Assignment, ExerciseSpec
from grader.model.evidence import DatasetEvidence, Evidence, KnownArray, Split
from grader.model.finding import Cost, Mistake
from grader.model.submission import Where


@dataclass(frozen=True)
class _Part:
    """A split with the exercise that is told of it, and what it cost there."""

    exercise: int
    spec: ExerciseSpec | None
    """None where no exercise judges the split of this dataset."""
    data: DatasetEvidence
    split: Split

    @property
    def where(self) -> Where | None:
        return self.split.train_features.where if self.split.source == "names" else None

    def mistake(self, code: str, message: str, hint: str, **by_use: Cost) -> Mistake:
        """`by_use`: the last word of the check, `split="fail"`."""
        uses = {f"data.{name}": cost for name, cost in by_use.items()}
        costs = {} if self.spec is None else costs_of(self.spec, uses)
        return Mistake(code, self.exercise, message, hint, self.where, costs)


def data_mistakes(assignment: Assignment, evidence: Evidence) -> Iterator[Mistake]:
    """Mistakes in the split of each dataset, where there is one."""
    for name, data in evidence.datasets.items():
        if data.split is None:
            continue
        spec = split_exercise(assignment, name)
        tasks = [task for task in assignment.tasks if task.dataset == name]
        if spec is None and not tasks:
            continue
        part = _Part(spec.number if spec else tasks[0].model_exercise, spec, data, data.split)
        if spec is not None:
            yield from _of_rows(part, evidence)
        yield from _of_habits(part, evidence)


def split_exercise(assignment: Assignment, dataset: str) -> ExerciseSpec | None:
    """The exercise that judges how this dataset was split."""
    for exercise in assignment.exercises:
        own = exercise.dataset or (assignment.task(exercise.task).dataset if exercise.task else None)
        if own == dataset and any(check.use == "data.split" for check in exercise.checks):
            return exercise
    return None


def costs_of(exercise: ExerciseSpec, by_use: Mapping[str, Cost]) -> dict[str, Cost]:
    """The ids of an exercise's checks that judge the given things, with what it costs them."""
    return {check.id: by_use[check.use] for check in exercise.checks if check.use in by_use}


def _of_rows(part: _Part, evidence: Evidence) -> Iterator[Mistake]:
    split = part.split
    shares = [share for share in (split.aligned_train, split.aligned_test) if share is not None]
    if split.swapped or (split.small_train and not _asked_for(part, evidence)):
        yield part.mistake(
            "data-split-unpacked-wrong",
            "The four parts were taken in another order than train_test_split returns them.",
            "It returns X_train, X_test, y_train, y_test, in this order.",
            split="fail",
            aligned="fail",
        )
        return
    if shares and min(shares) < 0.999:
        yield part.mistake(
            "data-split-misaligned",
            f"X and y were split apart from each other: only {min(shares):.0%} of the rows kept their own label.",
            "Hand X and y to the same train_test_split call, or shuffle both with the same permutation.",
            aligned="fail",
        )
    yield from _of_size(part)


def _asked_for(part: _Part, evidence: Evidence) -> bool:
    """Whether the call that split the rows asks for a larger test part than train part."""
    cell = evidence.submission.cell(part.where.cell) if part.where is not None else None
    return cell is not None and asks_for_small_train(cell.source)


def _of_size(part: _Part) -> Iterator[Mistake]:
    options = next((c.options for c in part.spec.checks if c.use == "data.split"), {}) if part.spec else {}
    train, test = part.split.train_features.shape[0], part.split.test_features.shape[0]
    share = test / (train + test)
    if not float(options.get("low", 0.1)) <= share <= float(options.get("high", 0.4)):
        yield part.mistake(
            "data-split-size",
            f"{test} of {train + test} rows are for testing, which is {share:.0%}.",
            "A test share of 20 % is usual: enough to measure with, and most rows left to learn from.",
            split="part",
        )


def _of_habits(part: _Part, evidence: Evidence) -> Iterator[Mistake]:
    train = part.split.train_features
    if (
        _shuffled(train)
        and part.where is not None
        and shuffles_unseeded(evidence.submission, part.where.cell)
    ):
        yield part.mistake(
            "data-split-unseeded",
            "The split is random and nothing fixes its seed: each run trains and tests on other rows.",
            "Pass random_state=42 to train_test_split, or set a seed before you shuffle.",
        )
    if _fitted_on_all(part.data, train):
        yield part.mistake(
            "data-scaler-sees-test",
            "The features were scaled by figures of all rows, test rows included.",
            "Fit the scaler on X_train only, then apply it to both parts.",
        )


def _shuffled(array: KnownArray) -> bool:
    return array.rows is not None and bool((np.diff(array.rows[array.rows >= 0]) < 0).any())


def _fitted_on_all(data: DatasetEvidence, train: KnownArray) -> bool:
    """Whether the scaling centres, or spans, all rows exactly, and the train rows not."""
    if train.scale is None or train.shift is None or train.rows is None:
        return False
    every = data.features * train.scale + train.shift
    own = every[train.rows[train.rows >= 0]]
    spread = every.std(axis=0)
    if not len(own) or len(own) == len(every) or not (spread > 0).all():
        return False

    def centred(rows: np.ndarray) -> bool:
        return bool((np.abs(rows.mean(axis=0)) < 1e-5 * spread).all())

    def spanned(rows: np.ndarray) -> bool:
        ends = np.stack([rows.min(axis=0), rows.max(axis=0)])
        return bool((np.abs(ends - np.round(ends)) < 1e-5 * spread).all()) and bool((ends[0] < ends[1]).all())

    return (centred(every) and not centred(own)) or (spanned(every) and not spanned(own))
