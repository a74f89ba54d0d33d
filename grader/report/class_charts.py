"""Counts as the geometry of bars; the template turns it into SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass

from grader.report.scales import Tick
from grader.report.text import number

WIDTH, HEIGHT = 640, 228
LEFT, RIGHT, BOTTOM = 16, 624, 190
_TOP = 30
_GRADE_BINS = 10
_SHORTEST, _LONGEST = 0.25, 32_768.0
"""Seconds told apart."""


@dataclass(frozen=True)
class Bar:
    """A bin: its rectangle, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    count: int
    label: str
    """`8 to 9`."""

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True)
class Histogram:
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    """At the edges of the bins."""
    mark: Tick | None
    """A line across, where there is something to compare with."""
    description: str
    """The same in a sentence, for those who do not see it."""


def grades_histogram(grades: list[float], max_grade: float, median: float) -> Histogram:
    """How many of `grades` lie in each tenth of `max_grade` (above 0); a grade on an edge counts above it.

    The best grade counts in the last bin, and so does whatever lies beyond it.
    """
    width = max_grade / _GRADE_BINS
    filled = [0] * _GRADE_BINS
    for grade in grades:
        filled[_bin(grade / width)] += 1
    share = min(max(median / max_grade, 0.0), 1.0)
    mark = Tick(round(LEFT + share * (RIGHT - LEFT), 1), f"median {number(median)}")
    return _histogram("Grades", [width * i for i in range(_GRADE_BINS + 1)], filled, "", mark)


def _bin(tenths: float) -> int:
    return min(max(math.floor(tenths + 1e-9), 0), _GRADE_BINS - 1)


def times_histogram(seconds: list[float]) -> Histogram:
    """How many of `seconds` (not none) lie between one power of two and the next; at the ends, or beyond them."""
    powers = [math.floor(math.log2(min(max(value, _SHORTEST), _LONGEST))) for value in seconds]
    first, last = min(powers), max(powers)
    filled = [powers.count(power) for power in range(first, last + 1)]
    return _histogram("Seconds", [2.0**power for power in range(first, last + 2)], filled, " s", None)


def _histogram(title: str, edges: list[float], filled: list[int], unit: str, mark: Tick | None) -> Histogram:
    step = (RIGHT - LEFT) / len(filled)
    tallest = max(*filled, 1)
    bars = []
    for i, count in enumerate(filled):
        height = round(count / tallest * (BOTTOM - _TOP), 1)
        label = f"{number(edges[i])} to {number(edges[i + 1])}{unit}"
        x = round(LEFT + i * step + 2, 1)
        bars.append(Bar(x, round(BOTTOM - height, 1), round(step - 4, 1), height, count, label))
    ticks = tuple(Tick(round(LEFT + i * step, 1), number(edge)) for i, edge in enumerate(edges))
    said = "; ".join(f"{bar.label}: {bar.count}" for bar in bars if bar.count)
    return Histogram(tuple(bars), ticks, mark, f"{title}, and how many students have them: {said or 'none'}.")
