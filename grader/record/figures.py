"""Watches what the student draws: every figure's curves, points and decision maps, as plain arrays.

matplotlib is never imported here. Its drawing calls are wrapped once the student's program has it; a wrapped
call returns, raises and changes exactly what it did before.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.util
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

from grader.record.artists import Keep, contour_field, describe_axes, text

Place = list[list[int]]

_ADDING = ("add_line", "add_collection", "add_image", "add_patch")
_CONTOURING = ("contour", "contourf", "tricontour", "tricontourf", "tripcolor")
_MOST_FIGURES = 200
_MOST_PER_CELL = 40
_MOST_AXES = 40
_MOST_FIELDS = 400
_MOST_CLEARED = 6
_MOST_FAULTS = 5


class FigureWatch:
    """One `figure` event for each figure that a cell drew on, emitted by `end_of_cell`.

    A figure that is cleared and drawn again is also described just before it is cleared, the first few times.
    `keep` stores an array and names it, `emit` takes an event, `place` gives the student's stack.
    """

    def __init__(
        self, keep: Keep, emit: Callable[[dict[str, Any]], None], place: Callable[[], Place]
    ) -> None:
        self._keep = keep
        self._emit = emit
        self._place = place
        self._emitted = 0
        self._faults = 0
        # Strong references, so that a figure that is closed before the cell ends can still be read.
        self._touched: dict[int, tuple[Any, Place]] = {}
        self._first_place: weakref.WeakKeyDictionary[Any, Place] = weakref.WeakKeyDictionary()
        self._fields: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
        self._cleared: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def install(self) -> None:
        """Wrap the drawing calls now, or as soon as the student's program has imported matplotlib."""
        if "matplotlib.figure" in sys.modules:
            self._wrap()
        else:
            sys.meta_path.insert(0, _AfterImport("matplotlib.figure", self._wrap))

    def end_of_cell(self) -> None:
        """Describe every figure that was drawn on since the last call."""
        touched, self._touched = self._touched, {}
        for figure, place in touched.values():
            self._guarded(self._describe, figure, place)

    def _wrap(self) -> None:
        axes, figure = sys.modules["matplotlib.axes"].Axes, sys.modules["matplotlib.figure"].Figure
        for name in _ADDING:
            _around(axes, name, after=functools.partial(self._guarded, self._drawn))
        for name in _CONTOURING:
            _around(axes, name, after=functools.partial(self._guarded, self._contoured, name))
        _around(axes, "clear", before=functools.partial(self._guarded, self._clearing_axes))
        _around(figure, "clear", before=functools.partial(self._guarded, self._clearing_figure))

    def _guarded(self, action: Callable[..., None], *args: Any) -> None:
        try:
            action(*args)
        except Exception as error:  # the student's program must go on whatever breaks here
            self._faults += 1
            if self._faults <= _MOST_FAULTS:
                self._emit({"kind": "problem", "text": text(f"figures: {error!r}")})

    def _drawn(self, axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        figure = _root(axes)
        known = id(figure) in self._touched
        if known and axes in self._first_place:
            return
        place = self._place()
        self._first_place.setdefault(axes, place)
        if not known:
            self._touched[id(figure)] = (figure, place)
            if len(self._touched) > _MOST_PER_CELL:
                # A loop that draws without end: its first and its latest figures say enough.
                del self._touched[list(self._touched)[_MOST_PER_CELL // 2]]

    def _contoured(
        self, how: str, axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any], artist: Any
    ) -> None:
        if len(self._fields) < _MOST_FIELDS:
            # Arrays are kept at once: the student may go on to change them in place.
            field = contour_field(how, args, kwargs, artist, self._keep)
            if field is not None:
                self._fields[artist] = field

    def _clearing_axes(self, axes: Any) -> None:
        if axes in self._first_place:
            self._before_clearing(_root(axes))
            del self._first_place[axes]

    def _clearing_figure(self, figure: Any) -> None:
        self._before_clearing(figure)
        for axes in figure.axes:
            self._first_place.pop(axes, None)

    def _before_clearing(self, figure: Any) -> None:
        touched = self._touched.pop(id(figure), None)
        count = self._cleared.get(figure, 0)
        if touched is not None and count < _MOST_CLEARED:
            self._cleared[figure] = count + 1
            self._describe(*touched)

    def _describe(self, figure: Any, place: Place) -> None:
        if self._emitted >= _MOST_FIGURES:
            return
        self._emitted += 1
        # A colour bar is a legend, not a drawing of its own.
        drawn = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
        described = [
            {"at": self._first_place.get(axes, place), **describe_axes(axes, self._fields, self._keep)}
            for axes in drawn[:_MOST_AXES]
        ]
        event: dict[str, Any] = {
            "kind": "figure",
            "at": place,
            "title": text(figure.get_suptitle()),
            "axes": described,
        }
        if len(drawn) > _MOST_AXES:
            event["cut"] = True
        self._emit(event)


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls back once a module has been imported by somebody else."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name = name
        self._then = then

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """The ordinary spec of the awaited module, its loader made to call back; None for any other."""
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            self._then()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _around(owner: Any, name: str, before: Any = None, after: Any = None) -> None:
    """Replace a method by itself, with a look at its object before or at its result after."""
    original = getattr(owner, name)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if before is not None:
            before(self)
        result = original(self, *args, **kwargs)
        if after is not None:
            after(self, args, kwargs, result)
        return result

    # matplotlib blames its warnings on the first caller outside itself, by module name or by file. That must
    # stay the student's line, so this caller passes for matplotlib's own.
    module = sys.modules[owner.__module__]
    code = call.__code__.replace(co_filename=str(module.__file__))
    inside = types.FunctionType(code, vars(module), name, None, call.__closure__)
    setattr(owner, name, functools.wraps(original)(inside))


def _root(axes: Any) -> Any:
    """The whole figure that axes belong to, through any subfigures."""
    figure = axes.figure
    return getattr(figure, "figure", None) or figure
