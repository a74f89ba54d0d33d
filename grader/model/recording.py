"""What came out of the student's process: untrusted, size-capped, not yet understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """What a submission may use; the assignment's data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell_s: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    """Wall time of one cell, seconds."""
    submission_s: float = Field(default=600.0, gt=0, allow_inf_nan=False)
    """Wall time of all cells together, seconds."""
    cpu_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Processor time of each process, seconds; None for twice `submission_s`."""
    memory_bytes: int = Field(default=2 * 1024**3, gt=0)
    """Bytes beyond what the imports take."""
    processes: int = Field(default=64, gt=0)
    """Processes and threads at one time."""
    open_files: int = Field(default=256, gt=0)
    """Descriptors that one process has open at one time."""
    file_bytes: int = Field(default=256 * 1024**2, gt=0)
    """Bytes of one file."""
    disk_bytes: int = Field(default=512 * 1024**2, gt=0)
    """Bytes of all files in the scratch folder together."""
    output_chars: int = Field(default=1_000_000, gt=0)
    """Characters of text kept per cell."""
    figures: int = Field(default=200, ge=0)
    """Images kept per submission."""
    recording_bytes: int = Field(default=64 * 1024**2, gt=0)
    """Bytes of events and tensors together."""

    @property
    def processor_s(self) -> float:
        """Processor time that each process may take, seconds."""
        return 2 * self.submission_s if self.cpu_s is None else self.cpu_s


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
