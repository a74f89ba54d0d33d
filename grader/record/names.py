"""Reads what the student's names hold when a cell ends: arrays, tensors, and collections of numbers."""

from __future__ import annotations

import collections
import numbers
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import numpy as np
import torch

from grader.record.place import Places
from grader.record.store import Store

_MOST_ELEMENTS = 40_000
_LONGEST_SERIES = 20_000
_MOST_NAMES = 400
_MOST_FAULTS = 10
_JUPYTER_NAMES = {"In", "Out", "exit", "quit", "get_ipython", "open"}


class NameWatch:
    """Describes names that are new or hold something else than at the end of the cell before."""

    def __init__(self, store: Store, places: Places) -> None:
        self._store = store
        self._places = places
        self._faults = 0
        self._described: dict[str, tuple[Any, ...]] = {}
        self._held: dict[tuple[str, int], Any] = {}
        self._containers: dict[tuple[int, str], tuple[str, Any]] = {}

    def follow_locals(self, frames: list[FrameType]) -> None:
        """Note arrays that live in running functions now, and remember their containers for the cell's end."""
        for frame in frames:
            for name, value in list(frame.f_locals.items()):
                if isinstance(value, (list, dict, collections.deque)) or _is_student_object(value):
                    self._containers[(id(value), name)] = (name, value)
                else:
                    self._describe(name, value, local=True)

    def hold_arrays(self, namespace: Mapping[str, Any]) -> None:
        """Keep hold of the arrays that have names now: a later line of the cell may reuse the names.

        They are described at the cell's end, where it costs the student's loop nothing.
        """
        for name, value in list(namespace.items())[:_MOST_NAMES]:
            arrays = isinstance(value, (torch.Tensor, np.ndarray)) or _is_dataset(value)
            if arrays and not name.startswith("_"):
                self._held[name, id(value)] = value

    def describe(self, namespace: Mapping[str, Any]) -> None:
        """Write an event for each change in the user's namespace and in the containers seen in functions."""
        for (name, _), value in self._held.items():
            if namespace.get(name) is not value:
                self._describe(name, value, local=False)
        self._held = {}
        for name, value in list(namespace.items())[:_MOST_NAMES]:
            if not name.startswith("_") and name not in _JUPYTER_NAMES:
                self._describe(name, value, local=False)
        for name, value in self._containers.values():
            self._describe(name, value, local=True)
        self._containers = {}

    def _describe(self, name: str, value: Any, local: bool) -> None:
        """One name on its own: an object that answers oddly must not cost the others their events."""
        try:
            self._describe_parts(name, value, local)
        except Exception as error:  # the student's classes may raise anything when they are looked at
            self._faults += 1
            if self._faults <= _MOST_FAULTS:
                text = f"{name}: {type(error).__name__}: {error}"[:500]
                self._store.emit({"kind": "problem", "cell": self._places.current_cell, "text": text})

    def _describe_parts(self, name: str, value: Any, local: bool) -> None:
        for label, part in _parts(name, value):
            event = self._array_event(part) or _series_event(part, self._store.keep)
            if event is None:
                continue
            told = (event.get("values"), event.get("shape"), event["type"])
            mark = tuple(tuple(item) if isinstance(item, list) else item for item in told)
            if self._described.get(label) == mark:
                continue
            self._described[label] = mark
            base = {"kind": "name", "name": label, "local": local, "cell": self._places.current_cell}
            self._store.emit({**base, **event})

    def _array_event(self, value: Any) -> dict[str, Any] | None:
        if isinstance(value, torch.Tensor):
            kind, dtype, shape = "tensor", str(value.dtype), list(value.shape)
        elif isinstance(value, np.ndarray):
            kind, dtype, shape = "array", str(value.dtype), list(value.shape)
        elif type(value).__module__.startswith("pandas.") and hasattr(value, "to_numpy"):
            kind, dtype, shape = "frame", "mixed", list(value.shape)
            value = _numeric(value)
        else:
            return None
        size = int(np.prod(shape)) if shape else 1
        kept = self._store.keep(value) if value is not None and size <= _MOST_ELEMENTS else None
        return {"type": kind, "dtype": dtype, "shape": shape, "values": kept}


def _numeric(frame: Any) -> Any:
    """The number columns of a pandas object as an array; None when it has none."""
    try:
        selected = frame.select_dtypes("number") if hasattr(frame, "select_dtypes") else frame
        return selected.to_numpy(dtype=float)
    except (TypeError, ValueError):
        return None


def _parts(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The value itself, or what it holds: entries of dicts, attributes of the student's objects, datasets."""
    if depth > 2:
        return
    yield name, value
    if isinstance(value, dict):
        for key, item in list(value.items())[:40]:
            yield from _parts(f"{name}[{str(key)[:30]!r}]", item, depth + 1)
    elif _is_table(value):
        yield from _columns(name, value)
    elif isinstance(value, (list, tuple)) and 0 < len(value) <= 16 and not isinstance(value[0], (int, float)):
        for index, item in enumerate(value):
            yield from _parts(f"{name}[{index}]", item, depth + 1)
    elif _is_dataset(value):
        yield from _dataset_parts(name, value)
    elif _is_student_object(value):
        for key, item in list(vars(value).items())[:40]:
            if not key.startswith("_") and not isinstance(value, torch.nn.Module):
                yield from _parts(f"{name}.{key}", item, depth + 1)


def _is_table(value: Any) -> bool:
    """A list of at least three records of one form: tuples, lists or dicts."""
    if not isinstance(value, (list, collections.deque)) or len(value) < 3:
        return False
    first = value[0]
    if not isinstance(first, (tuple, list, dict)) or not 0 < len(first) <= 16:
        return False
    return all(type(record) is type(first) and len(record) == len(first) for record in value)


def _columns(name: str, records: Any) -> Iterator[tuple[str, Any]]:
    """What the records hold, field by field."""
    keys = list(records[0]) if isinstance(records[0], dict) else range(len(records[0]))
    for key in keys:
        if all(not isinstance(record, dict) or key in record for record in records):
            yield f"{name}[{key!r}]", [record[key] for record in records]


def _is_student_object(value: Any) -> bool:
    return getattr(type(value), "__module__", "") == "__main__" and hasattr(value, "__dict__")


def _is_dataset(value: Any) -> bool:
    data = sys.modules.get("torch.utils.data")
    return data is not None and isinstance(value, (data.TensorDataset, data.Subset, data.DataLoader))


def _dataset_parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors behind a DataLoader, Subset or TensorDataset; a subset's rows only."""
    indices: Any = None
    while hasattr(value, "dataset"):
        own = getattr(value, "indices", None)
        if own is not None:
            indices = list(own) if indices is None else [own[index] for index in indices]
        value = value.dataset
    for position, tensor in enumerate(getattr(value, "tensors", ())):
        yield f"{name}.tensors[{position}]", tensor if indices is None else tensor[indices]


def _series_event(value: Any, keep: Callable[[Any], str | None]) -> dict[str, Any] | None:
    """A list, tuple, deque or dict of at least three numbers, read without changing it."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple, collections.deque)) or not 3 <= len(value) <= _LONGEST_SERIES:
        return None
    values, graphs, tensors = [], 0, 0
    for item in value:
        if isinstance(item, torch.Tensor) and item.numel() == 1:
            tensors += 1
            graphs += item.grad_fn is not None
            item = item.detach()
        elif isinstance(item, (np.ndarray, np.generic)) and item.size == 1:
            item = item.reshape(()).item()
        elif isinstance(item, torch.Tensor):
            return None
        if not isinstance(item, (torch.Tensor, numbers.Real)):
            return None
        values.append(float(item))
    kept = keep(np.array(values, dtype=np.float64))
    return {
        "type": "series",
        "shape": [len(values)],
        "values": kept,
        "with_graph": graphs,
        "tensors": tensors,
    }
