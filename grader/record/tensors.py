"""Looks at many tensors at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from grader.record.run import SNAPSHOT_ELEMENTS


def flat(parameters: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """All parameters in one row, copied; None for a model without any."""
    if not parameters or sum(parameter.numel() for parameter in parameters) > SNAPSHOT_ELEMENTS:
        return None
    return torch.cat([parameter.detach().reshape(-1).double() for parameter in parameters])


def gradient_size(parameters: Sequence[torch.Tensor]) -> float | None:
    """The largest absolute gradient; None where no parameter holds one."""
    gradients = [parameter.grad for parameter in parameters]
    sizes = [
        float(gradient.abs().max()) for gradient in gradients if gradient is not None and gradient.numel()
    ]
    return max(sizes) if sizes else None


def together(parts: list[Any]) -> torch.Tensor | None:
    """The rows of all parts one after another, flattened to two dimensions at most."""
    usable = [part.detach() for part in parts if isinstance(part, torch.Tensor) and part.ndim]
    if not usable:
        return None
    width = usable[0].shape[1:]
    return torch.cat([part for part in usable if part.shape[1:] == width])
