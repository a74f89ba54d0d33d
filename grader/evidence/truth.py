"""Are the figures that a student reports true? Each is held against those recomputed from the weights.

A figure is called untrue only where the recomputed ones leave it no honest reading; else it is unchecked.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from grader.evidence import claims, moments, slips
from grader.evidence.curves import judge_drawn, judge_kept
from grader.evidence.mixups import told_as_mixed_up
from grader.evidence.moments import Course, course_of
from grader.evidence.tables import without_tables
from grader.model.evidence import Measured, RunEvidence
from grader.model.figures import Figure
from grader.model.reported import Claim, Comparison, Reports, Said, Series, Verdict

_FLOAT = 2e-4
"""Relative difference between sums in float32 on the student's side and in float64 here."""


@dataclass(frozen=True)
class _Judgement:
    verdict: Verdict
    explanation: str | None = None
    part: claims.Part = "unknown"
    truth: float | None = None
    code: str | None = None


def judge_reports(
    run: RunEvidence,
    said: Sequence[Said],
    kept: Sequence[Series],
    figures: Sequence[Figure],
    comparisons: Sequence[Comparison],
    *,
    train_size: int | None,
    test_size: int | None,
    other_sizes: Collection[int] = (),
    afterwards: Sequence[Said] = (),
) -> Reports:
    """Judge what was printed, kept and drawn about one run; sizes are rows of the train, the test and other parts.

    Of `said`, only the lines spoken while this run was current are read; of those said `afterwards`, in other
    cells, only a history of the run. A kept or drawn row that has nothing to do with the run is no claim.
    """
    course = course_of(run, comparisons, train_size, test_size, other_sizes)
    own = [line for line in said if line.run == run.id]
    tabled, lines = without_tables(course, run.cell, own)
    late, _ = without_tables(
        course, run.cell, [replace(line, step=len(course.losses)) for line in afterwards]
    )
    printed = (*told_as_mixed_up(course, tuple(_printed(course, lines))), *tabled, *late)
    steps = tuple(sorted({claim.step for claim in printed if claim.step is not None}))
    alone = all(line.run in (None, run.id) for line in said if line.cell == run.cell)
    rows = (
        *judge_kept(course, run.cell, kept, steps, alone),
        *judge_drawn(course, run.cell, figures, steps, alone),
    )
    return Reports((*printed, *rows), steps, course.epochs, tuple(comparisons))


def judge_outside(
    said: Sequence[Said], comparisons: Sequence[Comparison], measured: Sequence[Measured]
) -> tuple[Claim, ...]:
    """Judge figures printed about a model outside any loop; `measured` are the states it then had."""
    found = []
    for line in said:
        near = [other for other in comparisons if other.cell == line.cell] or list(comparisons)
        for number in claims.read_numbers(line.text):
            judged = _outside(number, near, measured)
            if judged is not None:
                found.append(_claim(line, *judged))
    return tuple(found)


# ---------------------------------------------------------------- printed in the loop


def _printed(course: Course, said: Sequence[Said]) -> Iterator[Claim]:
    earlier: list[int] = []
    for line in said:
        numbers = claims.read_numbers(line.text)
        for number in numbers:
            judged = _judge(course, line.step, number, earlier)
            if judged is not None:
                yield _claim(line, *judged)
        if numbers and (not earlier or earlier[-1] != line.step):
            earlier.append(line.step)


def _claim(line: Said, number: claims.Said, judged: _Judgement) -> Claim:
    return Claim(
        how="printed",
        meaning=number.meaning or "loss",
        part=number.part if number.part != "unknown" else judged.part,
        verdict=judged.verdict,
        where=line.where,
        cell=line.cell,
        step=line.step,
        text=line.text,
        value=number.value,
        truth=judged.truth,
        code=judged.code,
        explanation=judged.explanation,
    )


def _judge(
    course: Course, step: int, number: claims.Said, earlier: Sequence[int]
) -> tuple[claims.Said, _Judgement] | None:
    """The number with its meaning settled, and the judgement; None where it is no figure of this run's."""
    if number.meaning == "loss":
        judged = _judge_loss(course, step, number, earlier)
        return number, _softened(judged, number)
    if number.meaning == "accuracy":
        if number.integer and not number.percent and number.value > 100:
            return None  # a count, not a share
        return number, _softened(_judge_accuracy(course, step, number), number)
    return _unnamed(course, step, number, earlier)


def _unnamed(
    course: Course, step: int, number: claims.Said, earlier: Sequence[int]
) -> tuple[claims.Said, _Judgement] | None:
    """Where no word helps, a number is a claim only if its value is a figure of this moment."""
    if not math.isfinite(number.value):
        return None
    as_loss = replace(number, meaning="loss", half_unit=min(number.half_unit, 0.005))
    found = _match(as_loss, moments.losses_at(course, step, earlier), (1.0,))
    if found is not None:
        return as_loss, found
    as_accuracy = replace(
        number, meaning="accuracy", half_unit=min(number.half_unit, 0.05 if number.value > 1 else 0.005)
    )
    found = _match(as_accuracy, _sure(moments.accuracies_at(course, step)), _scales(as_accuracy))
    found = found or _broadcast(as_accuracy, slips.broadcast_shares(course, step), None)
    return None if found is None else (as_accuracy, found)


def _softened(judged: _Judgement, number: claims.Said) -> _Judgement:
    """A best-so-far, smoothed or validation figure cannot be refuted by those of this moment."""
    if number.lenient and judged.verdict == "untrue":
        return _Judgement("unchecked", "a figure of another kind than those recomputed")
    return judged


def _match(
    number: claims.Said, figures: Iterable[moments.Figure], scales: Sequence[float]
) -> _Judgement | None:
    """The first figure that the printed digits can stand for."""
    for figure in figures:
        if number.near_part and figure.part not in (number.part, "unknown"):
            continue
        if _fits(number, figure.value, figure.slack, scales):
            return _Judgement("true", figure.what, figure.part)
    return None


def _fits(number: claims.Said, truth: float, slack: float, scales: Sequence[float]) -> bool:
    return any(
        abs(number.value * scale - truth) <= number.half_unit * scale * 1.001 + _FLOAT * abs(truth) + slack
        for scale in scales
    )


def _judge_loss(course: Course, step: int, number: claims.Said, earlier: Sequence[int]) -> _Judgement:
    if not math.isfinite(number.value):
        around = course.losses[max(0, step - 2) : step + 1]
        return _Judgement("true" if not np.isfinite(around).all() else "unchecked", "not a finite number")
    found = _match(number, moments.losses_at(course, step, earlier), (1.0, 0.01))
    found = found or _error_share(course, step, number)
    if found is not None:
        return found
    band = moments.loss_band(course, step, number.part if number.near_part else "unknown")
    if band is None:
        return _Judgement("unchecked", "nothing to compare with")
    if _test_between(course, step, number):
        return _Judgement("true", "fits the recomputed losses over the test rows", "test")
    if _within(number, band, 0.1):
        return _Judgement("unchecked", "near the recomputed losses, but none of them")
    slip = None
    if not course.whole_losses and number.part != "test":
        slip = slips.denominator_slip(course, step, number.value, number.half_unit)
    if slip is None and not course.whole_losses and number.part != "train":
        slip = slips.tested_denominator_slip(course, step, number.value, number.half_unit)
    if slip is not None:
        return _Judgement("slip", slip.explanation, "unknown", slip.truth, slip.code)
    return _refuted_loss(course, step, number, band)


def _refuted_loss(course: Course, step: int, number: claims.Said, band: tuple[float, float]) -> _Judgement:
    """Far from everything recomputed: untrue, unless what it is about was not recomputed at this step."""
    if all(point.train_loss is None and point.test_loss is None for point in course.measured):
        return _Judgement("unchecked", "the loss has terms that are not recomputed")
    exact = any(
        point.step == step and (point.test_loss if number.part == "test" else point.train_loss) is not None
        for point in course.measured
    )
    certain = exact or (number.part == "train" and step > 0)
    unusual = course.whole_losses or course.per_step > 1.5
    if unusual or (not certain and _within(number, (band[0] / 2, band[1] * 2), 0.0)):
        return _Judgement("unchecked", "no figure was recomputed at this step")
    truth = _truth_of_loss(course, step, number.part)
    return _Judgement(
        "untrue", "far from every loss recomputed around this step", "unknown", truth, "metric-untrue"
    )


def _error_share(course: Course, step: int, number: claims.Said) -> _Judgement | None:
    """An `error` may be the share of wrong answers."""
    if "err" not in number.label and "ero" not in number.label:
        return None
    wrong = (replace(figure, value=1 - figure.value) for figure in _sure(moments.accuracies_at(course, step)))
    return _match(number, wrong, _scales(number))


def _test_between(course: Course, step: int, number: claims.Said) -> bool:
    """Within a percent of the test loss here, or between those just before and after."""
    if number.part == "train" and number.near_part:
        return False
    here = [
        point.test_loss for point in course.measured if point.step == step and point.test_loss is not None
    ]
    if here:
        return _within(number, (here[0], here[0]), 0.01)
    losses = [point.test_loss for point in course.near(step) if point.test_loss is not None]
    return len(losses) > 1 and _within(number, (min(losses), max(losses)), 0.01)


def _within(number: claims.Said, band: tuple[float, float], margin: float) -> bool:
    low, high = band[0] - margin * abs(band[0]), band[1] + margin * abs(band[1])
    return low - number.half_unit <= number.value <= high + number.half_unit


def _truth_of_loss(course: Course, step: int, part: claims.Part) -> float | None:
    if part == "test":
        return next((point.test_loss for point in course.measured if point.step == step), None)
    start, end = course.epoch_window(step)
    return (
        float((course.sums[end] - course.sums[start]) / (end - start))
        if 0 <= start < end < len(course.sums)
        else None
    )


# ---------------------------------------------------------------- accuracies


def _sure(figures: Iterable[moments.Figure]) -> Iterator[moments.Figure]:
    return (figure for figure in figures if figure.sure)


def _scales(number: claims.Said) -> tuple[float, ...]:
    """The likely unit first: what turns the printed number into a fraction."""
    if number.percent or number.value > 1.0 + number.half_unit:
        return (0.01, 1.0)
    return (1.0, 0.01)


def _broadcast(
    number: claims.Said, shares: Iterable[tuple[float, Comparison]], truth: float | None
) -> _Judgement | None:
    scales = _scales(number)
    for share, line in shares:
        if _fits(number, share, 0.0, scales):
            slip = slips.broadcast_slip(line, truth)
            return _Judgement("slip", slip.explanation, "unknown", slip.truth, slip.code)
    return None


def _judge_accuracy(course: Course, step: int, number: claims.Said) -> _Judgement:
    scales = _scales(number)
    part = number.part if number.near_part else "unknown"
    truth = _truth_of_accuracy(course, step, number.part, scales[0])
    made = slips.prediction_slip_at(
        course, step, number.value * scales[0], number.half_unit * scales[0], part
    )
    if made is not None:
        return _Judgement("slip", made.explanation, "unknown", truth, made.code)
    figures = list(moments.accuracies_at(course, step))
    found = _match(number, _sure(figures), scales)
    found = found or _broadcast(number, slips.broadcast_shares(course, step), truth)
    if found is not None:
        return found
    band = moments.accuracy_band(course, step, part)
    if band is None:
        return _Judgement("unchecked", "nothing to compare with")
    share, half = number.value * scales[0], number.half_unit * scales[0]
    distance = max(band[0] - share, share - band[1], 0.0) - half
    if distance <= 0.03:
        return _Judgement("true", "fits the recomputed accuracies around this step", number.part)
    slip = slips.count_slip(course, step, share, half)
    if slip is not None:
        right = None if slip.truth is None else slip.truth / scales[0]
        return _Judgement("slip", slip.explanation, "unknown", right, slip.code)
    exact = (
        any(point.step == step for point in course.measured) and number.part == "test" and number.near_part
    )
    if distance <= (0.1 if exact else 0.15 if len(course.near(step)) > 1 else 0.25):
        return _Judgement("unchecked", "near the recomputed accuracies, but none of them")
    compared = _match(number, figures, scales)
    why = (
        "it is what a comparison gave, but the weights do not confirm it"
        if compared
        else "far from every accuracy"
    )
    return _Judgement("untrue", f"{why} recomputed around this step", "unknown", truth, "metric-untrue")


def _truth_of_accuracy(course: Course, step: int, part: claims.Part, scale: float) -> float | None:
    """The recomputed accuracy at the nearest measured step, in the unit of the printed number."""
    found = [
        (abs(point.step - step), value)
        for point in course.measured
        if (value := point.train_accuracy if part == "train" else point.test_accuracy) is not None
    ]
    return min(found)[1] / scale if found else None


# ---------------------------------------------------------------- outside any loop


def _outside(
    number: claims.Said, comparisons: Sequence[Comparison], measured: Sequence[Measured]
) -> tuple[claims.Said, _Judgement] | None:
    """A number printed about a model at rest; without a telling word, only its value makes it a claim."""
    if not math.isfinite(number.value):
        return None
    readings: tuple[claims.Meaning, ...] = (number.meaning,) if number.meaning else ("loss", "accuracy")
    for meaning in readings:
        read = replace(number, meaning=meaning)
        scales = (1.0,) if meaning == "loss" else _scales(number)
        points = (moments.figures_of(point, meaning, None, None) for point in measured)
        found = _match(read, chain.from_iterable(points), scales)
        if found is None and meaning == "accuracy":
            shares = (
                (share, line)
                for line in comparisons
                if moments.spreads(line)
                for share in slips.spread_shares(line)
            )
            found = _broadcast(read, shares, _rest_truth(measured, number.part, scales[0]))
        if found is not None:
            return read, found
    if number.meaning is None or (number.integer and not number.percent):
        return None
    return number, _Judgement("unchecked", "none of the recomputed figures of this model")


def _rest_truth(measured: Sequence[Measured], part: claims.Part, scale: float) -> float | None:
    """The accuracy of the only state there was; with several, which one was meant cannot be told."""
    if len(measured) != 1:
        return None
    value = measured[0].train_accuracy if part == "train" else measured[0].test_accuracy
    return None if value is None else value / scale
