"""Reads the folder that the recorder wrote into, which the student's code could write into as well."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np

from grader.errors import UntrustedData
from grader.execute.tensor_file import unpack

EVENTS_FILE = "events.jsonl"
TENSOR_FILES = "tensors-*.safetensors"

_MOST_EVENTS = 200_000
_MOST_FILES = 256
_MOST_PROBLEMS = 20

Event = dict[str, Any]
Tensors = dict[str, np.ndarray[Any, Any]]


def read_recording_folder(folder: Path, cap: int) -> tuple[tuple[Event, ...], Tensors, tuple[str, ...]]:
    """Events and tensors of a recording, as far as they are sound.

    Args:
        folder: what the recorder was given to write into; may be empty after an early death.
        cap: bytes to read at most, events and tensors together.

    Returns:
        The events in their order, the arrays by name, and a sentence for each thing that was no good.
    """
    problems: list[str] = []
    budget = _Budget(cap)
    if folder.is_symlink():
        return (), {}, ("the recorder's folder was replaced by a link; nothing was read",)
    events = _read_events(folder / EVENTS_FILE, budget, problems)
    tensors: Tensors = {}
    for path in sorted(folder.glob(TENSOR_FILES))[:_MOST_FILES]:
        try:
            tensors.update(unpack(budget.read(path)))
        except UntrustedData as error:
            problems.append(f"{path.name}: {error}")
    return tuple(events), tensors, _shortened(problems)


class _Budget:
    """Bytes that may still be read."""

    def __init__(self, cap: int) -> None:
        self.left = cap

    def read(self, path: Path, *, cut: bool = False) -> bytes:
        """A regular file's content, never through a link.

        Raises:
            UntrustedData: it is something else, or does not fit (unless it may be `cut`).
        """
        content = _regular_bytes(path, self.left + 1)
        if len(content) > self.left:
            if not cut:
                raise UntrustedData("larger than the recording may be; it was not read")
            content = content[: self.left]
        self.left -= len(content)
        return content


def _regular_bytes(path: Path, most: int) -> bytes:
    try:
        # Without O_NONBLOCK a named pipe would hold us up for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UntrustedData(f"cannot be read ({error.strerror})") from error
    # Python's file objects refuse a folder before it can be asked what it is.
    regular = stat.S_ISREG(os.fstat(handle).st_mode)
    if not regular:
        os.close(handle)
        raise UntrustedData("is no regular file")
    with os.fdopen(handle, "rb") as file:
        return file.read(most)


def _read_events(path: Path, budget: _Budget, problems: list[str]) -> list[Event]:
    try:
        content = budget.read(path, cut=True)
    except UntrustedData as error:
        problems.append(f"{path.name}: {error}")
        return []
    if budget.left == 0:
        problems.append(f"{path.name}: larger than the recording may be; the rest was not read")
    lines = content.split(b"\n")
    if len(lines) > _MOST_EVENTS:
        problems.append(f"{path.name}: more than {_MOST_EVENTS} events; the rest was not read")
    return _parsed(path.name, lines[:_MOST_EVENTS], problems)


def _parsed(name: str, lines: list[bytes], problems: list[str]) -> list[Event]:
    events = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            events.append(event)
        else:
            problems.append(f"{name}: line {number} is no event")
    return events


def _shortened(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - _MOST_PROBLEMS
    return (*problems[:_MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else []))
