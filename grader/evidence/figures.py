"""Recorded figures, validated: what is junk is dropped and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, TypeGuard, TypeVar

import numpy as np

from grader.errors import UntrustedData
from grader.model.figures import Array, Axes, Field, Figure, Line, Scatter

_HOWS = ("contourf", "contour", "tricontourf", "tricontour", "tripcolor", "pcolormesh", "imshow")
_MOST_FIGURES = 200
_MOST_AXES = 40
_MOST_PARTS = 400
_MOST_FRAMES = 200
_MOST_VALUES = 4_000_000
_MOST_TEXT = 200

Part = TypeVar("Part")


def read_figures(
    events: Iterable[Mapping[str, Any]], tensors: Mapping[str, np.ndarray[Any, Any]]
) -> tuple[Figure, ...]:
    """The figures among the events, oldest first, at most 200.

    Junk inside an event is dropped and counted in `Figure.dropped`; an event that is nothing but junk becomes
    a figure without axes. Raises nothing.
    """
    drawn = (event for event in events if isinstance(event, Mapping) and event.get("kind") == "figure")
    return tuple(_Reader(tensors).figure(event) for event in islice(drawn, _MOST_FIGURES))


class _Reader:
    """Reads one event; counts what it had to drop."""

    def __init__(self, tensors: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self._tensors = tensors
        self._dropped = 0

    def figure(self, event: Mapping[str, Any]) -> Figure:
        axes = self._parts(event.get("axes"), self._axes, _MOST_AXES)
        cell = event.get("cell")
        return Figure(
            at=self._frames(event.get("at")),
            cell=cell if _is_count(cell) else None,
            title=_text(event.get("title")),
            axes=axes,
            cut=_any_cut(event),
            dropped=self._dropped,
        )

    def _parts(self, value: Any, read: Callable[[Mapping[str, Any]], Part], most: int) -> tuple[Part, ...]:
        if not isinstance(value, list):
            self._dropped += 1
            return ()
        self._dropped += max(0, len(value) - most)
        parts = []
        for item in value[:most]:
            try:
                if not isinstance(item, Mapping):
                    raise UntrustedData("a part of a figure is no object")
                parts.append(read(item))
            except UntrustedData:
                self._dropped += 1
        return tuple(parts)

    def _axes(self, raw: Mapping[str, Any]) -> Axes:
        legend, bars = raw.get("legend"), raw.get("bars")
        return Axes(
            title=_text(raw.get("title")),
            xlabel=_text(raw.get("xlabel")),
            ylabel=_text(raw.get("ylabel")),
            legend=tuple(_text(label) for label in legend[:40]) if isinstance(legend, list) else (),
            at=self._frames(raw.get("at")),
            lines=self._parts(raw.get("lines"), self._line, _MOST_PARTS),
            scatters=self._parts(raw.get("scatters"), self._scatter, _MOST_PARTS),
            fields=self._parts(raw.get("fields"), self._field, _MOST_PARTS),
            bars=bars if _is_count(bars) else 0,
        )

    def _line(self, raw: Mapping[str, Any]) -> Line:
        y = self._array(raw.get("y"), 1)
        x = self._optional(raw.get("x"), 1)
        if x is not None and x.shape != y.shape:
            x = None
            self._dropped += 1
        style, marker = _text(raw.get("style")), _text(raw.get("marker"))
        return Line(x, y, _text(raw.get("label")), style or "-", marker or "None")

    def _scatter(self, raw: Mapping[str, Any]) -> Scatter:
        offsets = self._array(raw.get("offsets"), 2)
        if offsets.shape[1] != 2:
            raise UntrustedData("points of a scatter have no x and y")
        values = self._optional(raw.get("values"), 1)
        if values is not None and len(values) != len(offsets):
            values = None
            self._dropped += 1
        colors = self._optional(raw.get("colors"), 2)
        if colors is not None and (colors.shape[1] != 4 or len(colors) not in (1, len(offsets))):
            colors = None
            self._dropped += 1
        return Scatter(offsets, values, colors, _text(raw.get("label")))

    def _field(self, raw: Mapping[str, Any]) -> Field:
        how = raw.get("how")
        if how not in _HOWS:
            raise UntrustedData("a field drawn in an unknown way")
        z = self._array(raw.get("z"), 1, 2)
        x, y = self._optional(raw.get("x"), 1, 2), self._optional(raw.get("y"), 1, 2)
        if not _fits(x, y, z):
            raise UntrustedData("a field whose grid does not fit its values")
        origin = raw.get("origin")
        return Field(
            how=how,
            z=z,
            x=x,
            y=y,
            levels=self._optional(raw.get("levels"), 1),
            extent=self._extent(raw.get("extent")),
            origin=origin if origin in ("upper", "lower") else None,
        )

    def _extent(self, value: Any) -> tuple[float, float, float, float] | None:
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 4 or not all(map(_is_finite, value)):
            self._dropped += 1
            return None
        left, right, bottom, top = (float(end) for end in value)
        return left, right, bottom, top

    def _frames(self, value: Any) -> tuple[tuple[int, int], ...]:
        if not isinstance(value, list):
            self._dropped += 1
            return ()
        frames = [tuple(frame) for frame in value[:_MOST_FRAMES] if _is_frame(frame)]
        self._dropped += len(value) - len(frames)
        return tuple((cell, line) for cell, line in frames)

    def _optional(self, name: Any, *dimensions: int) -> Array | None:
        if name is None:
            return None
        try:
            return self._array(name, *dimensions)
        except UntrustedData:
            self._dropped += 1
            return None

    def _array(self, name: Any, *dimensions: int) -> Array:
        array = self._tensors.get(name) if isinstance(name, str) else None
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            raise UntrustedData("a figure refers to an array that is not there")
        if array.ndim not in dimensions or not 0 < array.size <= _MOST_VALUES:
            raise UntrustedData("a figure refers to an array of an unfitting shape")
        return array.astype(np.float64)


def _fits(x: Array | None, y: Array | None, z: Array) -> bool:
    if x is None or y is None:
        return x is None and y is None and z.ndim == 2
    if z.ndim == 1 or x.ndim == 2:
        return bool(x.shape == z.shape and y.shape == z.shape)
    return y.ndim == 1 and (len(y), len(x)) == z.shape


def _text(value: Any) -> str:
    return value[:_MOST_TEXT] if isinstance(value, str) else ""


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and bool(-1e300 < value < 1e300)


def _is_frame(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 10**9


def _any_cut(event: Mapping[str, Any]) -> bool:
    parts: list[Any] = [event]
    drawn = event.get("axes")
    for axes in drawn[:_MOST_AXES] if isinstance(drawn, list) else ():
        if isinstance(axes, Mapping):
            parts.append(axes)
            for name in ("lines", "scatters", "fields"):
                held = axes.get(name)
                parts.extend(held[:_MOST_PARTS] if isinstance(held, list) else ())
    return any(isinstance(part, Mapping) and part.get("cut") is True for part in parts)
