"""The operators that a student's model may be made of, and how much memory each is going to take.

Names are ATen's, without overload and in-place mark (`addmm`, `relu`). An operator that is not in these
tables is not run. Kernels that trust the sizes they are given (the normalisations, dropout) are not called:
what they compute is written here with operators that check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from grader.evidence.operator_names import ALLOWED, IN_PLACE, MATRIX_PRODUCTS

Kernel = Callable[..., Any]


ELEMENTS_PER_PIECE = 5000
"""What a tensor object costs, counted as elements: a tensor may be cut into 10 000 pieces."""


@lru_cache(maxsize=512)
def kernel_for(op: str) -> Kernel:
    """What runs the operator of this full name, `aten.relu_.default`. Raises `KeyError` if not allowed."""
    namespace, name, overload = op.split(".")
    in_place = name.endswith("_") and not name.endswith("__")
    base = name[:-1] if in_place else name
    if namespace != "aten" or base not in (IN_PLACE if in_place else ALLOWED):
        raise KeyError(op)
    packet = getattr(torch.ops.aten, name, None)
    if packet is None or overload not in packet.overloads() or "Dimname" in overload or "names" in overload:
        raise KeyError(op)
    checked = CHECKED_KERNELS.get(base)
    if checked is None and not _is_pure_tensor_work(getattr(packet, overload)._schema, in_place):
        raise KeyError(op)
    kernel: Kernel = checked or getattr(packet, overload)
    return kernel


def _is_pure_tensor_work(schema: Any, in_place: bool) -> bool:
    """Whether it gives tensors only and fills none that it is given but, in place, the first.

    Otherwise it is an `out` variant, or one of TorchScript's operators on lists, text and numbers.
    """
    if any(str(given.type) not in ("Tensor", "List[Tensor]") for given in schema.returns):
        return False
    written = [argument.name for argument in schema.arguments if argument.is_write]
    return written == (["self"] if in_place else [])


def planned_elements(base: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """An upper bound of the elements that a step makes, for products also of its multiplications / 1000.

    Raises almost anything where the arguments do not fit the operator.
    """
    if base in SIZES:
        return SIZES[base](*args, **kwargs)
    return _broadcast_elements(_tensors([args, list(kwargs.values())]))


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


def _broadcast_elements(tensors: list[Tensor]) -> int:
    try:
        return math.prod(np.broadcast_shapes(*(tuple(tensor.shape) for tensor in tensors)))
    except ValueError:
        return sum(tensor.numel() for tensor in tensors)


def _product_elements(*operands: Any, **_: Any) -> int:
    """Of a matrix product whose two factors are the last two tensors among its arguments."""
    left, right = _tensors(operands)[-2:]
    rows = left.shape[-2] if left.dim() > 1 else 1
    columns = right.shape[-1] if right.dim() > 1 else 1
    batches = math.prod(np.broadcast_shapes(tuple(left.shape[:-2]), tuple(right.shape[:-2])))
    made: int = batches * rows * columns
    return max(made, made * left.shape[-1] // 1000)


def _linear_elements(data: Tensor, weight: Tensor, *_: Any) -> int:
    return _product_elements(data, weight.t())


def _convolution_elements(data: Tensor, weight: Tensor, *settings: Any, **_: Any) -> int:
    padding = sum(abs(int(item)) for item in settings[2])
    places = math.prod(size + 2 * padding for size in data.shape[2:])
    made: int = data.shape[0] * weight.shape[0] * places
    return max(made, made * math.prod(weight.shape[1:]) // 1000)


def _trilinear_shapes(one: Tensor, two: Tensor, three: Tensor, *dims: Any, **_: Any) -> int:
    grown = [_grown(tensor, where) for tensor, where in zip((one, two, three), dims[:3], strict=True)]
    return _broadcast_elements(grown)


def _cdist_elements(one: Tensor, two: Tensor, *_: Any) -> int:
    pairs = _broadcast_elements([one[..., :1], two[..., :1].transpose(-1, -2)])
    return max(pairs, pairs * one.shape[-1] // 1000)


def _index_elements(data: Tensor, indices: list[Tensor | None], *_: Any) -> int:
    given = [index for index in indices if index is not None]
    untouched = math.prod(size for size, index in zip(data.shape, indices, strict=False) if index is None)
    consumed = sum(1 if index is None or index.dtype != torch.bool else index.dim() for index in indices)
    return _broadcast_elements(given) * untouched * math.prod(data.shape[consumed:])


def _unbound_elements(data: Tensor, dim: int = 0) -> int:
    return max(data.numel(), data.shape[dim] * ELEMENTS_PER_PIECE)


def _split_elements(data: Tensor, size: int | list[int], dim: int = 0) -> int:
    pieces = len(size) if isinstance(size, list) else math.ceil(data.shape[dim] / size)
    return max(data.numel(), pieces * ELEMENTS_PER_PIECE)


def _chunk_elements(data: Tensor, chunks: int, _: int = 0) -> int:
    return max(data.numel(), chunks * ELEMENTS_PER_PIECE)


def _joined_elements(tensors: list[Tensor], *_: Any) -> int:
    return sum(tensor.numel() for tensor in tensors)


def _sized(size: Any, *_: Any, **__: Any) -> int:
    return math.prod(abs(int(side)) for side in size)


def _sized_second(_: Any, size: Any, *__: Any, **___: Any) -> int:
    return _sized(size)


def _range_elements(*bounds: Any, **_: Any) -> int:
    start, end, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    return math.ceil(abs((float(end) - float(start)) / float(step)))


def _padded_elements(data: Tensor, padding: list[int], *_: Any) -> int:
    return math.prod(size + sum(abs(int(pad)) for pad in padding) for size in data.shape)


SIZES: Mapping[str, Callable[..., int]] = {
    **dict.fromkeys(MATRIX_PRODUCTS, _product_elements),
    **dict.fromkeys(("zeros", "ones", "full", "empty"), _sized),
    **dict.fromkeys(("expand", "new_zeros", "new_ones", "new_full", "new_empty"), _sized_second),
    **dict.fromkeys(("cat", "stack"), _joined_elements),
    **dict.fromkeys(("split", "unsafe_split", "split_with_sizes"), _split_elements),
    **dict.fromkeys(("chunk", "unsafe_chunk"), _chunk_elements),
    "unbind": _unbound_elements,
    "linear": _linear_elements,
    "convolution": _convolution_elements,
    "_trilinear": _trilinear_shapes,
    "_cdist_forward": _cdist_elements,
    "index": _index_elements,
    "index_select": lambda data, dim, index: data.numel() // max(data.shape[dim], 1) * index.numel(),
    "embedding": lambda weight, index, *_: index.numel() * weight.shape[-1],
    "repeat": lambda data, repeats: data.numel() * _sized(repeats),
    "arange": _range_elements,
    "linspace": lambda start, end, steps, **_: abs(steps),
    "eye": lambda *sides, **_: abs(sides[0] * sides[-1]),
    "constant_pad_nd": _padded_elements,
}
"""For each operator whose result may be larger than its operands broadcast: a bound, from its arguments."""


def _batch_norm(
    data: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Any, variance: Any, *rest: Any
) -> tuple[Tensor, None, None]:
    training, eps = rest[0], rest[-1]
    if training or mean is None or variance is None:
        axes = [0, *range(2, data.dim())]
        mean, variance = data.mean(axes), data.var(axes, correction=0)
    return _scaled_and_shifted(data, mean, (variance + eps).rsqrt(), weight, bias), None, None


def _batch_norm_in_eval(
    data: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Any,
    variance: Any,
    momentum: float,
    eps: float,
) -> tuple[Tensor, None, None]:
    return _batch_norm(data, weight, bias, mean, variance, False, momentum, eps)


def _batch_norm_of_batch(
    data: Tensor, weight: Tensor | None, bias: Tensor | None, training: bool, momentum: float, eps: float
) -> tuple[Tensor, None, None]:
    return _batch_norm(data, weight, bias, None, None, training, momentum, eps)


def _legit_batch_norm(data: Tensor, weight: Tensor | None, bias: Tensor | None, *rest: Any) -> Any:
    return (_batch_norm if len(rest) == 5 else _batch_norm_of_batch)(data, weight, bias, *rest)


def _scaled_and_shifted(
    data: Tensor, mean: Tensor, scale: Tensor, weight: Tensor | None, bias: Tensor | None
) -> Tensor:
    shape = [1, -1] + [1] * (data.dim() - 2)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    return torch.addcmul(shift.reshape(shape), data, scale.reshape(shape))


def _layer_norm(
    data: Tensor, shape: list[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, None, None]:
    return functional.layer_norm(data, shape, weight, bias, eps), None, None


def _group_norm(
    data: Tensor, weight: Any, bias: Any, rows: int, channels: int, places: int, groups: int, eps: float
) -> tuple[Tensor, None, None]:
    normed = functional.group_norm(data.reshape(rows, channels, places), groups, weight, bias, eps)
    return normed.reshape(data.shape), None, None


def _untouched(data: Tensor, _: float, training: bool | None = False) -> Any:
    if training:
        raise ValueError("dropout that is still at work")
    return data


def _native_dropout(data: Tensor, share: float, training: bool | None) -> tuple[Tensor, None]:
    return _untouched(data, share, training), None


def _grown(tensor: Tensor, dims: list[int]) -> Tensor:
    for dim in dims:
        tensor = tensor.unsqueeze(dim)
    return tensor


def _trilinear(
    one: Tensor, two: Tensor, three: Tensor, grow_one: list[int], grow_two: list[int], grow_three: list[int],
    summed: list[int], *_: Any,
) -> Tensor:  # fmt: skip
    product = _grown(one, grow_one) * _grown(two, grow_two) * _grown(three, grow_three)
    return product.sum(summed) if summed else product


def _negative_slope(
    data: Tensor, noise: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Any:
    if training:
        raise ValueError("an activation that draws random numbers")
    return functional.leaky_relu(data, (lower + upper) / 2)


def _weight_norm(direction: Tensor, length: Tensor, dim: int = 0) -> tuple[Tensor, Tensor]:
    others = [axis for axis in range(direction.dim()) if axis != dim]
    norm = direction.square().sum(others, keepdim=True).sqrt()
    return direction * (length / norm), norm


CHECKED_KERNELS: Mapping[str, Kernel] = {
    "native_batch_norm": _batch_norm,
    "cudnn_batch_norm": _batch_norm,
    "miopen_batch_norm": _batch_norm,
    "_native_batch_norm_legit": _legit_batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm_in_eval,
    "_batch_norm_no_update": _batch_norm_in_eval,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "dropout": _untouched,
    "feature_dropout": _untouched,
    "alpha_dropout": _untouched,
    "native_dropout": _native_dropout,
    "_trilinear": _trilinear,
    "_weight_norm_interface": _weight_norm,
    "rrelu_with_noise": _negative_slope,
    "_softmax": lambda data, dim, _: torch.softmax(data, dim),
    "_log_softmax": lambda data, dim, _: torch.log_softmax(data, dim),
    "_prelu_kernel": lambda data, slope: torch.where(data > 0, data, slope * data),
    "_cdist_forward": lambda one, two, power, _: torch.cdist(one, two, p=power),
    "embedding": lambda weight, index, *_: weight[index],
    "view": lambda data, shape: data.reshape(shape),
    "_unsafe_view": lambda data, shape: data.reshape(shape),
    "empty": lambda size, **options: torch.zeros(size, dtype=options.get("dtype")),
    "empty_like": lambda data, **options: torch.zeros_like(data, dtype=options.get("dtype")),
    "new_empty": lambda data, size, **options: data.new_zeros(size, dtype=options.get("dtype")),
    "scalar_tensor": lambda value, **options: torch.tensor(value, dtype=options.get("dtype")),
}
