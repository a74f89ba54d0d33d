"""Rows of numbers that a student kept or drew: which are learning curves of a run, and are they true?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from grader.evidence.claims import Meaning, Part, names_meaning, names_part
from grader.evidence.curve_rows import AGAINST_ITSELF, Row, ends_of, rows_of
from grader.evidence.moments import Course
from grader.model.figures import Figure, Line
from grader.model.reported import Claim, Series
from grader.model.submission import Where

Array = np.ndarray[Any, Any]
_ENOUGH = 0.9
"""Share of the comparable elements that must match."""


@dataclass(frozen=True)
class _Found:
    row: Row
    explanation: str


def judge_kept(
    course: Course, cell: int, kept: Sequence[Series], printed: Sequence[int], alone: bool
) -> Iterator[Claim]:
    """The claims among the collections of the run's cell and later ones.

    `alone` says that no other run shared the cell, so that a curve by name must be this run's.
    """
    rows = rows_of(course, tuple(printed)) if kept else ()
    for series in kept:
        values = np.asarray(series.values, dtype=np.float64).reshape(-1)
        if series.cell >= cell:
            claim = _judge(
                course, rows, values, series.name, series.name, alone and series.cell == cell, printed
            )
            if claim is not None:
                yield replace(
                    _claim("kept", claim, None, series.cell, series.name, len(values)),
                    with_graph=series.with_graph,
                )


def judge_drawn(
    course: Course, cell: int, figures: Sequence[Figure], printed: Sequence[int], alone: bool
) -> Iterator[Claim]:
    """The claims among the drawn lines."""
    rows = rows_of(course, tuple(printed)) if figures else ()
    for figure in figures:
        for axes in figure.axes:
            at = axes.at or figure.at
            where = Where(cell=at[-1][0], line=at[-1][1]) if at else None
            drawn_in = figure.cell or (at[0][0] if at else cell)
            for line in axes.lines:
                text = _own_label(line) or axes.title or axes.ylabel or figure.title or "a line"
                words = (
                    line.label if names_meaning(line.label) else f"{axes.title} {axes.ylabel} {line.label}"
                )
                values = np.asarray(line.y, dtype=np.float64).reshape(-1)
                claim = _judge(course, rows, values, words, line.label, alone and drawn_in == cell, printed)
                if claim is not None:
                    yield _claim("plotted", claim, where, drawn_in, text, len(values))


def _claim(how: Any, found: _Found, where: Where | None, cell: int, text: str, length: int) -> Claim:
    code, verdict = found.row.code, found.row.what
    return Claim(
        how=how,
        meaning=found.row.meaning,
        part=found.row.part,
        verdict="true"
        if code is None and verdict != "unchecked"
        else "unchecked"
        if code is None
        else "untrue"
        if code == "metric-untrue"
        else "slip",
        where=where,
        cell=cell,
        step=None,
        text=text,
        value=None,
        code=code,
        explanation=found.explanation,
        length=length,
    )


def _own_label(line: Line) -> str:
    """The student's label; matplotlib gives unlabelled lines one that begins with an underscore."""
    return "" if line.label.startswith("_") else line.label


# ---------------------------------------------------------------- matching


def _judge(
    course: Course,
    rows: Sequence[Row],
    values: Array,
    words: str,
    label: str,
    own: bool,
    printed: Sequence[int],
) -> _Found | None:
    if (
        len(values) < 3
        or not np.isfinite(values).all()
        or (float(np.ptp(values)) == 0.0 and names_meaning(words) is None and not _at_rest(course))
    ):
        return None
    meaning, part = names_meaning(words), names_part(label)
    fitting = [
        row
        for row in rows
        if meaning in (None, row.meaning) and (part in ("unknown", row.part) or row.part == "unknown")
    ]
    honest = [row for row in fitting if row.code is None]
    itself = _only_against_itself(values, fitting)
    if itself is not None:
        return _Found(itself, itself.what)
    tight = meaning is None
    for row in (*honest, *(row for row in fitting if row.code is not None)):
        if _aligned(values, row, tight or row.code == AGAINST_ITSELF) or _among(values, row):
            return _Found(row, row.what)
    slip = _wrong_count(course, values) if meaning != "accuracy" else None
    if slip is not None:
        return slip
    return _unmatched(course, values, meaning, part, own, printed)


def _only_against_itself(values: Array, rows: Sequence[Row]) -> Row | None:
    """The loss against the model's own predictions, where it alone gives every one of these numbers.

    Once nearly all predictions are right it is the loss against the labels, to all but the last digits.
    """

    def exact(row: Row) -> bool:
        return row.meaning == "loss" and _aligned(values, row, tight=True, enough=1.0)

    itself = next((row for row in rows if row.code == AGAINST_ITSELF and exact(row)), None)
    if itself is None or any(row.code != AGAINST_ITSELF and exact(row) for row in rows):
        return None
    return itself


def _at_rest(course: Course) -> bool:
    """Whether the run's own losses, or accuracies, never change: then an unnamed row that does not may be its curve."""
    if course.steps:
        return True
    figures = [course.losses]
    for compared in course.compared:
        # One line may compare the train rows and the test rows in turns: each part's own share stands still.
        parts = (compared.total == count for count in np.unique(compared.total))
        figures += [(compared.agreed / compared.total)[part] for part in parts]
    return any(len(each) > 2 and float(np.ptp(each)) == 0.0 for each in figures)


def _aligned(values: Array, row: Row, tight: bool, enough: float = _ENOUGH) -> bool:
    """Whether the row, or every k-th of its elements, gives these numbers element by element."""
    for selected in _selections(row.values, len(values)):
        length = min(len(selected), len(values))
        known = np.isfinite(selected[:length])
        count = np.count_nonzero(known)
        if (count < min(3, length) and count < length) or count < 2:
            continue
        truth, given = selected[:length][known], values[:length][known]
        scales = (1.0,) if row.meaning == "loss" else (1.0, 0.01)
        for scale in scales:
            near = np.abs(given * scale - truth) <= _tolerance(truth, row.meaning, tight)
            if np.count_nonzero(near) / count >= enough:
                return True
    return False


def _tolerance(truth: Array, meaning: Meaning, tight: bool) -> Any:
    """Without a telling name only close agreement makes a row of numbers a curve."""
    if meaning == "accuracy":
        return 0.005 if tight else 0.01
    return 2e-4 * np.abs(truth) + 5e-5 if tight else 1e-3 * np.abs(truth) + 2e-3


def _selections(row: Array, length: int) -> Iterator[Array]:
    """The row where its length fits by one, and its regular samples that have about this length."""
    return (row[part] for part in _parts(len(row), length))


@lru_cache(maxsize=1024)
def _parts(count: int, length: int) -> tuple[slice, ...]:
    """The same for a row of `count` figures, as slices of it."""
    parts = [slice(None), slice(1, None)] if abs(count - length) <= 1 else []
    for stride in sorted({count // length, -(-count // length), round(count / length)} - {0, 1}):
        for offset in {0, stride - 1, 1}:
            if abs(len(range(offset, count, stride)) - length) <= 1:
                parts.append(slice(offset, None, stride))
    return tuple(parts)


def _among(values: Array, row: Row) -> bool:
    """Whether nearly all the numbers stand in the row to float precision, wherever they were taken."""
    known = row.sorted
    if (
        len(known) < 3
        or len(values) > 4 * len(known)
        or (row.meaning == "accuracy" and not row.code)
        or len(np.unique(values)) < 3
    ):
        return False
    at = np.clip(np.searchsorted(known, values), 1, len(known) - 1)
    distance = np.minimum(np.abs(known[at] - values), np.abs(known[at - 1] - values))
    return bool((distance <= 2e-6 * np.abs(values) + 1e-9).mean() >= _ENOUGH)


def _wrong_count(course: Course, values: Array) -> _Found | None:
    """All of them the epochs' sums over one and the same whole number that is not the number of batches."""
    batches = course.steps_per_epoch
    if not batches or not np.isfinite(course.sums).all() or not len(course.losses) or (values <= 0).any():
        return None
    ends = ends_of(course)
    sums = np.diff(course.sums[np.append(0, ends)])
    for selected in _selections(sums, len(values)):
        length = min(len(selected), len(values))
        ratios = selected[:length] / values[:length]
        if not np.isfinite(ratios).all():
            continue
        count = round(float(np.median(ratios)))
        if count >= 2 and count != batches and (np.abs(ratios / count - 1) < 3e-4).mean() >= _ENOUGH:
            explanation = f"sum of the epoch's losses ÷ {count} instead of {batches}"
            row = Row(selected, "loss", "train", "slip", "metric-wrong-denominator")
            return _Found(row, explanation)
    return None


def _unmatched(
    course: Course, values: Array, meaning: Meaning | None, part: Part, own: bool, printed: Sequence[int]
) -> _Found | None:
    """A curve by name and length that fits nothing: untrue only where it is far from all recomputed."""
    lengths = {course.passes, len(ends_of(course)), len(printed)}
    if meaning is None or not own or not any(abs(len(values) - length) <= 1 for length in lengths):
        return None
    known = [
        value
        for point in course.measured
        for side in ("train", "test")
        if (value := getattr(point, f"{side}_{meaning}")) is not None
    ]
    low, high = (min(known), max(known)) if known else (np.nan, np.nan)
    if meaning == "loss" and known and len(course.losses):
        low, high = min(low, float(course.losses.min())) * 0.8, max(high, float(course.losses.max())) * 1.2
    elif known:
        low, high = low - 0.15, high + 0.15
    scale = 0.01 if meaning == "accuracy" and float(values.max()) > 1.5 else 1.0
    outside = (values * scale < low) | (values * scale > high)
    if known and outside.mean() > 0.5 and course.per_step < 1.5 and not course.whole_losses:
        row = Row(values, meaning, part, "untrue", "metric-untrue")
        return _Found(row, f"most of it lies outside every {meaning} recomputed in this run")
    return _Found(
        Row(values, meaning, part, "unchecked"), "fits none of the recomputed figures, but may be honest"
    )
