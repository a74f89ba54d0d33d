"""Finds the student's own data: which arrays hold a dataset's rows and labels, and how they were split."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from grader.evidence.datasets import RowFinder, aligned_share
from grader.evidence.raw import RawEvents, RawName
from grader.model.evidence import KnownArray, Split
from grader.model.submission import Submission, Where

Array = np.ndarray[Any, Any]

_TEST_NAME = re.compile(r"test|val|eval|held|valid", re.IGNORECASE)
_TRAIN_NAME = re.compile(r"train|antren|tr\b|fit", re.IGNORECASE)
_LABEL_NAME = re.compile(r"^(y|label|target|t)(?=_|\d|$|(?-i:[A-Z]))|label|target|etichet", re.IGNORECASE)
_FEATURE_NAME = re.compile(r"^x(?=_|\d|$|(?-i:[A-Z]))|feature|puncte|data", re.IGNORECASE)


def known_arrays(raw: RawEvents, finder: RowFinder, submission: Submission) -> tuple[KnownArray, ...]:
    """Every array or tensor that holds rows or labels of this dataset, in the order in which they appeared."""
    lines = _AssignmentLines(submission)
    found: dict[int, KnownArray] = {}
    for index, name, values in _largest_first(raw):
        array = _as_features(name, values, finder) or _as_labels(name, values, finder)
        if array is not None:
            found[index] = _placed(array, lines)
    return tuple(found[index] for index in sorted(found))


def _largest_first(raw: RawEvents) -> list[tuple[int, RawName, Array]]:
    """Named arrays with their place in the order of appearance.

    Many rows tell how they were scaled; a part too small for that is then known by the same scaling.
    """
    named = ((index, name, raw.array(name.values)) for index, name in enumerate(raw.of(RawName)))
    filled = [
        (index, name, values)
        for index, name, values in named
        if name.type != "series" and values is not None and values.size
    ]
    return sorted(filled, key=lambda entry: -entry[2].size)


def _as_features(name: RawName, values: Array, finder: RowFinder) -> KnownArray | None:
    width = finder.rows.features.shape[1]
    if values.ndim != 2 or values.shape[1] < width or len(values) < 10:
        return None
    if values.shape[1] != width and name.type != "frame":
        return None
    match = finder.match(values[:, :width])
    if match is None or match.share < 0.95:
        return None
    complete = len(values) == len(finder.rows.features)
    return KnownArray(
        **_outline(name),
        role="features",
        rows=match.rows,
        values=values,
        scale=None if match.identity else match.scale,
        shift=None if match.identity else match.shift,
        in_order=complete and bool((match.rows == np.arange(len(values))).all()),
    )


def _outline(name: RawName) -> dict[str, Any]:
    """What the event alone says of an array."""
    return {
        "name": name.name,
        "where": Where(cell=name.cell),
        "container": name.type if name.type != "series" else "array",
        "dtype": name.dtype,
        "shape": tuple(name.shape),
    }


def _as_labels(name: RawName, values: Array, finder: RowFinder) -> KnownArray | None:
    flat = values.reshape(-1)
    total = len(finder.rows.labels)
    one_column = values.ndim == 1 or (values.ndim == 2 and 1 in values.shape)
    if not one_column or not 10 <= len(flat) <= total:
        return None
    classes = np.unique(finder.rows.labels)
    if (
        len(classes) > 20
        or not set(np.unique(flat)) <= set(classes.astype(float))
        or len(np.unique(flat)) < 2
    ):
        return None
    return KnownArray(
        **_outline(name),
        role="labels",
        rows=None,
        values=flat,
        in_order=len(flat) == total and bool((flat == finder.rows.labels).all()),
    )


class _AssignmentLines:
    """Finds the line that gives a name its value, in the cell where the value appeared."""

    def __init__(self, submission: Submission) -> None:
        self._submission = submission
        self._known: dict[int, dict[str, int]] = {}

    def line_of(self, cell_number: int, name: str) -> int | None:
        if cell_number not in self._known:
            self._known[cell_number] = self._read(cell_number)
        return self._known[cell_number].get(re.split(r"[.\[]", name)[0])

    def _read(self, cell_number: int) -> dict[str, int]:
        cell = self._submission.cell(cell_number)
        if cell is None:
            return {}
        return {name: line + cell.first_line - 1 for name, line in _stores(cell.source)}


@lru_cache(maxsize=256)
def _stores(source: str) -> tuple[tuple[str, int], ...]:
    """Each name that is given a value, and the line of the source where the last one is."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    nodes = (
        node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    return tuple({node.id: node.lineno for node in nodes}.items())


def _placed(array: KnownArray, lines: _AssignmentLines) -> KnownArray:
    cell = array.where.cell
    where = Where(cell=cell, line=lines.line_of(cell, array.name))
    return KnownArray(**{**vars(array), "where": where})


def find_split(
    arrays: Sequence[KnownArray], finder: RowFinder, trained: Callable[[], Collection[int]] = tuple
) -> Split | None:
    """The two parts that best make up the dataset; tensors before arrays, names to tell which is which.

    Where names are silent, the part that was trained on is the train part. `trained` finds its rows in the dataset.
    """
    total = len(finder.rows.features)
    features = [array for array in arrays if array.role == "features" and len(array.shape) == 2]
    labels = [array for array in arrays if array.role == "labels"]
    pairs = [
        (one, other)
        for index, one in enumerate(features)
        for other in features[index + 1 :]
        if one.shape[0] < total and other.shape[0] < total and _far_apart(one, other)
    ]
    if not pairs:
        return None
    pairs.sort(key=lambda pair: _pair_quality(pair[0], pair[1], total))
    train, test = _which_is_train(*pairs[-1], trained)
    train_labels, test_labels = _labels_for(train, labels), _labels_for(test, labels)
    return _split(train, test, train_labels, test_labels, finder)


def _far_apart(one: KnownArray, other: KnownArray) -> bool:
    """Two names for the same rows are no split; two parts with some rows in common are, a bad one."""
    mine, theirs = set(_indices(one)), set(_indices(other))
    return len(mine & theirs) < 0.5 * min(len(mine), len(theirs))


def _indices(array: KnownArray) -> list[int]:
    return [] if array.rows is None else array.rows[array.rows >= 0].tolist()


def _pair_quality(one: KnownArray, other: KnownArray, total: int) -> tuple[float, ...]:
    together = set(_indices(one)) | set(_indices(other))
    names = sum(
        bool(_TRAIN_NAME.search(array.name) or _TEST_NAME.search(array.name)) for array in (one, other)
    )
    tensors = sum(array.container == "tensor" for array in (one, other))
    plain = sum(array.scale is None for array in (one, other))
    return (round(len(together) / total, 2), tensors, names, plain, -abs(one.where.cell - other.where.cell))


def _which_is_train(
    one: KnownArray, other: KnownArray, trained: Callable[[], Collection[int]]
) -> tuple[KnownArray, KnownArray]:
    """By the names, else by the rows that were trained on, else the larger one."""
    named = [bool(_TRAIN_NAME.search(a.name)) - bool(_TEST_NAME.search(a.name)) for a in (one, other)]
    rows = trained() if named[0] == named[1] else ()
    shares = [_share_among(rows, array) for array in (one, other)]
    sizes = [array.shape[0] for array in (one, other)]
    return (
        (one, other) if (named[0], shares[0], sizes[0]) >= (named[1], shares[1], sizes[1]) else (other, one)
    )


def _share_among(rows: Collection[int], array: KnownArray) -> float:
    """Tenths of an array's rows that are among these."""
    own = _indices(array)
    return round(sum(row in rows for row in own) / max(len(own), 1), 1)


def _labels_for(features: KnownArray, labels: Sequence[KnownArray]) -> KnownArray | None:
    """The label array of the same length whose name goes with the features' name."""
    fitting = [array for array in labels if array.values.size == features.shape[0]]
    if not fitting:
        return None
    return max(fitting, key=lambda array: _name_likeness(features, array))


def _name_likeness(features: KnownArray, labels: KnownArray) -> tuple[float, ...]:
    same_part = bool(_TEST_NAME.search(features.name)) == bool(_TEST_NAME.search(labels.name))
    alike = _shared_start(features.name, labels.name) + _shared_start(features.name[::-1], labels.name[::-1])
    tensor = labels.container == features.container
    return (same_part, alike, tensor, -abs(features.where.cell - labels.where.cell), labels.where.cell)


def _shared_start(one: str, other: str) -> int:
    """How many letters two names have in common from their beginning."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _split(
    train: KnownArray,
    test: KnownArray,
    train_labels: KnownArray | None,
    test_labels: KnownArray | None,
    finder: RowFinder,
) -> Split:
    mine, theirs = set(_indices(train)), set(_indices(test))
    return Split(
        train_features=train,
        test_features=test,
        train_labels=train_labels,
        test_labels=test_labels,
        aligned_train=aligned_share(finder, train, train_labels.values) if train_labels else None,
        aligned_test=aligned_share(finder, test, test_labels.values) if test_labels else None,
        overlap=len(mine & theirs),
        lost=len(finder.rows.features) - len(mine | theirs),
        swapped=_swapped(train, test, train_labels, test_labels),
        small_train=_small_train(train, test),
    )


def _swapped(
    train: KnownArray, test: KnownArray, train_labels: KnownArray | None, test_labels: KnownArray | None
) -> bool:
    """Features under a label's name, labels under a feature's, or parts exchanged."""
    misnamed = any(
        _LABEL_NAME.search(_own_name(array)) and not _FEATURE_NAME.search(_own_name(array))
        for array in (train, test)
    )
    misnamed |= any(
        _FEATURE_NAME.search(_own_name(array)) and not _LABEL_NAME.search(_own_name(array))
        for array in (train_labels, test_labels)
        if array is not None
    )
    crossed = (
        train_labels is not None
        and test_labels is not None
        and bool(_TEST_NAME.search(train_labels.name) and _TRAIN_NAME.search(test_labels.name))
        and bool(_TRAIN_NAME.search(train.name) and _TEST_NAME.search(test.name))
    )
    return misnamed or crossed


def _small_train(train: KnownArray, test: KnownArray) -> bool:
    named = bool(_TRAIN_NAME.search(train.name) and _TEST_NAME.search(test.name))
    return named and train.shape[0] < test.shape[0]


def _own_name(array: KnownArray) -> str:
    """What a name says of this array: its attribute or key; nothing where it is a position in a list."""
    return "" if re.search(r"\[\d+\]$", array.name) else re.split(r"\W+", array.name.rstrip("]'\""))[-1]


def split_from_training(
    trained: Array, evaluated: Array, labels_agree: float | None, finder: RowFinder
) -> Split | None:
    """A split seen only in use: rows that were trained on, and rows that were only evaluated."""
    held_out = np.setdiff1d(evaluated, trained)
    if not len(trained) or not len(held_out):
        return None
    parts = [
        _seen_part(rows, name, finder) for rows, name in [(trained, "trained on"), (held_out, "evaluated on")]
    ]
    return Split(
        train_features=parts[0],
        test_features=parts[1],
        train_labels=None,
        test_labels=None,
        aligned_train=labels_agree,
        aligned_test=None,
        overlap=0,
        lost=len(finder.rows.features) - len(trained) - len(held_out),
        source="training",
    )


def _seen_part(rows: Array, name: str, finder: RowFinder) -> KnownArray:
    values = finder.rows.features[rows]
    return KnownArray(name, Where(cell=1), "tensor", "torch.float32", values.shape, "features", rows, values)
