"""Makes the assignment's data again, and finds the student's arrays among its rows by value.

Features may have been scaled: an affine map per column is recovered by matching ranks and refining, so that
standardised rows are still recognised.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.spatial import cKDTree  # type: ignore[attr-defined]  # the stubs leave it out
from sklearn.datasets import make_blobs, make_circles

from grader.model.assignment import DatasetSpec
from grader.model.evidence import KnownArray

Array = np.ndarray[Any, Any]

_CLOSE = 2e-4
"""Largest distance, in units of the data's spread, at which a row counts as one of the dataset's."""
_FITTED_ROWS = 400
"""Enough to find a scaling by; all rows are then held against it."""
_REMEMBERED_ROWS = 2000
_LARGEST = 1e12
"""No scaling that a model could be trained on makes features larger; beyond it sums of squares overflow."""


@dataclass(frozen=True)
class Rows:
    """Features and labels as the generator gives them."""

    features: Array
    labels: Array


def make_rows(spec: DatasetSpec) -> Rows:
    """The rows the students have; shape (n, features) and (n,)."""
    return _turned(_generate(spec.generator, tuple(sorted(_frozen(spec.arguments).items()))), spec)


def held_out_rows(spec: DatasetSpec, seed: int) -> Rows:
    """Rows that no student saw: the same generator, another random state, more of them.

    Blobs keep their centres: with another state alone they would be another problem.
    """
    arguments = dict(spec.arguments)
    if spec.generator == "straight_line":
        return make_rows(spec)
    arguments["n_samples"] = spec.held_out_rows
    if spec.generator == "make_blobs" and isinstance(arguments.get("centers"), int):
        arguments["centers"] = _blob_centers(tuple(sorted(_frozen(spec.arguments).items())))
        arguments.pop("n_features", None)
    arguments["random_state"] = seed
    return _turned(_generate(spec.generator, tuple(sorted(_frozen(arguments).items()))), spec)


def _turned(rows: Rows, spec: DatasetSpec) -> Rows:
    """The rows as a probe's process made them: features turned, labels in reverse."""
    if not spec.turned or spec.turn is None:
        return rows
    return Rows(rows.features @ np.array(spec.turn), spec.classes - 1 - rows.labels)


@lru_cache(maxsize=32)
def _blob_centers(arguments: tuple[tuple[str, Any], ...]) -> tuple[tuple[float, ...], ...]:
    _, _, centers = make_blobs(**dict(arguments), return_centers=True)
    return tuple(tuple(float(value) for value in center) for center in centers)


def _frozen(arguments: dict[str, Any]) -> dict[str, Any]:
    """Lists as tuples, so that equal arguments are one entry of the cache."""
    return {
        key: tuple(tuple(item) if isinstance(item, list) else item for item in value)
        if isinstance(value, list)
        else value
        for key, value in arguments.items()
    }


@lru_cache(maxsize=32)
def _generate(generator: str, arguments: tuple[tuple[str, Any], ...]) -> Rows:
    named = dict(arguments)
    if generator == "straight_line":
        xs = np.arange(named["start"], named["end"], named["step"])
        return Rows(xs[:, None], named["weight"] * xs + named["bias"])
    if generator == "make_blobs" and isinstance(named.get("centers"), tuple):
        named["centers"] = np.array(named["centers"])
    make = {"make_circles": make_circles, "make_blobs": make_blobs}[generator]
    features, labels = make(**named)
    return Rows(features, labels)


@dataclass(frozen=True)
class Match:
    """How an array of features relates to a dataset."""

    rows: Array
    """Index of each row in the dataset, -1 where none fits, shape (n,)."""
    scale: Array
    shift: Array

    @property
    def share(self) -> float:
        return float((self.rows >= 0).mean()) if len(self.rows) else 0.0

    @property
    def identity(self) -> bool:
        return bool(np.allclose(self.scale, 1.0, atol=1e-4) and np.allclose(self.shift, 0.0, atol=1e-4))


class RowFinder:
    """Recognises rows of one dataset, plain or scaled."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self._spread = rows.features.std(axis=0)
        self._tree = _tree(_Numbers.of(rows.features))
        self._maps: list[tuple[Array, Array]] = [(np.ones_like(self._spread), np.zeros_like(self._spread))]

    def match(self, values: Array) -> Match | None:
        """Find these feature rows, shape (n, features); None where fewer than 60 % are the dataset's."""
        if (
            values.ndim != 2
            or values.shape[1] != self.rows.features.shape[1]
            or not 1 <= len(values) <= 100_000
        ):
            return None
        values = values.astype(np.float64)
        if not np.isfinite(values).all() or np.abs(values).max() > _LARGEST:
            return None
        known = self._best_known(values)
        if known.share >= 0.6:
            return known
        found = self._fit(values)
        if found is not None and found.share >= 0.6:
            self._maps.append((found.scale, found.shift))
            return found
        return None

    def _best_known(self, values: Array) -> Match:
        """By the first scaling that explains the most rows."""
        best = None
        for scaling in self._maps:
            match = self._with(values, *scaling)
            if best is None or match.share > best.share:
                best = match
            if match.share == 1.0:
                break
        assert best is not None
        return best

    def _with(self, values: Array, scale: Array, shift: Array) -> Match:
        places = self._places(values, scale, shift)
        if places is None:
            return Match(np.full(len(values), -1), scale, shift)
        distances, nearest = self._tree.query(places)
        return Match(np.where(distances <= _CLOSE, nearest, -1), scale, shift)

    def _places(self, values: Array, scale: Array, shift: Array) -> Array | None:
        return _places(values, scale, shift, self._spread)

    def _fit(self, values: Array) -> Match | None:
        """By a scaling of these rows' own, where one is found."""
        if len(values) < 50 or (values.std(axis=0) == 0).any():
            return None
        fit = _remembered_fit if len(values) <= _REMEMBERED_ROWS else _fitted
        scaling = fit(_Numbers.of(self.rows.features), _Numbers.of(values))
        return None if scaling is None else self._with(values, *scaling)


@dataclass(frozen=True)
class _Numbers:
    """Rows of float64 that compare by value, shape (n, width)."""

    content: bytes
    width: int

    @classmethod
    def of(cls, rows: Array) -> _Numbers:
        return cls(rows.astype(np.float64, copy=False).tobytes(), rows.shape[1])

    def array(self) -> Array:
        return np.frombuffer(self.content).reshape(-1, self.width)


@lru_cache(maxsize=16)
def _tree(features: _Numbers) -> Any:
    """The tree of a dataset's rows, each column divided by its spread."""
    rows = features.array()
    return cKDTree(rows / rows.std(axis=0))


def _places(values: Array, scale: Array, shift: Array, spread: Array) -> Array | None:
    """The rows in the tree's units; None where this scaling cannot be undone."""
    with np.errstate(all="ignore"):
        places = (values - shift) / scale / spread
    return places if np.isfinite(places).all() else None


def _fitted(known: _Numbers, given: _Numbers) -> tuple[Array, Array] | None:
    """Guess the map from spreads, then refine it on nearest neighbours until it stands still."""
    features, values, tree = known.array(), given.array(), _tree(known)
    spread = features.std(axis=0)
    scale = values.std(axis=0) / spread
    shift = values.mean(axis=0) - features.mean(axis=0) * scale
    some = values[:: max(1, len(values) // _FITTED_ROWS)]
    for _ in range(40):
        places = _places(some, scale, shift, spread)
        if places is None:
            return None
        distances, nearest = tree.query(places)
        close = distances <= np.quantile(distances, 0.6)
        new_scale, new_shift = _least_squares(features[nearest[close]], some[close])
        if np.allclose(new_scale, scale, rtol=1e-9) and np.allclose(new_shift, shift, atol=1e-9):
            break
        scale, shift = new_scale, new_shift
    return scale, shift


_remembered_fit = lru_cache(maxsize=256)(_fitted)
"""A class was given the same rows, and most of it names and splits them alike."""


def _least_squares(source: Array, target: Array) -> tuple[Array, Array]:
    """Per column: target ≈ source * scale + shift."""
    center, aim = source.mean(axis=0), target.mean(axis=0)
    spread = ((source - center) ** 2).sum(axis=0)
    scale = ((source - center) * (target - aim)).sum(axis=0) / np.where(spread == 0, 1.0, spread)
    return scale, aim - scale * center


def aligned_share(finder: RowFinder, array: KnownArray, labels: Array) -> float | None:
    """The share of rows that carry their own label; None when the lengths differ."""
    flat = labels.reshape(-1)
    if array.rows is None or len(flat) != len(array.rows):
        return None
    known = array.rows >= 0
    if not known.any():
        return None
    return float(np.isclose(flat[known], finder.rows.labels[array.rows[known]]).mean())


def rows_used(finder: RowFinder, batches: Iterable[Array]) -> Array:
    """Indices of the dataset's rows that stand in these arrays, each once."""
    found = [match.rows[match.rows >= 0] for match in map(finder.match, batches) if match is not None]
    return np.unique(np.concatenate(found)) if found else np.array([], dtype=int)
