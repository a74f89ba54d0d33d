"""Arrays as bytes and back, also when the bytes lie."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save
from safetensors.torch import save as save_torch

from grader.errors import UntrustedData
from grader.execute.tensor_file import pack, unpack

ARRAYS = {
    "weights": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "scalar": np.array(0.1),
    "empty": np.zeros((0, 2), dtype=np.int64),
    "flags": np.array([True, False]),
    "special": np.array([np.nan, np.inf, -0.0]),
}


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    """Equal in names, dtypes, shapes and bits."""
    return left.keys() == right.keys() and all(
        (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        for a, b in ((left[name], right[name]) for name in left)
    )


def test_round_trip_is_exact() -> None:
    assert same(unpack(pack(ARRAYS)), ARRAYS)


def test_the_format_is_the_one_of_safetensors() -> None:
    assert same(load(pack(ARRAYS)), ARRAYS)
    whole = {name: np.ascontiguousarray(array) for name, array in ARRAYS.items() if name != "scalar"}
    assert same(unpack(save(whole)), whole)


def test_bfloat16_is_read_without_loss() -> None:
    tensor = torch.tensor([1.5, -3.25, 1e30], dtype=torch.bfloat16)
    array = unpack(save_torch({"half": tensor}))["half"]
    assert array.dtype == np.float32
    assert array.tolist() == tensor.float().tolist()


def test_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="object"):
        pack({"a": np.array([object()])})


def forged(header: object, data: bytes = b"\0" * 8) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x05\0\0",
        (2**62).to_bytes(8, "little") + b"{}",
        (3).to_bytes(8, "little") + b"{{{",
        forged([]),
        forged({"a": 1}),
        forged({"a": {"dtype": "O", "shape": [1], "data_offsets": [0, 8]}}),
        forged({"a": {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]}}),
        forged({"a": {"dtype": "F32", "shape": [-2, -1], "data_offsets": [0, 8]}}),
        forged({"a": {"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]}}),
        forged({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 8]}}),
        forged({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}),
        forged({"a": {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}}),
        forged({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}),
        forged({"a": {"dtype": "F32", "shape": [1] * 40, "data_offsets": [0, 4]}}),
    ],
)
def test_lies_are_found_out(content: bytes) -> None:
    with pytest.raises(UntrustedData):
        unpack(content)


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(1, 255))
def test_no_bytes_do_harm(noise: bytes, place: int, change: int) -> None:
    sound = bytearray(pack(ARRAYS) + noise)
    sound[place % len(sound)] ^= change
    try:
        unpack(bytes(sound))
    except UntrustedData:
        return
