"""What came out of the student's process: untrusted, size-capped, not yet understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict


class Limits(BaseModel):
    """What a submission may use; the assignment's data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell_s: float = 120.0
    submission_s: float = 600.0
    memory_bytes: int = 2 * 1024**3
    """Beyond what the imports take."""
    output_chars: int = 1_000_000
    """Text kept per cell."""
    figures: int = 200
    """Images kept per submission."""
    recording_bytes: int = 64 * 1024**2
    """Events and tensors together."""


class Output(BaseModel):
    """One thing a cell put on the screen."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["stdout", "stderr", "display", "result"]
    text: str = ""
    """Plain text; for a display without any, empty."""
    png_base64: str | None = None


class CellError(BaseModel):
    """The exception that ended a cell."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Class name, `RuntimeError`."""
    message: str
    traceback: str = ""
    """Plain text, no colour codes."""
    line: int | None = None
    """1-based line within the cell at which it surfaced."""


class CellRun(BaseModel):
    """How one code cell went."""

    model_config = ConfigDict(frozen=True)

    number: int
    status: Literal["ok", "error", "timeout", "died", "not_run"]
    outputs: tuple[Output, ...] = ()
    error: CellError | None = None
    seconds: float = 0.0
    note: str | None = None
    """What was neutralised or cut in this cell, a sentence for the report."""


@dataclass(frozen=True)
class Recording:
    """One execution of one submission."""

    cells: tuple[CellRun, ...]
    """One for each code cell, in order; those that never ran say `not_run`."""
    events: tuple[dict[str, Any], ...]
    """What the recorder wrote, oldest first; any field may be a lie."""
    tensors: dict[str, np.ndarray[Any, Any]]
    """Arrays that events refer to by name."""
    seed: int
    device: str
    versions: dict[str, str]
    """`python`, `torch`, `platform` of the student's process."""
    kernel: str = "cold"
    sandbox: tuple[str, ...] = ()
    seconds: float = 0.0
    """Wall time of the student's cells together."""
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Damage found while reading it: events that are no JSON, tensors over the cap."""
    probe: Recording | None = None
    """The same submission on turned data, where its results looked independent of the data."""
    reruns: tuple[Recording, ...] = field(default=())
    """The same submission under other seeds, where a sound loop fell short."""
