"""A figure watch over a real matplotlib, with memory in place of the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np

from grader.evidence.figures import read_figures
from grader.model.figures import Axes, Figure
from grader.record.figures import FigureWatch

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes as RealAxes
from matplotlib.figure import Figure as RealFigure


class Watched:
    """What the watch wrote, and the figures that can be read from it."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.tensors: dict[str, np.ndarray[Any, Any]] = {}
        self.line = 0
        self.watch = FigureWatch(self._keep, self.events.append, self._place)

    def figures(self) -> tuple[Figure, ...]:
        """Ends the cell and reads everything recorded so far."""
        self.watch.end_of_cell()
        return read_figures(self.events, self.tensors)

    def axes(self) -> Axes:
        """The only axes of the only figure drawn."""
        (figure,) = self.figures()
        (axes,) = figure.axes
        return axes

    def _keep(self, array: np.ndarray[Any, Any]) -> str:
        name = f"a{len(self.tensors)}"
        self.tensors[name] = array.copy()
        return name

    def _place(self) -> list[list[int]]:
        self.line += 1
        return [[3, self.line]]


@contextmanager
def watching() -> Iterator[Watched]:
    """A watch in place; matplotlib is as it was afterwards."""
    before = {owner: dict(vars(owner)) for owner in (RealAxes, RealFigure)}
    watched = Watched()
    watched.watch.install()
    try:
        yield watched
    finally:
        plt.close("all")
        for owner, members in before.items():
            for name in set(vars(owner)) - set(members):
                delattr(owner, name)
            for name, member in members.items():
                if vars(owner).get(name) is not member:
                    setattr(owner, name, member)
