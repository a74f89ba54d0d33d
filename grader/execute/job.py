"""What is asked of a kernel, beside the submission itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from grader.errors import UsageError
from grader.model.recording import Limits

Device = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Job:
    """One execution: its limits, its seed, its device, and what lies in the scratch folder."""

    limits: Limits = field(default_factory=Limits)
    seed: int = 42
    device: Device = "cpu"
    support: tuple[Path, ...] = ()
    """Helper files of the assignment; a student's own file of the same name wins over them."""
    exercise_of_cell: Mapping[int, int | None] = field(default_factory=dict)
    """Exercise of each code cell, as far as markers tell; the random states start afresh at each exercise."""
    probes: Callable[[], Mapping[str, np.ndarray[Any, Any]]] = dict
    """Gives unlabelled rows by dataset id, (rows, features), to ask models that cannot be exported; called while
    the kernel starts."""
    turns: tuple[Mapping[str, Any], ...] = ()
    """For a probe: generators whose data is turned, each `generator`, `matrix`, `highest`."""
    operators: frozenset[str] = frozenset()
    """Operators that an exported model may use; one that uses others is asked instead. Empty: any."""


def require_device(device: Device) -> None:
    """Make sure that this machine has the device.

    Raises:
        UsageError: it has not.
    """
    if device == "cpu":
        return
    # The import costs seconds, and only a job that leaves the CPU has the question.
    import torch

    present = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    if not present:
        raise UsageError(f"--device {device} was asked for, but PyTorch finds no such device on this machine")
