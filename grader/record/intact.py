"""Knows whether torch's functions are still those that the recorder put in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim import optimizer as optimizer_module

_WATCHED: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("torch.autograd", torch.autograd, ("backward", "grad")),
    ("torch.optim.Optimizer", Optimizer, ("__init__", "zero_grad")),
    ("torch.nn.Module", nn.Module, ("__call__", "__init__")),
    ("torch", torch, ("eq",)),
    ("torch.Tensor", torch.Tensor, ("eq", "__eq__", "backward")),
)


class IntactWatch:
    """Remembers the functions as they stand when every watch is in place; make it last."""

    def __init__(self) -> None:
        self._expected = {
            f"{spelt}.{name}": (owner, name, getattr(owner, name))
            for spelt, owner, names in _WATCHED
            for name in names
        }
        self._hooks = set(optimizer_module._global_optimizer_pre_hooks)

    def altered(self) -> Sequence[str]:
        """The functions that are others by now."""
        found = [
            spelt
            for spelt, (owner, name, value) in self._expected.items()
            if getattr(owner, name, None) is not value
        ]
        gone = self._hooks - set(optimizer_module._global_optimizer_pre_hooks)
        return [*found, "torch.optim.optimizer's global hooks"] if gone else found
