"""The figures that a loop could rightly report at each point of its course, recomputed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.evidence.claims import Meaning, Part
from grader.model.evidence import OTHER_READING, Measured, RunEvidence
from grader.model.reported import Comparison

Array = np.ndarray[Any, Any]
_INTERVALS = (2, 4, 5, 8, 10, 16, 20, 25, 32, 50, 64, 100, 128, 200, 250, 500, 1000)
_STRAYING = 1.25
"""Times the loss at measured points, beyond which their accuracies say nothing of the weights in between."""


@dataclass(frozen=True)
class Figure:
    """A figure that may be reported."""

    value: float
    meaning: Meaning
    part: Part
    what: str
    """In words: `mean loss over the epoch's batches`."""
    slack: float = 0.0
    """How far the honest figure may lie from `value`: unknown weights of batches, rows at the edge."""
    sure: bool = True
    """False for a figure that the student's own comparison gave and the weights do not confirm."""


@dataclass(frozen=True)
class Compared:
    """The results that one line of code gave during one run, as columns of equal length."""

    comparison: Comparison
    steps: Array
    agreed: Array
    total: Array
    spread: bool


@dataclass(frozen=True, eq=False)
class Course:
    """A run's losses, measured figures and comparisons, arranged for questions about single steps."""

    losses: Array
    sums: Array
    """Running sum of the losses, shape (backwards + 1,); NaN from the first on that is no number."""
    measured: tuple[Measured, ...]
    compared: tuple[Compared, ...]
    steps_per_epoch: int | None
    per_step: float
    """Backward passes per optimizer step: above 1 for accumulated gradients and closures."""
    train_size: int | None
    test_size: int | None
    whole_losses: bool
    """The loss sums over rows instead of taking their mean."""
    other_sizes: tuple[int, ...] = ()
    """Lengths of the student's other arrays."""
    steps: int = 0
    """Optimizer steps of a loop that never went backward."""

    @property
    def passes(self) -> int:
        """How often the loop went round: its backward passes; where there are none, its steps."""
        return len(self.losses) or self.steps

    @property
    def epochs(self) -> int | None:
        size = self.steps_per_epoch
        return max(1, round(self.passes / size)) if size and self.passes else None

    def epoch_window(self, step: int) -> tuple[int, int]:
        """First and last (exclusive) backward pass of the epoch that `step` passes end in."""
        size = self.steps_per_epoch or 1
        return max(0, (step - 1) // size * size), step

    def batch_sizes(self) -> tuple[int, int] | None:
        """The smallest and largest batch size that gives this many steps per epoch."""
        size, rows = self.steps_per_epoch, self.train_size
        if not size or not rows:
            return None
        return math.ceil(rows / size), rows if size == 1 else max(
            math.ceil(rows / size), (rows - 1) // (size - 1)
        )

    def near(self, step: int) -> tuple[Measured, ...]:
        """The measured points of the epoch that ends at `step`, and the nearest on each side."""
        first, last = self.epoch_window(step)
        before = [point for point in self.measured if point.step <= first][-1:]
        within = [point for point in self.measured if first < point.step <= last]
        after = [point for point in self.measured if point.step > last][:1]
        return (*before, *within, *(after if not within or within[-1].step < last else ()))

    def strays(self, step: int) -> bool:
        """Whether the loss around `step` rises well above that at every measured point near it.

        Then the weights were for a while where none of these points shows them.
        """
        size = self.steps_per_epoch or 1
        known = max((self._level(point.step, size) for point in self.near(step)), default=math.inf)
        return max(self._level(step, size), self._level(step - size, size)) > _STRAYING * known

    def _level(self, step: int, size: int) -> float:
        """The mean of the losses from `step` on, over an epoch; of the last epoch where there is no other."""
        first = min(max(step, 0), max(len(self.losses) - size, 0))
        return float(self.losses[first : first + size].mean()) if len(self.losses) else math.inf


def course_of(
    run: RunEvidence,
    comparisons: Sequence[Comparison],
    train_size: int | None,
    test_size: int | None,
    other_sizes: Collection[int] = (),
) -> Course:
    """Arrange what is known of `run`."""
    losses = np.asarray(run.losses, dtype=np.float64).reshape(-1)
    first = run.measured[0].train_loss if run.measured else None
    return Course(
        losses=losses,
        sums=np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(losses), losses, np.nan))]),
        measured=tuple(sorted(run.measured, key=lambda point: point.step)),
        compared=tuple(found for line in comparisons if (found := _of_run(line, run.id)) is not None),
        steps_per_epoch=run.steps_per_epoch,
        per_step=run.backwards / run.steps if run.steps else 1.0,
        train_size=train_size,
        test_size=test_size,
        whole_losses=bool(len(losses)) and bool(first) and float(losses[0]) > 4 * float(first or 1),
        steps=0 if run.backwards else run.steps,
        other_sizes=tuple(sorted(set(other_sizes) - {train_size, test_size})),
    )


def _of_run(line: Comparison, run: str) -> Compared | None:
    results = [(step, agreed, total) for name, step, agreed, total in line.results if name == run and total]
    if not results:
        return None
    columns = np.array(results, dtype=np.int64).T
    return Compared(line, columns[0], columns[1], columns[2], spreads(line))


def spreads(line: Comparison) -> bool:
    """Whether the shapes that met became larger than either: (N, 1) with (N,) makes N × N.

    The shapes decide, not the counts of pairs: one line may compare small batches first and whole parts later.
    """
    left, right = line.left_shape, line.right_shape
    try:
        pairs = math.prod(np.broadcast_shapes(left, right))
    except ValueError:
        return False
    return bool(line.results) and pairs > max(math.prod(left), math.prod(right))


# ---------------------------------------------------------------- losses


def losses_at(course: Course, step: int, earlier: Sequence[int]) -> Iterator[Figure]:
    """Every loss that may rightly be printed when `step` backward passes are done.

    `earlier` are the steps at which something was printed before, ascending.
    """
    yield from measured_at(course, step, "loss")
    yield from _step_losses(course, step)
    for size in _epoch_sizes(course):
        yield from _epoch_losses(course, step, size)
    yield from _longer_means(course, step, earlier)


def _step_losses(course: Course, step: int) -> Iterator[Figure]:
    losses = course.losses
    reach = 2 if course.per_step < 1.5 else min(60, math.ceil(2 * course.per_step) + 2)
    for index in range(max(0, step - reach), min(len(losses), step + 1)):
        yield Figure(float(losses[index]), "loss", "train", "loss of the current step")
        shares = round(course.per_step)
        if shares > 1:
            yield Figure(
                float(losses[index]) * shares, "loss", "train", "loss of the current step, not divided"
            )


def _epoch_sizes(course: Course) -> tuple[int, ...]:
    """Steps per epoch; one less where an incomplete last batch was dropped."""
    size = course.steps_per_epoch
    return () if not size else (size,) if size < 3 else (size, size - 1)


def _epoch_losses(course: Course, step: int, size: int) -> Iterator[Figure]:
    """Means and sums over the epoch so far; a print before the step counts the loss that is to come."""
    for end in (step, step + 1, step - 1):
        start = (end - 1) // size * size
        if not 0 <= start < end < len(course.sums):
            continue
        total, count = float(course.sums[end] - course.sums[start]), end - start
        for factor in {1, round(course.per_step)} - {0}:
            scaled = total * factor
            yield Figure(scaled / count, "loss", "train", "mean loss over the epoch's batches")
            yield Figure(scaled, "loss", "train", "sum of the epoch's losses")
            yield from _weighted(course, end, count, size, scaled, factor)


def _weighted(course: Course, end: int, count: int, size: int, total: float, factor: int) -> Iterator[Figure]:
    """The mean over rows: the last batch is smaller, by how much is known within narrow limits."""
    sizes, rows = course.batch_sizes(), course.train_size
    if sizes is None or rows is None or count != size:
        return
    last = float(course.losses[end - 1]) * factor
    values = [(size_of * (total - last) + (rows - size_of * (count - 1)) * last) / rows for size_of in sizes]
    middle, slack = (values[0] + values[1]) / 2, abs(values[0] - values[1]) / 2
    yield Figure(middle, "loss", "train", "mean loss over the epoch's rows", slack)
    yield Figure(middle * rows, "loss", "train", "sum of the losses over the epoch's rows", slack * rows)
    if course.whole_losses:
        yield Figure(total / rows, "loss", "train", "mean loss over the epoch's rows")


def _longer_means(course: Course, step: int, earlier: Sequence[int]) -> Iterator[Figure]:
    """Means since the last print, over usual intervals, over several epochs, over all; the best so far."""
    sums, losses = course.sums, course.losses
    if not 0 < step < len(sums):
        return
    since = [step - said for said in earlier[-3:]]
    size = course.steps_per_epoch
    whole = range(size, step + 1, size) if size and step // size <= 400 else ()
    for length in {*since, *_INTERVALS, *whole, step}:
        if 0 < length <= step:
            mean = float(sums[step] - sums[step - length]) / length
            yield Figure(mean, "loss", "train", f"mean of the last {length} losses")
    yield Figure(float(losses[:step].min()), "loss", "train", "lowest loss so far")
    if size and step >= size:
        means = (sums[size : step + 1 : size] - sums[: step + 1 - size : size]) / size
        yield Figure(float(means.min()), "loss", "train", "lowest mean loss of an epoch so far")


# ---------------------------------------------------------------- measured from the weights


def measured_at(course: Course, step: int, meaning: Meaning) -> Iterator[Figure]:
    """Recomputed figures just before, at and just after `step`, over train, test and all rows."""
    reach = max(1, math.ceil(course.per_step))
    for point in course.measured:
        if abs(point.step - step) <= reach:
            when = (
                "" if point.step == step else " before the step" if point.step < step else " after the step"
            )
            yield from figures_of(point, meaning, course.train_size, course.test_size, when)


def figures_of(
    point: Measured, meaning: Meaning, train_size: int | None, test_size: int | None, when: str = ""
) -> Iterator[Figure]:
    """The figures of one measured point; an accuracy may differ by one and a half rows at the boundary."""
    loss = meaning == "loss"
    train = point.train_loss if loss else point.train_accuracy
    test = point.test_loss if loss else point.test_accuracy
    parts: tuple[tuple[Part, float | None, int | None], ...] = (
        ("train", train, train_size),
        ("test", test, test_size),
    )
    for part, value, rows in parts:
        slack = 0.0 if loss else 1.5 / max(rows or 200, 1)
        if value is not None:
            yield Figure(value, meaning, part, f"{meaning} over the {part} rows{when}", slack)
            if loss and rows:
                yield Figure(value * rows, meaning, part, f"loss summed over the {part} rows{when}")
        other = point.mistaken.get(part, {}).get(OTHER_READING[meaning])
        if other is not None:
            what = f"another reading of the {meaning} over the {part} rows{when}"
            yield Figure(other, meaning, part, what, slack)
    if train is not None and test is not None and train_size and test_size:
        rows = train_size + test_size
        everywhere = (train * train_size + test * test_size) / rows
        yield Figure(
            everywhere, meaning, "unknown", f"{meaning} over all rows{when}", 0.0 if loss else 1.5 / rows
        )


# ---------------------------------------------------------------- accuracies


def accuracies_at(course: Course, step: int) -> Iterator[Figure]:
    """Every accuracy that may rightly be printed when `step` backward passes are done."""
    yield from measured_at(course, step, "accuracy")
    for compared in course.compared:
        if not compared.spread and compared.comparison.slip is None:
            yield from compared_at(course, compared, step)


def compared_at(course: Course, compared: Compared, step: int) -> Iterator[Figure]:
    """What one comparison gave at this step, and over the epoch so far."""
    for first, last in _windows(course, compared, step):
        agreed, total = compared.agreed[first:last], compared.total[first:last]
        shares = agreed / total
        rows = int(total.sum())
        pooled = float(agreed.sum()) / rows
        what = "share of agreeing pairs" if last - first == 1 else "share of agreeing pairs over the batches"
        sure = _confirmed(course, step, pooled, rows)
        yield Figure(pooled, "accuracy", "unknown", what, 1e-9, sure)
        if last - first > 1:
            yield Figure(
                float(shares.mean()), "accuracy", "unknown", "mean of the batches' accuracies", 1e-9, sure
            )


def windows_at(course: Course, compared: Compared, step: int) -> list[tuple[int, int]]:
    """Ranges of a comparison's results that a figure printed at `step` may gather."""
    return _windows(course, compared, step)


def _windows(course: Course, compared: Compared, step: int) -> list[tuple[int, int]]:
    start, _ = course.epoch_window(step)
    steps = compared.steps
    at = [
        int(np.searchsorted(steps, bound, side="left"))
        for bound in (start, start + 1, step - 1, step, step + 1)
    ]
    ranges = {(at[0], at[3]), (at[1], at[4]), (at[0], at[4]), (at[2], at[3]), (at[3], at[4])}
    ranges |= {(at[3] - 1, at[3]), (at[4] - 1, at[4])}
    return sorted((first, last) for first, last in ranges if 0 <= first < last)


def _confirmed(course: Course, step: int, share: float, rows: int) -> bool:
    """Whether the recomputed accuracies near this step allow such a share among so many pairs."""
    band = accuracy_band(course, step)
    if band is None:
        return True
    exact = rows in (course.train_size, course.test_size) and any(
        point.step == step for point in course.measured
    )
    allowance = 0.03 if exact else 0.03 + 2.5 * 0.5 / math.sqrt(rows)
    return band[0] - allowance <= share <= band[1] + allowance


def accuracy_band(course: Course, step: int, part: Part = "unknown") -> tuple[float, float] | None:
    """Lowest and highest recomputed accuracy around `step`; None where none is known, or none near enough.

    Once a loss is no number, neither are the weights: what an accuracy then is depends on who compares.
    """
    if not np.isfinite(course.losses[: step + 1]).all() or course.strays(step):
        return None
    return _band([_pick(point, "accuracy", part) for point in course.near(step)])


def loss_band(course: Course, step: int, part: Part = "unknown") -> tuple[float, float] | None:
    """Lowest and highest loss, recomputed or of a batch, over the last two epochs."""
    start, end = course.epoch_window(step)
    recent = course.losses[max(0, start - (end - start)) : end + 1]
    near = [_pick(point, "loss", part) for point in course.near(step)]
    return _band([*near, tuple(recent) if part != "test" else ()])


def _pick(point: Measured, meaning: Meaning, part: Part) -> tuple[float | None, ...]:
    loss = meaning == "loss"
    train = point.train_loss if loss else point.train_accuracy
    test = point.test_loss if loss else point.test_accuracy
    other = {name: figures.get(OTHER_READING[meaning]) for name, figures in point.mistaken.items()}
    pairs = {"train": (train, other.get("train")), "test": (test, other.get("test"))}
    return (*pairs["train"], *pairs["test"]) if part == "unknown" else pairs[part]


def _band(groups: Sequence[tuple[float | None, ...]]) -> tuple[float, float] | None:
    values = [value for group in groups for value in group if value is not None and math.isfinite(value)]
    return (float(min(values)), float(max(values))) if values else None
