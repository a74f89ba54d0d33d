"""The rows of figures that a loop could rightly keep or draw, and those that a known slip would give."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from grader.evidence.claims import Meaning, Part
from grader.evidence.moments import Course
from grader.evidence.slips import broadcast_slip
from grader.model.evidence import OTHER_READING

Array = np.ndarray[Any, Any]
AGAINST_ITSELF = "loop-test-loss-against-predictions"


@dataclass(frozen=True)
class Row:
    """A row of figures that a loop could keep; NaN where nothing was recomputed."""

    values: Array
    meaning: Meaning
    part: Part
    what: str
    code: str | None = None

    @property
    def identity(self) -> tuple[bytes, str, str, str, str | None]:
        return self.values.tobytes(), self.meaning, self.part, self.what, self.code

    @cached_property
    def sorted(self) -> Array:
        """What was recomputed, in ascending order."""
        return np.sort(self.values[np.isfinite(self.values)])


@lru_cache(maxsize=8)
def rows_of(course: Course, printed: tuple[int, ...]) -> tuple[Row, ...]:
    """Each row once that has figures to compare with, in the place of the first of its kind."""
    rows = (*_loss_rows(course), *_measured_rows(course, printed), *_compared_rows(course))
    return tuple({row.identity: row for row in rows if len(row.sorted) > 1}.values())


def ends_of(course: Course) -> Array:
    """Backward passes done at the end of each epoch, shape (epochs,)."""
    size = course.steps_per_epoch or 1
    return np.unique(np.append(np.arange(size, course.passes + 1, size), course.passes))


def _loss_rows(course: Course) -> Iterator[Row]:
    losses = course.losses
    if not len(losses):
        return
    shares = round(course.per_step)
    for factor in sorted({1, shares} - {0}):
        yield Row(losses * factor, "loss", "train", "losses of the steps")
    if not course.steps_per_epoch or course.steps_per_epoch < 2:
        return
    ends = ends_of(course)
    starts = np.concatenate([[0], ends[:-1]])
    sums = course.sums[ends] - course.sums[starts]
    yield Row(sums / (ends - starts), "loss", "train", "mean loss over each epoch's batches")
    yield Row(losses[ends - 1], "loss", "train", "last loss of each epoch")
    yield Row(losses[starts], "loss", "train", "first loss of each epoch")
    yield Row(sums, "loss", "train", "sum of each epoch's losses")
    sizes, count = course.batch_sizes(), course.train_size
    if sizes and count and (ends - starts).max() == course.steps_per_epoch:
        last, size = losses[ends - 1], sum(sizes) / 2
        rest = count - size * (course.steps_per_epoch - 1)
        yield Row(
            (size * (sums - last) + rest * last) / count, "loss", "train", "mean loss over each epoch's rows"
        )
    if shares > 1:
        yield Row(sums / (ends - starts) * shares, "loss", "train", "mean loss over each epoch's batches")
        yield Row(sums * shares, "loss", "train", "sum of each epoch's losses")


def _measured_rows(course: Course, printed: Sequence[int]) -> Iterator[Row]:
    """Recomputed figures per step, per epoch and per print; those of the step before count too."""
    total = course.passes
    steps = np.array([point.step for point in course.measured], dtype=np.int64)
    layouts = [np.arange(1, total + 1), np.arange(total + 1), ends_of(course), np.append(0, ends_of(course))]
    layouts += [np.array(printed, dtype=np.int64)]
    meanings: tuple[Meaning, ...] = ("loss", "accuracy")
    parts: tuple[Part, ...] = ("train", "test")
    for meaning in meanings:
        for part in parts:
            readings = [[getattr(point, f"{part}_{meaning}") for point in course.measured]]
            readings.append(
                [point.mistaken.get(part, {}).get(OTHER_READING[meaning]) for point in course.measured]
            )
            for values in readings:
                yield from (
                    Row(picked, meaning, part, f"recomputed {part} {meaning}")
                    for picked in _laid_out(_dense(steps, values, total), layouts)
                )
    mistaken = [point.mistaken.get("test", {}).get("own-predictions") for point in course.measured]
    for picked in _laid_out(_dense(steps, mistaken, total), layouts):
        yield Row(picked, "loss", "test", "loss against the model's own predictions", AGAINST_ITSELF)


def _laid_out(dense: Array, layouts: Sequence[Array]) -> Iterator[Array]:
    """What stands at the steps of each layout, and at the steps before."""
    for layout, shift in itertools.product(layouts, (0, 1)):
        yield dense[np.clip(layout - shift, 0, len(dense) - 1)]


def _dense(steps: Array, values: Sequence[float | None], total: int) -> Array:
    """The values at their steps, shape (total + 2,); NaN where nothing was recomputed."""
    dense = np.full(total + 2, np.nan)
    for step, value in zip(steps, values, strict=True):
        if value is not None and 0 <= step < len(dense):
            dense[step] = value
    return dense


def _compared_rows(course: Course) -> Iterator[Row]:
    """Shares of agreeing pairs per comparison, per step and per epoch."""
    ends = ends_of(course)
    for compared in course.compared:
        line = compared.comparison
        code = "metric-broadcast" if compared.spread else line.slip
        what = broadcast_slip(line, None).explanation if compared.spread else "share of agreeing pairs"
        columns = [compared.agreed / compared.total]
        if compared.spread:
            columns.append(compared.agreed / np.sqrt(compared.total))
        for bounds in (ends, ends - 1, np.unique(compared.steps)):
            columns.append(_pooled(compared.steps, compared.agreed, compared.total, bounds))
            columns.append(
                _pooled(
                    compared.steps, compared.agreed / compared.total, np.ones(len(compared.steps)), bounds
                )
            )
        for column in columns:
            if code or _plausible(course, column):
                yield Row(column, "accuracy", "unknown", what, code)


def _pooled(steps: Array, agreed: Array, total: Array, bounds: Array) -> Array:
    """Shares over the results up to each bound since the one before; NaN where there are none."""
    groups = np.searchsorted(bounds, steps)
    length = len(bounds)
    inside = groups < length
    counted = np.bincount(groups[inside], weights=total[inside], minlength=length)
    right = np.bincount(groups[inside], weights=agreed[inside], minlength=length)
    return np.asarray(np.divide(right, counted, out=np.full(length, np.nan), where=counted > 0))


def _plausible(course: Course, column: Array) -> bool:
    """Whether the accuracies recomputed from the weights allow what this comparison gave, on the whole."""
    pairs = [(point.train_accuracy, point.test_accuracy) for point in course.measured]
    known = [value for pair in pairs for value in pair if value is not None]
    middle = float(np.nanmedian(column)) if np.isfinite(column).any() else 0.0
    return not known or min(known) - 0.1 <= middle <= max(known) + 0.1
