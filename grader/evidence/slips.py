"""Known ways in which an honest loop reports a wrong figure, found by computing the wrong figure as well."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grader.evidence.moments import Compared, Course, windows_at
from grader.model.reported import Comparison

_WAYS = {
    "metric-rounds-logits": "logits were compared with labels as if they were probabilities",
    "metric-sigmoid-twice": "all rows were put into class 1",
    "metric-softmax-on-one-output": "all rows were put into one class",
    "metric-wrong-axis": "the classes were taken along the batch",
}


@dataclass(frozen=True)
class Slip:
    """A named mistake that explains a figure."""

    code: str
    explanation: str
    truth: float | None = None
    """The figure as it should have been, losses as they are, accuracies as fractions."""


def broadcast_shares(course: Course, step: int) -> Iterator[tuple[float, Comparison]]:
    """The shares that comparisons of (N, 1) with (N,) gave around `step`, of the pairs and of the rows."""
    for compared in course.compared:
        if compared.spread:
            for first, last in windows_at(course, compared, step):
                yield from _shares(compared, first, last)


def _shares(compared: Compared, first: int, last: int) -> Iterator[tuple[float, Comparison]]:
    agreed, total = compared.agreed[first:last], compared.total[first:last]
    yield float(agreed.sum() / total.sum()), compared.comparison
    yield float(np.mean(agreed / total)), compared.comparison
    rows = float(np.sqrt(total).sum())
    yield float(agreed.sum()) / rows, compared.comparison


def spread_shares(line: Comparison) -> Iterator[float]:
    """The same for results of any time: the share of the pairs, and the count over the rows."""
    for _, _, agreed, total in line.results:
        yield agreed / total
        yield agreed / math.sqrt(total)


def broadcast_slip(line: Comparison, truth: float | None) -> Slip:
    """Say which shapes met."""
    pairs = max(total for _, _, _, total in line.results)
    side = math.isqrt(pairs)
    return Slip(
        "metric-broadcast",
        f"shape {line.left_shape} compared with {line.right_shape} makes {side} × {side} pairs",
        truth,
    )


def wrong_counts(course: Course, step: int) -> dict[int, str]:
    """Counts by which an epoch's sum is divided by mistake, with what each of them is."""
    counts = dict.fromkeys(course.other_sizes, "the rows of another array")
    batches, sizes = course.steps_per_epoch, course.batch_sizes()
    if batches and sizes and sizes[1] - sizes[0] < 64:
        for size in range(sizes[0], sizes[1] + 1):
            counts[(batches - 1) * size + 1] = "the last batch's first row + 1"
            counts[(batches - 1) * size] = "the last batch's first row"
            counts[size] = "the rows of one batch"
    if batches:
        counts[batches - 1] = "one batch less"
        counts[batches + 1] = "one batch more"
        counts[max(1, round(step / batches))] = "the epochs so far"
        counts[course.epochs or 1] = "all epochs"
    for rows, what in ((course.test_size, "the test rows"), (course.train_size, "the train rows")):
        if rows:
            counts[rows] = what
    return {count: what for count, what in counts.items() if count >= 1 and count != batches}


def denominator_slip(course: Course, step: int, value: float, half_unit: float) -> Slip | None:
    """Whether `value` is the epoch's summed loss over another count than its batches."""
    batches = course.steps_per_epoch
    start, end = course.epoch_window(step)
    if not batches or not 0 <= start < end < len(course.sums) or value <= 0 or not math.isfinite(value):
        return None
    total, passed = float(course.sums[end] - course.sums[start]), end - start
    if not math.isfinite(total):
        return None
    for count, what in wrong_counts(course, step).items():
        if abs(total / count - value) <= half_unit * 1.001 + 2e-4 * value:
            return _over(total, count, passed, what)
    low, high = total / (value + half_unit), total / max(value - half_unit, 1e-12)
    count = round(total / value)
    if count >= 2 and high - low < 0.05 and low - 1e-3 <= count <= high + 1e-3 and count != passed:
        return _over(total, count, passed, None)
    return None


def _over(total: float, count: int, batches: int, what: str | None) -> Slip:
    named = f" ({what})" if what else ""
    return Slip(
        "metric-wrong-denominator",
        f"sum of the epoch's losses ÷ {count}{named} instead of {batches}",
        total / batches,
    )


def tested_denominator_slip(course: Course, step: int, value: float, half_unit: float) -> Slip | None:
    """Whether `value` is the test loss divided once more: a sum of batch means over a count of rows."""
    rows, sizes = course.test_size, course.batch_sizes()
    here = [point.test_loss for point in course.measured if point.step == step and point.test_loss]
    if not rows or not here:
        return None
    batches = {1} | (
        {math.ceil(rows / size) for size in sizes} if sizes and sizes[1] - sizes[0] < 64 else set()
    )
    for count in batches:
        if abs(here[0] * count / rows - value) <= half_unit * 1.001 + 0.02 * value:
            explanation = f"sum of the test losses ÷ {rows} (the test rows) instead of {count}"
            return Slip("metric-wrong-denominator", explanation, here[0])
    return None


def prediction_slip_at(course: Course, step: int, share: float, half_unit: float, part: str) -> Slip | None:
    """Whether an accuracy is what a comparison gave whose predictions were made in a mistaken way."""
    for compared in course.compared:
        line = compared.comparison
        if line.slip is None:
            continue
        for first, last in windows_at(course, compared, step):
            agreed, total = compared.agreed[first:last], compared.total[first:last]
            size = {"train": course.train_size, "test": course.test_size}.get(part)
            if last - first == 1 and size and int(total[0]) in _other_sizes(course, size):
                continue  # the figure's label speaks of the other part
            for value in (float(agreed.sum() / total.sum()), float((agreed / total).mean())):
                if abs(value - share) <= half_unit * 1.001 + 1e-6:
                    return Slip(line.slip, _WAYS[line.slip])
    return None


def _other_sizes(course: Course, size: int) -> set[int]:
    return {other for other in (course.train_size, course.test_size) if other and other != size}


def count_slip(course: Course, step: int, share: float, half_unit: float) -> Slip | None:
    """Whether an accuracy is the count of agreeing pairs over another count than theirs."""
    for compared in course.compared:
        if compared.spread or compared.comparison.slip:
            continue
        for first, last in windows_at(course, compared, step):
            agreed, total = int(compared.agreed[first:last].sum()), int(compared.total[first:last].sum())
            shares = float((compared.agreed[first:last] / compared.total[first:last]).sum())
            for count, what in wrong_counts(course, step).items():
                near = half_unit * 1.001 + 1e-6
                right = agreed / total
                if count != total and abs(agreed / count - share) <= near:
                    explanation = f"{agreed} right answers ÷ {count} ({what}) instead of {total}"
                    return Slip("metric-wrong-denominator", explanation, right)
                if count != last - first > 1 and abs(shares / count - share) <= near:
                    explanation = (
                        f"sum of the batches' accuracies ÷ {count} ({what}) instead of {last - first}"
                    )
                    return Slip("metric-wrong-denominator", explanation, right)
    return None
