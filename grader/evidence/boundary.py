"""Pure questions about drawings: is this map that model's, are these points those rows?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment  # type: ignore[attr-defined]  # scipy has no stubs
from scipy.spatial import KDTree

from grader.model.figures import (
    Array,
    Axes,
    BoundaryVerdict,
    DrawnBoundary,
    Explanation,
    Field,
    PointsShown,
    Scatter,
)

Kind = Literal["classes", "probabilities", "logits"]
Predict = Callable[[Array], Array]
"""Rows (n, 2) in the coordinates of the drawing to the model's class of each, (n,) in 0..k-1."""

_ENOUGH = 0.98
_CLEARLY_BETTER = 0.25
_NOTICEABLE = 0.005
_MOST_COMPARED = 4000
_MOST_CLASSES = 20
_LATTICE_SIDE = 10
_RANK = {"classes": 0, "probabilities": 1, "logits": 2}
_DEFAULT_THRESHOLD: dict[Kind, float | None] = {"classes": None, "probabilities": 0.5, "logits": 0.0}


# ---------------------------------------------------------------- finding a decision map


def boundary_in(axes: Axes) -> DrawnBoundary | None:
    """The decision map that axes show, the most explicit if there are several; None when there is none."""
    found = [*map(_from_field, axes.fields), *map(_from_lattice, axes.scatters)]
    maps = [drawn for drawn in found if drawn is not None]
    return min(maps, key=lambda drawn: (not drawn.two_coloured, _RANK[drawn.kind]), default=None)


def drawn_classes(drawn: DrawnBoundary) -> Array:
    """The class that each value of a map stands for, (n,), 0..k-1."""
    if drawn.threshold is not None:
        return (drawn.values > drawn.threshold).astype(np.int64)
    classes = np.unique(drawn.values)
    if drawn.ordered and classes.min() >= 0 and not _is_one_based(classes):
        return drawn.values.astype(np.int64)
    return np.searchsorted(classes, drawn.values)


def _is_one_based(classes: Array) -> bool:
    return len(classes) > 1 and bool((classes == np.arange(1, len(classes) + 1)).all())


def _from_field(field: Field) -> DrawnBoundary | None:
    places = _places(field)
    values = field.z.ravel()
    sound = np.isfinite(values) & np.isfinite(places).all(axis=1)
    if sound.sum() < _LATTICE_SIDE**2 or min(np.ptp(places[sound], axis=0)) <= 0:
        return None
    places, values = places[sound], values[sound]
    kind = _kind(values)
    threshold, two_coloured = _cut(field, kind)
    return DrawnBoundary(places, values, kind, threshold, _steps(places), two_coloured)


def _from_lattice(scatter: Scatter) -> DrawnBoundary | None:
    """Points on a full grid, coloured by what was predicted there."""
    places, ordered = scatter.offsets, scatter.values is not None
    if not _is_lattice(places):
        return None
    if scatter.values is not None:
        values = scatter.values
    elif scatter.colors is not None and len(scatter.colors) == len(places):
        values = np.unique(np.round(scatter.colors, 3), axis=0, return_inverse=True)[1].ravel().astype(float)
    else:
        return None
    if not np.isfinite(values).all() or not np.isfinite(places).all():
        return None
    kind = _kind(values)
    return DrawnBoundary(
        places, values, kind, _DEFAULT_THRESHOLD[kind], _steps(places), kind == "classes", ordered
    )


def _is_lattice(places: Array) -> bool:
    columns, rows = (len(np.unique(np.float32(places[:, axis]))) for axis in (0, 1))
    return min(columns, rows) >= _LATTICE_SIDE and columns * rows <= 1.05 * len(places)


def _places(field: Field) -> Array:
    """Where each value of a field lies, (n, 2), in the order of `z.ravel()`."""
    if field.x is None or field.y is None:
        x, y = _pixel_axes(field)
    else:
        x, y = field.x, field.y
    if x.shape != field.z.shape:
        x, y = np.meshgrid(x, y)
    return np.column_stack((x.ravel(), y.ravel()))


def _pixel_axes(field: Field) -> tuple[Array, Array]:
    """Columns' x and rows' y of a field given without them, as matplotlib lays it out."""
    rows, columns = field.z.shape
    if field.how != "imshow" and field.origin is None:
        left, right, bottom, top = field.extent or (0, columns - 1, 0, rows - 1)
        return np.linspace(left, right, columns), np.linspace(bottom, top, rows)
    if field.extent is not None:
        left, right, bottom, top = field.extent
    elif field.how == "imshow":
        left, right, bottom, top = -0.5, columns - 0.5, -0.5, rows - 0.5
    else:
        left, right, bottom, top = 0, columns, 0, rows
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    y = bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows
    return x, (y[::-1] if field.origin == "upper" else y)


def _kind(values: Array) -> Kind:
    distinct = np.unique(values[:: max(1, len(values) // 100_000)])
    whole = bool((distinct == np.round(distinct)).all())
    if whole and len(distinct) <= _MOST_CLASSES and (distinct.min() >= 0 or list(distinct) == [-1, 1]):
        return "classes"
    return "probabilities" if values.min() >= 0 and values.max() <= 1 else "logits"


def _cut(field: Field, kind: Kind) -> tuple[float | None, bool]:
    """The threshold of a field, and whether it is drawn as hard classes."""
    if kind == "classes":
        return None, True
    usual = _DEFAULT_THRESHOLD[kind]
    if field.levels is None:
        return usual, False
    seen = field.levels[(field.levels > np.nanmin(field.z)) & (field.levels < np.nanmax(field.z))]
    return (float(seen[0]), True) if len(seen) == 1 else (usual, False)


def _steps(places: Array) -> tuple[float, float]:
    """Distance between neighbours along x and y: of grid lines, or what evenly spread places would have."""
    even = np.ptp(places, axis=0) / max(1.0, np.sqrt(len(places)) - 1)
    x, y = (_spacing(places[:, axis], float(even[axis])) for axis in (0, 1))
    return x, y


def _spacing(values: Array, even: float) -> float:
    lines = np.unique(np.float32(values))
    if len(lines) * _LATTICE_SIDE > len(values):
        return even
    return float(np.ptp(lines)) / (len(lines) - 1)


def _nearest(places: Array, points: Array) -> tuple[Array, Array]:
    """For each of `points` (n, 2) the distance to the nearest of `places` (m, 2), and its index."""
    distance, index = KDTree(places).query(points)  # type: ignore[no-untyped-call]  # scipy has no stubs
    return distance, index


# ---------------------------------------------------------------- comparing it with a model


class Reading(NamedTuple):
    """How well a map fits a model when it is read one way round; shares of places, 0..1."""

    agreement: float
    """Over the places that are not next to the model's boundary, where rounding decides."""
    exact: float
    """Over all places."""


def compare_boundary(drawn: DrawnBoundary, predict: Predict, enough: float = _ENOUGH) -> BoundaryVerdict:
    """Whose map this is and which way round.

    The straight reading holds where it agrees with at least `enough` of the places that are not beside the
    model's boundary. Another one wins over it only where it is clearly better down to the boundary itself.
    """
    # Some places stand for all; a stride would fall in step with the grid's columns.
    chosen = np.random.default_rng(0).permutation(len(drawn.points))[:_MOST_COMPARED]
    points, classes = drawn.points[chosen], drawn_classes(drawn)[chosen]
    step = np.asarray(drawn.step)
    expected, away = _expected(points, predict, step)
    straight = _read(classes, expected, away)
    renamed = _read(_renamed(classes, expected), expected, away)
    if not drawn.ordered:
        straight = max(straight, renamed)
    others: dict[Explanation, Reading] = {"inverted": renamed}
    if 1 - straight.exact > _NOTICEABLE:
        meant = _edge_to_edge(drawn, points)
        straight = max(straight, _read(classes, *_expected(meant, predict, step)))
        turned: dict[Explanation, tuple[Array, ...]] = {
            "transposed": (*_exchanged(drawn.points, points), meant[:, ::-1]),
            "flipped": (*_mirrored(drawn.points, points), *_mirrored(drawn.points, meant)),
        }
        to_beat = _to_beat(straight) if straight.agreement >= enough else 0.0
        for name, ways in turned.items():
            # Whether a place is beside the boundary takes four times as much to ask; most ways are plainly wrong.
            likely = [way for way in ways if (classes == _classes(way, predict)).mean() > to_beat]
            if likely:
                others[name] = max(_read(classes, *_expected(way, predict, step)) for way in likely)
    return BoundaryVerdict(
        explanation=_explain(drawn, straight, others, enough),
        agreement=straight.agreement,
        exact=straight.exact,
        transposed=others["transposed"].agreement if "transposed" in others else None,
        flipped=others["flipped"].agreement if "flipped" in others else None,
        inverted=renamed.agreement,
        compared=int(away.sum()),
    )


def _explain(
    drawn: DrawnBoundary, straight: Reading, others: dict[Explanation, Reading], enough: float
) -> Explanation:
    best = max(others, key=lambda name: others[name])
    if straight.agreement < enough:
        return best if others[best].agreement >= enough else "other"
    if others[best].exact > _to_beat(straight):
        return best
    return "raw-logits" if drawn.kind == "logits" and not drawn.two_coloured else "true"


def _to_beat(straight: Reading) -> float:
    """The share of places that another reading has to exceed to be clearly better."""
    return 1 - _CLEARLY_BETTER * (1 - straight.exact)


def _read(classes: Array, expected: Array, away: Array) -> Reading:
    right = classes == expected
    return Reading(float(right[away].mean()), float(right.mean()))


def _expected(points: Array, predict: Predict, step: Array) -> tuple[Array, Array]:
    """The model's class at each place, and whether the place is a step away from the model's boundary."""
    corners = [points + step * direction for direction in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    # One call for all: a call costs more than a few thousand rows do.
    seen = _classes(np.concatenate([points, *corners]), predict).reshape(5, -1)
    away = (seen == seen[0]).all(axis=0)
    if away.mean() < 0.3:
        # So winding a boundary that hardly a place is far from it; then all of them must do.
        away[:] = True
    return seen[0], away


def _classes(points: Array, predict: Predict) -> Array:
    return np.asarray(predict(points)).astype(np.int64)


def _renamed(classes: Array, expected: Array) -> Array:
    """`classes` after the one-to-one renaming that makes most of them `expected`."""
    count = int(max(classes.max(), expected.max())) + 1
    if count > 10 * _MOST_CLASSES or min(classes.min(), expected.min()) < 0:
        return classes
    together = np.zeros((count, count))
    np.add.at(together, (classes, expected), 1)
    names = linear_sum_assignment(together, maximize=True)[1]
    return np.asarray(names)[classes]


def _exchanged(all_points: Array, points: Array) -> tuple[Array, Array]:
    """Places after exchanging x and y: their numbers, or their relative positions in the picture."""
    low, size = all_points.min(axis=0), np.ptp(all_points, axis=0)
    relative = (points - low) / size
    return points[:, ::-1], low + relative[:, ::-1] * size


def _edge_to_edge(drawn: DrawnBoundary, points: Array) -> Array:
    """Places of a picture whose first and last pixels were computed at its edges, and drawn half a pixel inside."""
    size = np.ptp(drawn.points, axis=0)
    middle = drawn.points.min(axis=0) + size / 2
    return np.asarray(middle + (points - middle) * (size + np.asarray(drawn.step)) / size)


def _mirrored(all_points: Array, points: Array) -> tuple[Array, Array]:
    """Places upside down, and left to right, within the picture."""
    mirrored = all_points.min(axis=0) + all_points.max(axis=0) - points
    return (
        np.column_stack((points[:, 0], mirrored[:, 1])),
        np.column_stack((mirrored[:, 0], points[:, 1])),
    )


# ---------------------------------------------------------------- the points over it


def points_over(axes: Axes, rows: Array, labels: Array | None = None) -> PointsShown:
    """How many of `rows` (n, 2) these axes show as points, to float32 rounding, and how many other points.

    With `labels` (n,), also whether one colour stands for one label.
    """
    rows = np.asarray(rows, dtype=np.float64)
    places, colours = _drawn_points(axes)
    if not len(places) or not len(rows):
        return PointsShown(0.0, 0.0, None)
    near = 1e-5 * max(1.0, float(np.abs(rows).max()))
    distance, which = _nearest(places, rows)
    shown = distance <= near
    foreign = float((_nearest(rows, places)[0] > near).mean())
    agree = None
    if labels is not None and shown.any() and len(np.unique(colours)) > 1:
        agree = _consistency(colours[which[shown]], np.asarray(labels).ravel()[shown])
    return PointsShown(float(shown.mean()), foreign, agree)


def _consistency(colours: Array, labels: Array) -> float:
    """Share of rows left after every colour has been given one label of its own."""
    colour, label = (np.unique(values, return_inverse=True)[1].ravel() for values in (colours, labels))
    together = np.zeros((colour.max() + 1, label.max() + 1))
    np.add.at(together, (colour, label), 1)
    pairs = linear_sum_assignment(together, maximize=True)
    return float(together[pairs].sum() / len(labels))


def _drawn_points(axes: Axes) -> tuple[Array, Array]:
    """Every point drawn, grids of predictions left out, (n, 2), and a number for its colour, (n,)."""
    places: list[Array] = [np.empty((0, 2))]
    colours: list[Array] = [np.empty(0)]
    known = 0
    for offsets, look in _point_groups(axes):
        sound = np.isfinite(offsets).all(axis=1)
        kinds = np.unique(look, axis=0, return_inverse=True)[1].ravel()
        places.append(offsets[sound])
        colours.append(kinds[sound] + known)
        known += int(kinds.max()) + 1
    return np.concatenate(places), np.concatenate(colours)


def _point_groups(axes: Axes) -> list[tuple[Array, Array]]:
    """Offsets (n, 2) and what tells colours apart (n, …), for each artist that draws points."""
    groups = []
    for scatter in axes.scatters:
        count = len(scatter.offsets)
        look = scatter.values if scatter.values is not None else scatter.colors
        if look is None or len(look) != count:
            look = np.zeros(count)
        if not _is_lattice(scatter.offsets):
            groups.append((scatter.offsets, look))
    for line in axes.lines:
        if line.marker != "None" and line.style in ("None", "", " ") and line.x is not None:
            groups.append((np.column_stack((line.x, line.y)), np.zeros(len(line.x))))
    return groups
