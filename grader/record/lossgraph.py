"""Reads the autograd graph of a loss: which operations made it, from which targets, down to which parameters."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import torch

_MOST_NODES = 400
_NEAR_NODES = 60
_HEAD_NODES = 40
_LAYER_NODES = ("AddmmBackward", "MmBackward", "ConvolutionBackward", "LinearBackward", "BmmBackward")
_SAVED = ("_saved_self", "_saved_target", "_saved_other", "_saved_result")


def _outward(loss: torch.Tensor, passed: Callable[[Any], bool] = lambda node: True) -> Iterator[Any]:
    """The graph's nodes, breadth first from the loss; what lies behind one is visited if that is `passed`."""
    if loss.grad_fn is None:
        return
    seen = {loss.grad_fn}
    queue = deque([loss.grad_fn])
    while queue:
        node = queue.popleft()
        yield node
        for following, _ in node.next_functions if passed(node) else ():
            if following is not None and following not in seen:
                seen.add(following)
                queue.append(following)


def walk(loss: torch.Tensor) -> list[Any]:
    """The graph's nodes, breadth first from the loss; at most 400."""
    return list(islice(_outward(loss), _MOST_NODES))


def leaves(nodes: list[Any]) -> list[torch.Tensor]:
    """The tensors in which gradients will be accumulated."""
    return [
        node.variable for node in nodes if not node.next_functions and node.name().endswith("AccumulateGrad")
    ]


def contains(loss: torch.Tensor, target: Any) -> bool:
    """Whether the graph node `target` lies close behind the loss (within 60 nodes)."""
    return any(node is target for node in islice(_outward(loss), _NEAR_NODES))


def head(loss: torch.Tensor) -> list[dict[str, Any]]:
    """The operations between the loss and the last layer, nearest to the loss first, with shapes of what they saved.

    Each entry: `op` (node name), `saved` (name → shape and dtype), `depends` (which of its operands gradients
    flow into).
    """
    return [
        {
            "op": _name(node),
            "saved": _saved_shapes(node),
            "depends": [following is not None for following, _ in node.next_functions],
        }
        for node in islice(_outward(loss, lambda node: not _name(node).startswith(_LAYER_NODES)), _HEAD_NODES)
    ]


def _name(node: Any) -> str:
    return str(node.name().rsplit("::", 1)[-1])


def target_of(loss: torch.Tensor) -> torch.Tensor | None:
    """The targets that a built-in loss saved for its gradient; None for a loss made of other operations."""
    node = loss.grad_fn
    for _ in range(4):  # a weighted or scaled loss has a few operations above it
        if node is None:
            return None
        try:
            target = getattr(node, "_saved_target", None)
        except RuntimeError:  # freed by an earlier backward
            return None
        if isinstance(target, torch.Tensor):
            return target
        node = node.next_functions[0][0] if node.next_functions else None
    return None


def _saved_shapes(node: Any) -> dict[str, Any]:
    shapes = {}
    for name in _SAVED:
        try:
            value = getattr(node, name, None)
        except RuntimeError:  # freed by an earlier backward
            continue
        if isinstance(value, torch.Tensor):
            shapes[name[7:]] = {"shape": list(value.shape), "dtype": str(value.dtype)}
    return shapes
