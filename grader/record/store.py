"""Where the recorder writes: one JSON object per line, and arrays as safetensors, flushed after every cell."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

_KEPT_DTYPES = {"float32", "float64", "int64", "int32", "uint8", "bool"}
_ENCODE = json.JSONEncoder(default=str).encode


class Store:
    """Events and arrays of one execution, on their way to disk.

    Equal arrays are kept once. Past `capacity` bytes arrays are refused (`keep` returns None) and events go on.
    """

    def __init__(self, directory: Path, capacity: int) -> None:
        self._directory = directory
        self._capacity = capacity
        self._pending: dict[str, np.ndarray[Any, Any]] = {}
        self._known: dict[bytes, str] = {}
        self._files = 0
        self._lines: list[str] = []
        self.full = False

    def emit(self, event: dict[str, Any]) -> None:
        """Queue one event; it reaches the disk at the next `flush`."""
        self._lines.append(_ENCODE(event))

    def keep(self, array: Any) -> str | None:
        """Keep an array or tensor and return its name; None when it is no number array or the store is full."""
        try:
            values = as_numpy(array)
        except (TypeError, ValueError, RuntimeError):
            return None
        digest = hashlib.blake2b(values.tobytes(), digest_size=12)
        digest.update(f"{values.dtype}{values.shape}".encode())
        name = self._known.get(digest.digest())
        if name is not None:
            return name
        if values.nbytes > self._capacity:
            self.full = True
            return None
        self._capacity -= values.nbytes
        name = f"a{len(self._known)}"
        self._known[digest.digest()] = name
        self._pending[name] = values
        return name

    def flush(self) -> None:
        """Write what is queued; arrays first, so that no event on disk refers to an array that is not."""
        if self._pending:
            save_file(self._pending, str(self._directory / f"tensors-{self._files}.safetensors"))
            self._files += 1
            self._pending = {}
        if self._lines:
            with (self._directory / "events.jsonl").open("a", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in self._lines))
            self._lines = []


def as_numpy(array: Any) -> np.ndarray[Any, Any]:
    """A contiguous copy with a dtype that safetensors knows and that a reader expects.

    Raises TypeError for anything that is not an array of numbers.
    """
    if isinstance(array, torch.Tensor):
        array = array.detach().to("cpu").numpy()
    values = np.asarray(array)
    if values.dtype.name not in _KEPT_DTYPES:
        if values.dtype.kind == "f":
            values = values.astype(np.float32)
        elif values.dtype.kind in "iu":
            values = values.astype(np.int64)
        else:
            raise TypeError(f"not an array of numbers: {values.dtype}")
    return np.array(values, order="C", copy=True)


def guarded(report: Callable[[str], None], action: Callable[..., Any]) -> Callable[..., None]:
    """Run `action` so that a fault of ours never reaches the student's code; it is reported instead."""

    def run(*args: Any) -> None:
        try:
            action(*args)
        except Exception as error:  # the student's program must go on whatever breaks here
            report(f"{getattr(action, '__qualname__', action)}: {type(error).__name__}: {error}")

    return run
