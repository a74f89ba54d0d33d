"""Reads the autograd graph of a loss: which operations made it, from which targets, down to which parameters."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch

_MOST_NODES = 400
_LAYER_NODES = ("AddmmBackward", "MmBackward", "ConvolutionBackward", "LinearBackward", "BmmBackward")
_SAVED = ("_saved_self", "_saved_target", "_saved_other", "_saved_result")


def walk(loss: torch.Tensor) -> list[Any]:
    """The graph's nodes, breadth first from the loss; at most 400."""
    if loss.grad_fn is None:
        return []
    seen = {loss.grad_fn}
    queue = deque([loss.grad_fn])
    found: list[Any] = []
    while queue and len(found) < _MOST_NODES:
        node = queue.popleft()
        found.append(node)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                queue.append(following)
    return found


def leaves(nodes: list[Any]) -> list[torch.Tensor]:
    """The tensors in which gradients will be accumulated."""
    return [
        node.variable for node in nodes if not node.next_functions and node.name().endswith("AccumulateGrad")
    ]


def contains(loss: torch.Tensor, target: Any) -> bool:
    """Whether the graph node `target` lies close behind the loss (within 60 nodes)."""
    if loss.grad_fn is None:
        return False
    seen, queue = {loss.grad_fn}, deque([loss.grad_fn])
    for _ in range(60):
        if not queue:
            return False
        node = queue.popleft()
        if node is target:
            return True
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                queue.append(following)
    return False


def head(loss: torch.Tensor) -> list[dict[str, Any]]:
    """The operations between the loss and the last layer, nearest to the loss first, with shapes of what they saved.

    Each entry: `op` (node name), `saved` (name → shape and dtype), `depends` (which of its operands gradients
    flow into).
    """
    if loss.grad_fn is None:
        return []
    seen, queue = {loss.grad_fn}, deque([loss.grad_fn])
    ops: list[dict[str, Any]] = []
    while queue and len(ops) < 40:
        node = queue.popleft()
        name = node.name()
        ops.append(
            {
                "op": name.rsplit("::", 1)[-1],
                "saved": _saved_shapes(node),
                "depends": [following is not None for following, _ in node.next_functions],
            }
        )
        if name.rsplit("::", 1)[-1].startswith(_LAYER_NODES):
            continue
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                queue.append(following)
    return ops


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
