"""From matplotlib artists to plain arrays and short texts; whatever is odd is left out, never an error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Keep = Callable[[Array], str | None]

_MOST_ARTISTS = 200
_MOST_VALUES = 1_000_000
_MOST_FIELD_VALUES = 250_000
_MOST_TEXT = 200
_MOST_LEVELS = 1000


def text(value: Any) -> str:
    """At most 200 characters of a text; empty for anything else."""
    return value[:_MOST_TEXT] if isinstance(value, str) else ""


def numbers(value: Any) -> Array | None:
    """A float32, float64, int64 or uint8 array; masked entries are NaN; None for what is not numbers."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if isinstance(value, np.ma.MaskedArray):
        if value.dtype.kind not in "fiub":
            return None
        value = (
            np.where(np.ma.getmaskarray(value), np.nan, value.data) if np.ma.is_masked(value) else value.data
        )
    values = np.asarray(value)
    if values.dtype.kind == "O":
        values = values.astype(np.float64)
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind != "f":
        return None
    return values if values.dtype.name in ("float32", "float64") else values.astype(np.float32)


def describe_axes(axes: Any, fields: Mapping[Any, dict[str, Any]], keep: Keep) -> dict[str, Any]:
    """What one axes shows: texts, lines, scatters, fields, and a count of bars."""
    legend = axes.get_legend()
    titles = (text(axes.get_title(loc)) for loc in ("center", "left", "right"))
    described: dict[str, Any] = {
        "title": next(filter(None, titles), ""),
        "xlabel": text(axes.get_xlabel()),
        "ylabel": text(axes.get_ylabel()),
        "legend": [text(label.get_text()) for label in legend.get_texts()[:40]] if legend else [],
        "lines": _each(axes.lines, _line, keep),
        "scatters": _each(axes.collections, _scatter, keep),
        "fields": [fields[artist] for artist in axes.collections if artist in fields]
        + _each(axes.collections, _mesh, keep)
        + _each(axes.images, _image, keep),
        "bars": sum(type(patch).__name__ == "Rectangle" for patch in axes.patches),
    }
    if max(len(axes.lines), len(axes.collections), len(axes.images)) > _MOST_ARTISTS:
        described["cut"] = True
    return described


def contour_field(how: str, args: Any, kwargs: Any, artist: Any, keep: Keep) -> dict[str, Any] | None:
    """The grid that a contour call was given, and the levels it came to; None where it is not numbers."""
    x, y, z = _contour_arguments(how, args)
    extent = kwargs.get("extent")
    x, y, z = (None if value is None else numbers(value) for value in (x, y, z))
    field = _grid(how, x, y, z, keep)
    if field is not None:
        field["levels"] = _kept(getattr(artist, "levels", None), keep, _MOST_LEVELS)
        field["extent"] = None if extent is None else [float(end) for end in extent]
        field["origin"] = text(kwargs.get("origin")) or None
    return field


def _contour_arguments(how: str, args: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    if how.startswith("tri") and hasattr(args[0], "triangles"):
        return args[0].x, args[0].y, args[1]
    if len(args) > 2:
        return args[0], args[1], args[2]
    return None, None, args[0]


def _each(artists: Iterable[Any], describe: Callable[[Any, Keep], Any], keep: Keep) -> list[Any]:
    found = []
    for artist in list(artists)[:_MOST_ARTISTS]:
        try:
            description = describe(artist, keep)
        except Exception:  # an artist of a kind nobody foresaw is left out; the others still count
            description = None
        if description is not None:
            found.append(description)
    return found


def _line(line: Any, keep: Keep) -> dict[str, Any] | None:
    y = _kept(line.get_ydata(orig=False), keep)
    if y is None:
        return None
    try:
        x = _kept(line.get_xdata(orig=False), keep)
    except (TypeError, ValueError):  # dates and categories; the heights still say which curve it is
        x = None
    style = {"style": str(line.get_linestyle())[:20], "marker": str(line.get_marker())[:20]}
    cut = {"cut": True} if np.size(line.get_ydata(orig=False)) > _MOST_VALUES else {}
    return {"x": x, "y": y, "label": text(line.get_label()), **style, **cut}


def _scatter(artist: Any, keep: Keep) -> dict[str, Any] | None:
    if type(artist).__name__ != "PathCollection":
        return None
    offsets = numbers(artist.get_offsets())
    if offsets is None or not offsets.size:
        return None
    values = artist.get_array()
    colors = None
    if values is None:
        colors = artist.get_facecolors() if len(artist.get_facecolors()) else artist.get_edgecolors()
    step = _stride(offsets.size)
    return {
        "offsets": keep(offsets[::step]),
        "values": None if values is None else _kept(np.ma.ravel(values)[::step], keep),
        "colors": None if colors is None else _kept(np.float32(colors[::step]), keep),
        "label": text(artist.get_label()),
        **({"cut": True} if step > 1 else {}),
    }


def _mesh(artist: Any, keep: Keep) -> dict[str, Any] | None:
    if not hasattr(artist, "get_coordinates") or artist.get_array() is None:
        return None
    coordinates = np.ma.getdata(artist.get_coordinates())
    z = numbers(artist.get_array())
    rows, columns = coordinates.shape[:2]
    if z is None:
        return None
    if z.size == (rows - 1) * (columns - 1):
        z = z.reshape(rows - 1, columns - 1)
        # From corners to the middles, where the colours belong.
        coordinates = (coordinates[1:, 1:] + coordinates[:-1, :-1]) / 2
    else:
        z = z.reshape(rows, columns)
    return _grid("pcolormesh", coordinates[..., 0], coordinates[..., 1], z, keep)


def _image(image: Any, keep: Keep) -> dict[str, Any] | None:
    z = numbers(image.get_array())
    if z is None or z.ndim != 2:
        return None
    field = _grid("imshow", None, None, z, keep)
    if field is not None:
        field["extent"] = [float(end) for end in image.get_extent()]
        field["origin"] = text(image.origin)
    return field


def _grid(how: str, x: Array | None, y: Array | None, z: Array | None, keep: Keep) -> dict[str, Any] | None:
    if z is None or not _fits(x, y, z):
        return None
    step = max(1, math.ceil((z.size / _MOST_FIELD_VALUES) ** (1 / z.ndim)))
    if x is not None and y is not None:
        x, y, z = _separated(x, y, z)
        x, y = (axis[(slice(None, None, step),) * axis.ndim] for axis in (x, y))
    z = z[(slice(None, None, step),) * z.ndim]
    field: dict[str, Any] = {"how": how, "x": None, "y": None, "z": keep(z), "levels": None}
    if x is not None and y is not None:
        field.update(x=keep(x), y=keep(y))
    field.update(extent=None, origin=None, **({"cut": True} if step > 1 else {}))
    return None if field["z"] is None else field


def _fits(x: Array | None, y: Array | None, z: Array) -> bool:
    if x is None or y is None:
        return z.ndim == 2
    return (x.shape == y.shape == z.shape and z.ndim <= 2) or (y.size, x.size) == z.shape


def _separated(x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
    """The same grid with one row of x and one column of y, where it is a plain mesh in either indexing."""
    if x.ndim != 2 or x.shape != y.shape or x.shape != z.shape or not z.size:
        return x, y, z
    if (x == x[:1]).all() and (y == y[:, :1]).all():
        return x[0], y[:, 0], z
    if (x == x[:, :1]).all() and (y == y[:1]).all():
        return x[:, 0], y[0], z.T
    return x, y, z


def _kept(value: Any, keep: Keep, most: int = _MOST_VALUES) -> str | None:
    values = None if value is None else numbers(value)
    if values is None or values.ndim == 0:
        return None
    return keep(values[:: _stride(values.size, most)])


def _stride(size: int, most: int = _MOST_VALUES) -> int:
    return max(1, math.ceil(size / most))
