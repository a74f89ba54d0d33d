"""Decision boundaries as the geometry of a drawing: one path for each class's area, one for its points."""

from __future__ import annotations

import math
from dataclasses import dataclass

from grader.model.grade import Boundary
from grader.report.language.speech import said
from grader.report.scales import Scale, Tick

SIDE, LEFT, TOP = 260, 34, 8
"""Of the drawn square, and the room at its left and above it."""
_MAX_RUNS = 1500
_MAX_POINTS = 240
_MARK = 2.6
"""Half the width of a point's mark."""


@dataclass(frozen=True)
class ClassArea:
    label: int
    style: int
    """0 to 5: colour and mark."""
    area: str
    points: str


@dataclass(frozen=True)
class Map:
    title: str
    classes: tuple[ClassArea, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    description: str


def decision_map(boundary: Boundary) -> Map | None:
    """What to draw of `boundary`; None where its grid is empty, ragged or without extent."""
    if not _drawable(boundary):
        return None
    grid = _coarse_enough(boundary.classes)
    x = Scale(*boundary.x_range, LEFT, LEFT + SIDE)
    y = Scale(*boundary.y_range, TOP + SIDE, TOP)
    areas, points = _areas(grid), _points(boundary, x, y)
    labels = sorted(set(areas) | set(points))
    classes = tuple(
        ClassArea(label, i % 6, areas.get(label, ""), points.get(label, "")) for i, label in enumerate(labels)
    )
    total = sum(len(row) for row in grid)
    shares = ", ".join(
        f"{said(f'class {label}')} {sum(row.count(label) for row in grid) / total:.0%}" for label in labels
    )
    description = f"{boundary.title}. {said('Share of the area')}: {shares}."
    return Map(boundary.title, classes, x.ticks(4), y.ticks(4), description)


def _drawable(boundary: Boundary) -> bool:
    widths = {len(row) for row in boundary.classes}
    ends = (*boundary.x_range, *boundary.y_range)
    ranges = boundary.x_range[1] > boundary.x_range[0] and boundary.y_range[1] > boundary.y_range[0]
    return len(widths) == 1 and 0 not in widths and ranges and all(map(math.isfinite, ends))


def _coarse_enough(grid: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """Every second row and column is left out until few enough runs of one class are left."""
    while sum(len(_runs(row)) for row in grid) > _MAX_RUNS:
        grid = tuple(row[::2] for row in grid[::2])
    return grid


def _runs(row: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(first column, column after the last, class) of each run in `row`."""
    ends = [i for i in range(1, len(row)) if row[i] != row[i - 1]]
    starts = [0, *ends]
    return [(a, b, row[a]) for a, b in zip(starts, [*ends, len(row)], strict=True)]


def _areas(grid: tuple[tuple[int, ...], ...]) -> dict[int, str]:
    height, width = SIDE / len(grid), SIDE / len(grid[0])
    open_runs: dict[tuple[int, int, int], int] = {}
    paths: dict[int, list[str]] = {}

    def close(run: tuple[int, int, int], first: int, after: int) -> None:
        left, right = LEFT + run[0] * width, LEFT + run[1] * width
        top, bottom = TOP + SIDE - after * height, TOP + SIDE - first * height
        paths.setdefault(run[2], []).append(f"M{left:.4g} {top:.4g}H{right:.4g}V{bottom:.4g}H{left:.4g}z")

    for index, row in enumerate(grid):
        runs = _runs(row)
        for run in [run for run in open_runs if run not in runs]:
            close(run, open_runs.pop(run), index)
        for run in runs:
            open_runs.setdefault(run, index)
    for run, first in open_runs.items():
        close(run, first, len(grid))
    return {label: "".join(parts) for label, parts in paths.items()}


def _points(boundary: Boundary, x: Scale, y: Scale) -> dict[int, str]:
    inside = [
        (x(a), y(b), label)
        for a, b, label in boundary.points
        if boundary.x_range[0] <= a <= boundary.x_range[1] and boundary.y_range[0] <= b <= boundary.y_range[1]
    ]
    every = max(1, math.ceil(len(inside) / _MAX_POINTS))
    styles = {label: i for i, label in enumerate(sorted({*_labels(boundary)}))}
    paths: dict[int, str] = {}
    for a, b, label in inside[::every]:
        paths[label] = paths.get(label, "") + mark(styles[label] % 4, a, b)
    return paths


def _labels(boundary: Boundary) -> set[int]:
    return {label for row in boundary.classes for label in row} | {point[2] for point in boundary.points}


def mark(style: int, x: float, y: float) -> str:
    """A mark's outline around (x, y): circle, square, triangle or diamond, so colour is not all there is."""
    r = _MARK
    if style == 0:
        return f"M{x - r:.4g} {y:.4g}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0z"
    if style == 1:
        return f"M{x - r:.4g} {y - r:.4g}h{2 * r}v{2 * r}h{-2 * r}z"
    if style == 2:
        return f"M{x:.4g} {y - r:.4g}l{r} {2 * r}h{-2 * r}z"
    wide, tall = f"{1.2 * r:.3g}", f"{1.3 * r:.3g}"
    return f"M{x:.4g} {y - 1.3 * r:.4g}l{wide} {tall}l-{wide} {tall}l-{wide} -{tall}z"
