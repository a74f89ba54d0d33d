"""Arrays of several recordings as bytes that compress well: equal ones once, and of numbers the like bytes together.

Weights differ little from step to step, so their signs and exponents stand in long runs once they are apart from the
digits: the byte shuffle of Blosc and HDF5. Nothing is rounded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from grader.errors import UntrustedData
from grader.execute.tensor_file import DTYPES, dtype_name

Array = np.ndarray[Any, Any]

_MOST_DIMENSIONS = 16


class ArrayWriter:
    """Collects arrays, each content once."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[bytes, int]] = {}
        """For each dtype, contents and their number in order."""

    def add(self, arrays: Mapping[str, Array]) -> dict[str, list[Any]]:
        """The arrays as a table for `ArrayReader.arrays`: dtype, shape and number.

        Raises:
            ValueError: an array's dtype has no name in the format.
        """
        return {name: self._added(name, array) for name, array in arrays.items()}

    def _added(self, name: str, array: Array) -> list[Any]:
        dtype = dtype_name(name, array)
        kept = self._kept.setdefault(dtype, {})
        number = kept.setdefault(array.tobytes(order="C"), len(kept))
        return [dtype, list(array.shape), number]

    def sizes(self) -> dict[str, list[int]]:
        """How many numbers each content has, by dtype, in the order of `planes`."""
        return {
            dtype: [len(content) // np.dtype(DTYPES[dtype]).itemsize for content in kept]
            for dtype, kept in self._kept.items()
        }

    def planes(self) -> bytes:
        """All contents, dtype after dtype: the first bytes of all its numbers, then the second, …"""
        return b"".join(_turned(b"".join(kept), DTYPES[dtype]) for dtype, kept in self._kept.items())


def _turned(content: bytes, code: str) -> bytes:
    return np.frombuffer(content, np.uint8).reshape(-1, np.dtype(code).itemsize).T.tobytes()


class ArrayReader:
    """Gives the arrays back, every length checked before it is believed."""

    def __init__(self, sizes: Any, planes: bytes, most: int) -> None:
        """`most`: bytes of all arrays that it hands out together.

        Raises:
            UntrustedData: sizes and planes contradict each other.
        """
        if not isinstance(sizes, dict) or not all(name in DTYPES and _counts(sizes[name]) for name in sizes):
            raise UntrustedData("a table of arrays is unreadable")
        self._left = most
        self._starts: dict[str, list[int]] = {}
        self._numbers: dict[str, Array] = {}
        start = 0
        for name, counts in sizes.items():
            code = np.dtype(DTYPES[name])
            end = start + sum(counts) * code.itemsize
            if end > len(planes):
                raise UntrustedData("a store of arrays is cut off")
            turned = np.frombuffer(planes[start:end], np.uint8).reshape(code.itemsize, -1)
            self._numbers[name] = np.ascontiguousarray(turned.T).reshape(-1).view(code)
            self._starts[name] = np.cumsum([0, *counts]).tolist()
            start = end

    def arrays(self, table: Any) -> dict[str, Array]:
        """The arrays of a table that `ArrayWriter.add` made.

        Raises:
            UntrustedData: it names what is not there, or shapes that do not fit.
        """
        if not isinstance(table, dict):
            raise UntrustedData("a table of arrays is unreadable")
        return {name: self._array(name, entry) for name, entry in table.items()}

    def _array(self, name: str, entry: Any) -> Array:
        dtype, shape, number = entry if isinstance(entry, list) and len(entry) == 3 else (None, None, None)
        if not isinstance(dtype, str) or dtype not in self._numbers or not _counts(shape):
            raise UntrustedData(f"tensor {name[:80]!r} has no possible dtype or shape")
        starts = self._starts[dtype]
        if type(number) is not int or not 0 <= number < len(starts) - 1 or len(shape) > _MOST_DIMENSIONS:
            raise UntrustedData(f"tensor {name[:80]!r} is not in the store")
        found = self._numbers[dtype][starts[number] : starts[number + 1]]
        self._left -= found.nbytes
        if self._left < 0 or math.prod(shape) != len(found):
            raise UntrustedData(f"tensor {name[:80]!r} does not fit its own shape, or is one too many")
        return found.reshape(shape).copy()


def _counts(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)
