"""What a student drew, as validated arrays; and what the drawings turned out to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

Explanation = Literal["true", "transposed", "flipped", "inverted", "raw-logits", "other"]
"""`flipped`: upside down or left to right; `raw-logits`: the right field, but no class to be seen in it."""


@dataclass(frozen=True, eq=False)
class Line:
    """A drawn line, or a set of markers drawn as one."""

    x: Array | None
    """Shape (n,), float64; None where the axis holds no numbers."""
    y: Array
    """Shape (n,), float64."""
    label: str = ""
    style: str = "-"
    """matplotlib's line style; `None` for markers alone."""
    marker: str = "None"


@dataclass(frozen=True, eq=False)
class Scatter:
    """Drawn points."""

    offsets: Array
    """Shape (n, 2), float64: x and y."""
    values: Array | None = None
    """Shape (n,): the numbers given as colours; None where real colours were given."""
    colors: Array | None = None
    """Shape (n, 4) or (1, 4): red, green, blue, alpha in 0..1; None where `values` tell more."""
    label: str = ""


@dataclass(frozen=True, eq=False)
class Field:
    """A quantity drawn over an area."""

    how: Literal["contourf", "contour", "tricontourf", "tricontour", "tripcolor", "pcolormesh", "imshow"]
    z: Array
    """Shape (rows, columns), or (n,) over scattered places; float64."""
    x: Array | None = None
    """Shape (columns,), or the shape of `z`; None where only `extent` or nothing was given."""
    y: Array | None = None
    """Shape (rows,), or the shape of `z`."""
    levels: Array | None = None
    """Shape (k,): where one colour ends and the next begins."""
    extent: tuple[float, float, float, float] | None = None
    """Left, right, bottom, top."""
    origin: str | None = None
    """`upper` or `lower`: where row 0 lies."""


@dataclass(frozen=True, eq=False)
class Axes:
    """One pair of axes of a figure."""

    title: str = ""
    xlabel: str = ""
    ylabel: str = ""
    legend: tuple[str, ...] = ()
    at: tuple[tuple[int, int], ...] = ()
    """(cell, line) of each of the student's frames at the first drawing call, outermost first."""
    lines: tuple[Line, ...] = ()
    scatters: tuple[Scatter, ...] = ()
    fields: tuple[Field, ...] = ()
    bars: int = 0


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure as it stood when its cell ended, or when it was cleared."""

    at: tuple[tuple[int, int], ...] = ()
    """(cell, line) frames of the first drawing call on it in that cell."""
    cell: int | None = None
    """Number of the code cell that was running; None where the event does not say."""
    title: str = ""
    axes: tuple[Axes, ...] = ()
    cut: bool = False
    """Whether something was left out because there was too much of it."""
    dropped: int = 0
    """Parts of the recorded event that were junk and are not here."""


@dataclass(frozen=True, eq=False)
class DrawnBoundary:
    """A decision map found in axes."""

    points: Array
    """Shape (n, 2): the places the student evaluated."""
    values: Array
    """Shape (n,): what was drawn at each."""
    kind: Literal["classes", "probabilities", "logits"]
    threshold: float | None
    """Where class 0 ends and class 1 begins; None for `classes`."""
    step: tuple[float, float]
    """Distance between neighbouring places along x and along y."""
    two_coloured: bool
    """Whether a viewer sees classes: a hard field, or a soft one cut at its threshold alone."""
    ordered: bool = True
    """False where classes are known apart by colour only, not by number."""


@dataclass(frozen=True)
class BoundaryVerdict:
    """How a drawn decision map relates to a model."""

    explanation: Explanation
    agreement: float
    """Share of the compared places that show the model's class, 0..1."""
    exact: float
    """Share of all places that do, those beside the boundary too: near 1 only for this very model's map."""
    transposed: float | None
    """The same after exchanging x and y of the grid; None where the agreement leaves nothing to explain."""
    flipped: float | None
    """The same upside down, or left to right; None likewise."""
    inverted: float
    """The same after the best renaming of classes."""
    compared: int
    """Places compared: those not next to the model's boundary."""


@dataclass(frozen=True)
class PointsShown:
    """How the points drawn in axes relate to rows of a data set."""

    share: float
    """Share of the rows that are drawn, 0..1."""
    foreign: float
    """Share of the drawn points that are none of the rows, 0..1; 0 where nothing is drawn."""
    labels_agree: float | None
    """Share of the rows found whose colour fits their label; None without labels or colours."""
