"""Sees predictions being compared with labels: the shapes that met, and how many pairs agreed."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch

from grader.record.place import Places
from grader.record.store import Store

_MOST_LINES = 60
_HELD = 256
_KEPT_ELEMENTS = 8192


Pair = tuple[torch.Tensor, Any, Any]
"""What was compared with what, and the model outputs that came last before."""


class Line:
    """One line of code that compares; what it gave each time."""

    def __init__(self, place: list[list[int]], cell: int, left: torch.Tensor, right: torch.Tensor) -> None:
        self.place = place
        self.cell = cell
        self.shapes = [list(left.shape), list(right.shape)]
        self.dtypes = [str(left.dtype), str(right.dtype)]
        self.first: Pair | None = None
        self.last: Pair | None = None
        self.raised = False
        self.waiting: list[tuple[Any, torch.Tensor]] = []
        self.results: list[tuple[Any, int, int]] = []

    def add(self, moment: Any, result: torch.Tensor) -> None:
        self.waiting.append((moment, result))
        if len(self.waiting) >= _HELD or result.numel() > _KEPT_ELEMENTS:
            self.settle()

    def settle(self) -> None:
        """Count the agreeing pairs of what waited; held back because reading each at once would cost more."""
        for shape, group in itertools.groupby(self.waiting, key=lambda waited: waited[1].shape):
            moments, results = zip(*group, strict=True)
            counts = torch.stack(results).reshape(len(results), -1).sum(dim=1).tolist()
            total = shape.numel()
            self.results.extend(
                (moment, int(true), total) for moment, true in zip(moments, counts, strict=True)
            )
        self.waiting = []


class ComparisonWatch:
    """Wraps equality of tensors, in its three spellings: `torch.eq(a, b)`, `a.eq(b)`, `a == b`."""

    def __init__(self, store: Store, places: Places, moment: Callable[[], tuple[str | None, int]]) -> None:
        self._store = store
        self._places = places
        self._moment = moment
        self._lines: dict[tuple[int, int], Line] = {}
        self.paused: Callable[[], bool] = lambda: False
        self.outputs: Callable[[], Any] = lambda: None

    def install(self, guard: Callable[[Callable[..., Any]], Callable[..., None]]) -> None:
        """Put the wrappers in place."""
        note, report = self._note, guard(_raise)
        for owner, name in [(torch, "eq"), (torch.Tensor, "eq"), (torch.Tensor, "__eq__")]:
            setattr(owner, name, _noting(getattr(owner, name), note, report))

    def describe(self) -> None:
        """Write one event for each line that compared in the cell that ended."""
        for line in self._lines.values():
            line.settle()
            pairs = [pair for pair in (line.first, line.last) if pair is not None]
            self._store.emit(
                {
                    "kind": "comparison",
                    "cell": line.cell,
                    "at": line.place,
                    "shapes": line.shapes,
                    "dtypes": line.dtypes,
                    "raised": line.raised,
                    "pairs": [[self._operand(tensor) for tensor in pair] for pair in pairs],
                    "results": [[*moment, true, total] for moment, true, total in line.results[:4000]],
                }
            )
        self._lines = {}

    def _operand(self, operand: Any) -> str | None:
        kept = isinstance(operand, torch.Tensor) and operand.numel() <= _KEPT_ELEMENTS
        return self._store.keep(operand) if kept else None

    def _note(self, left: Any, right: Any, result: Any, frame: FrameType) -> None:
        if not isinstance(left, torch.Tensor) or self.paused() or (result is not None and result.numel() < 2):
            return
        # The instruction, not its line: Python searches for the line of an instruction each time anew.
        key = (id(frame.f_code), frame.f_lasti)
        line = self._lines.get(key)
        if line is None:
            if len(self._lines) >= _MOST_LINES:
                return
            line = self._lines[key] = Line(self._places.stack(), self._places.current_cell, left, right)
        pair = (left, right, self.outputs())
        if line.first is None:
            line.first = pair
        else:
            line.last = pair
        if result is None:
            line.raised = True
        else:
            line.add(self._moment(), result)


def _raise(error: Exception) -> None:
    raise error


def _noting(
    original: Callable[..., Any], note: Callable[..., None], report: Callable[..., None]
) -> Callable[..., Any]:
    """The original comparison, with a look at tensors that met; a fault of `note` is reported, never raised."""

    def compare(left: Any, right: Any, *args: Any, **kwargs: Any) -> Any:
        result = None
        try:
            result = original(left, right, *args, **kwargs)
        finally:  # shapes that do not go together tell of a mistake, too
            if isinstance(right, torch.Tensor) and (result is None or isinstance(result, torch.Tensor)):
                try:
                    note(left, right, result, sys._getframe(1))
                except Exception as error:  # the student's program must go on whatever breaks here
                    report(error)
        return result

    compare.__name__ = getattr(original, "__name__", "eq")
    return compare
