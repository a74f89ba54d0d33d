"""What a student reported of a training run, and whether it is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from grader.model.submission import Where

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Pairing:
    """What met in one comparison; None where it was not kept."""

    left: Array | None
    right: Array | None
    outputs: Array | None
    """What a model had given just before."""


@dataclass(frozen=True)
class Comparison:
    """A line of code that compared predictions with labels."""

    where: Where | None
    cell: int
    left_shape: tuple[int, ...]
    right_shape: tuple[int, ...]
    results: tuple[tuple[str | None, int, int, int], ...]
    """(run id, step, pairs that agreed, pairs compared), in order."""
    pairs: tuple[Pairing, ...] = ()
    """The first that met, and the last."""
    raised: bool = False
    """Shapes that do not go together were compared."""
    places: tuple[Where, ...] = ()
    """All the student's frames, outermost first."""
    slip: str | None = None
    """The named mistake by which the predictions were made from the outputs."""


@dataclass(frozen=True)
class Said:
    """A printed line."""

    where: Where | None
    cell: int
    run: str | None
    """Run that was current; None when none had begun in this cell."""
    step: int
    text: str


@dataclass(frozen=True)
class Series:
    """A collection of numbers that the student kept."""

    name: str
    cell: int
    values: Array
    with_graph: int = 0
    """How many of them still hold their autograd graph."""


Verdict = Literal["true", "slip", "untrue", "unchecked"]


@dataclass(frozen=True)
class Claim:
    """One number, or one row of numbers, that the student reported as loss or accuracy."""

    how: Literal["printed", "kept", "plotted"]
    meaning: Literal["loss", "accuracy"]
    part: Literal["train", "test", "unknown"]
    verdict: Verdict
    where: Where | None
    cell: int
    step: int | None
    """Printed: the step at which it was said."""
    text: str
    """What the student reads: the printed line, the collection's name, the line's label."""
    value: float | None
    """Printed: the number as written."""
    truth: float | None = None
    """The recomputed figure it should have been, in the student's unit."""
    code: str | None = None
    """For a slip, the named mistake that explains it."""
    explanation: str | None = None
    """`mean loss over the epoch's batches`, `sum of the epoch's losses ÷ 1569 instead of 50`."""
    with_graph: int = 0
    """Numbers of a kept row that still hold their autograd graph."""
    length: int = 1
    """Numbers in a kept or plotted row."""


@dataclass(frozen=True)
class Reports:
    """What was reported about one task's training."""

    claims: tuple[Claim, ...] = ()
    printed_steps: tuple[int, ...] = ()
    """Steps of the run at which figures were printed, each once."""
    epochs: int | None = None
    """How often the loop went over the train rows; None when it cannot be told."""
    comparisons: tuple[Comparison, ...] = ()
    """Those of the run."""
