"""Which well-known function takes one tensor to another: home-made activations are known by what they do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as functional
from torch import Tensor

SHOWN: Mapping[str, str] = {
    "relu": "ReLU",
    "leaky_relu": "LeakyReLU",
    "rrelu_with_noise": "LeakyReLU",
    "_prelu_kernel": "PReLU",
    "prelu": "PReLU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "softplus": "Softplus",
    "hardswish": "Hardswish",
    "hardsigmoid": "Hardsigmoid",
    "log_sigmoid_forward": "LogSigmoid",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "_softmax": "softmax",
    "log_softmax": "log-softmax",
    "_log_softmax": "log-softmax",
    "glu": "GLU",
    "sin": "sin",
    "cos": "cos",
    "native_layer_norm": "LayerNorm",
    "native_group_norm": "GroupNorm",
}
"""Operators that say what they are, by the names that reports show."""

SHOWN_IF_NOT_RECOGNISED: Mapping[str, str] = {
    "elu": "ELU",
    "celu": "CELU",
    "threshold": "Threshold",
    "softshrink": "Softshrink",
    "hardshrink": "Hardshrink",
    "hardtanh": "Hardtanh",
    "pow": "power",
    "_cdist_forward": "distance",
    "linalg_vector_norm": "norm",
    "_trilinear": "bilinear",
}

KNOWN: Mapping[str, Callable[[Tensor], Tensor]] = {
    "ReLU": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "LeakyReLU": functional.leaky_relu,
    "SiLU": functional.silu,
    "GELU": functional.gelu,
    "ELU": functional.elu,
    "SELU": functional.selu,
    "Softplus": functional.softplus,
    "ReLU6": functional.relu6,
    "Hardtanh": functional.hardtanh,
    "square": torch.square,
    "absolute value": torch.abs,
}
ALONG_AN_AXIS: Mapping[str, Callable[[Tensor, int], Tensor]] = {
    "softmax": torch.softmax,
    "log-softmax": torch.log_softmax,
}


def operator_name(base: str) -> str:
    """How reports call an operator by itself."""
    return SHOWN.get(base) or SHOWN_IF_NOT_RECOGNISED.get(base, base)


def function_name(given: Tensor, made: Tensor) -> str | None:
    """The name of the function that made `made` of `given`, shapes aside; None if it is none of the known.

    Leaky ReLUs of any slope count as such.
    """
    if given.numel() != made.numel() or not made.is_floating_point() or not given.is_floating_point():
        return None
    flat, target = given.reshape(-1), made.reshape(-1)
    if not (torch.isfinite(flat).all() and torch.isfinite(target).all()):
        return None
    for name, function in KNOWN.items():
        if _agree(function(flat), target):
            return name
    for name, along in ALONG_AN_AXIS.items():
        if any(_agree(along(given, axis).reshape(-1), target) for axis in range(given.dim())):
            return name
    return "LeakyReLU" if _is_leaky(flat, target) else None


def _agree(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-5, atol=1e-6)


def _is_leaky(given: Tensor, made: Tensor) -> bool:
    negative = given < -1e-3
    if not negative.any() or not _agree(
        made[~negative], given[~negative].where(given[~negative] > 0, made[~negative])
    ):
        return False
    slopes = made[negative] / given[negative]
    return bool((slopes.max() - slopes.min()).abs() < 1e-4 and 0 < float(slopes.mean()) < 1)
