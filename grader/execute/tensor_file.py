"""Arrays as bytes and back, in the safetensors format, with every length checked before it is believed.

Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

from grader.errors import UntrustedData

Array = np.ndarray[Any, Any]

DTYPES: dict[str, str] = {
    "BOOL": "|b1",
    "U8": "|u1",
    "I8": "|i1",
    "I16": "<i2",
    "U16": "<u2",
    "I32": "<i4",
    "U32": "<u4",
    "I64": "<i8",
    "U64": "<u8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "C64": "<c8",
}
"""What may be stored: names of the format, and numpy's."""
_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}
_LONGEST_HEADER = 16 * 1024**2
_MOST_DIMENSIONS = 16


def pack(arrays: Mapping[str, Array]) -> bytes:
    """The arrays as one safetensors file.

    Raises:
        ValueError: an array's dtype has no name in the format.
    """
    header: dict[str, Any] = {}
    chunks: list[bytes] = []
    end = 0
    for name, array in arrays.items():
        code = dtype_name(name, array)
        chunks.append(array.tobytes(order="C"))
        start, end = end, end + len(chunks[-1])
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [start, end]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + b"".join(chunks)


def dtype_name(name: str, array: Array) -> str:
    """The format's name for an array's dtype.

    Raises:
        ValueError: it has none.
    """
    code = _NAMES.get(array.dtype)
    if code is None:
        raise ValueError(f"{name}: arrays of {array.dtype} cannot be stored")
    return code


def unpack(content: bytes) -> dict[str, Array]:
    """The arrays of a safetensors file; bfloat16 comes back as float32, which holds all its values.

    Raises:
        UntrustedData: lengths, shapes or dtypes contradict each other or lie outside the format.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, _LONGEST_HEADER):
        raise UntrustedData("a tensor file is cut off in its header")
    header = _header(content[8 : 8 + length])
    data = memoryview(content)[8 + length :]
    return {name: _array(name, entry, data) for name, entry in header.items() if name != "__metadata__"}


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise UntrustedData("a tensor file has an unreadable header")
    return header


def _array(name: str, entry: Any, data: memoryview) -> Array:
    dtype, shape, start, end = _fields(name, entry)
    half = dtype == "BF16"
    code = np.dtype("<u2") if half else np.dtype(DTYPES[dtype])
    if end > len(data) or math.prod(shape) * code.itemsize != end - start:
        raise UntrustedData(f"tensor {name[:80]!r} does not fit its own shape")
    array = np.frombuffer(data[start:end], dtype=code).reshape(shape).copy()
    # A bfloat16 is the upper half of a float32.
    return (array.astype("<u4") << 16).view("<f4") if half else array


def _fields(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """`dtype`, `shape` and the two offsets of a header's entry, their types checked."""
    fields = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = fields.get("dtype"), fields.get("shape"), fields.get("data_offsets")
    if not isinstance(dtype, str) or (dtype not in DTYPES and dtype != "BF16"):
        raise UntrustedData(f"tensor {name[:80]!r} has no allowed dtype")
    if not _counts(shape) or len(shape) > _MOST_DIMENSIONS:
        raise UntrustedData(f"tensor {name[:80]!r} has no possible shape")
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise UntrustedData(f"tensor {name[:80]!r} lies nowhere in its file")
    return dtype, tuple(shape), offsets[0], offsets[1]


def _counts(values: Any) -> TypeGuard[list[int]]:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)
