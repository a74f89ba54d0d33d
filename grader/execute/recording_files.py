"""Reads the folder that the recorder wrote into, which the student's code could write into as well.

Names are known beforehand and opened one by one below a descriptor of their folder: nothing is listed, however many
names lie there, and no link is followed. What is not a regular file is not even opened.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from grader.errors import UntrustedData
from grader.execute.tensor_file import unpack

EVENTS_FILE = "events.jsonl"
TENSOR_FILES = "tensors-{number}.safetensors"
"""Numbered from 0 as they were written."""

_MOST_EVENTS = 200_000
_MOST_EVENT_BYTES = 16 * 1024**2
_LONGEST_EVENT = 2 * 1024**2
"""Bytes; parsed, a line of nothing but brackets takes twenty times its length. A thousand epochs take half of one."""
_MOST_FILES = 1024
_MOST_PROBLEMS = 20

Event = dict[str, Any]
Tensors = dict[str, np.ndarray[Any, Any]]


def read_recording_folder(folder: Path, cap: int) -> tuple[tuple[Event, ...], Tensors, tuple[str, ...]]:
    """Events and tensors of a recording, as far as they are sound.

    Args:
        folder: what the recorder was given to write into; may be empty after an early death. Its parent is the
            grader's own; below a descriptor (`/proc/self/fd/7/…`) only the descriptor is.
        cap: bytes to read at most, events and tensors together.

    Returns:
        The events in their order, the arrays by name, and a sentence for each thing that was no good.
    """
    problems: list[str] = []
    tensors: Tensors = {}
    events: list[Event] = []
    try:
        with _opened(folder) as descriptor:
            budget = _Budget(descriptor, cap)
            events = _read_events(budget, problems)
            for number in range(_MOST_FILES):
                _read_tensors(TENSOR_FILES.format(number=number), budget, tensors, problems)
    except FileNotFoundError:
        pass
    except OSError as error:
        problems.append(f"the recorder's folder cannot be opened ({error.strerror}); nothing was read")
    return tuple(events), tensors, _shortened(problems)


def read_regular_file(path: Path, most: int) -> bytes:
    """A file that untrusted code could have replaced by anything, links in the way to it included.

    Args:
        path: as for `read_recording_folder`: its folder's parent, or the descriptor that it begins with, is trusted.
        most: bytes.

    Raises:
        UntrustedData: it is not there, no regular file, or larger.
    """
    try:
        with _opened(path.parent) as folder:
            content = _regular_bytes(folder, path.name, most)
    except OSError as error:
        raise UntrustedData(f"cannot be read ({error.strerror})") from error
    if content is None:
        raise UntrustedData("is not there")
    if len(content) > most:
        raise UntrustedData("is larger than it may be")
    return content


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A descriptor of the folder; only in the part of its path that is the grader's own, links are followed.

    Raises:
        OSError: something on the way is a link, no folder, or may not be entered.
    """
    trusted, names = _parted(folder)
    descriptor = os.open(trusted, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in names:
            above = descriptor
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
            os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


def _parted(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """The trusted beginning of a path, and the names below it: `/proc/self/fd/7` and `("record",)`."""
    parts = folder.parts
    if len(parts) >= 5 and parts[:2] == ("/", "proc") and parts[3] == "fd":
        return Path(*parts[:5]), parts[5:]
    return folder.parent, (folder.name,)


class _Budget:
    """Bytes that may still be read from a folder."""

    def __init__(self, folder: int, cap: int) -> None:
        self._folder = folder
        self.left = cap

    def read(self, name: str) -> bytes | None:
        """A regular file's content, never through a link; None where there is no such name.

        Raises:
            UntrustedData: it is something else, or does not fit.
        """
        content = _regular_bytes(self._folder, name, self.left)
        if content is not None and len(content) > self.left:
            raise UntrustedData("larger than the recording may be; it was not read")
        self.left -= len(content or b"")
        return content

    def beginning(self, name: str, most: int) -> tuple[bytes, bool]:
        """The same of a file's beginning, and whether there is more of it.

        Raises:
            UntrustedData: it is something else.
        """
        most = min(most, self.left)
        content = _regular_bytes(self._folder, name, most) or b""
        self.left -= min(len(content), most)
        return content[:most], len(content) > most


def _regular_bytes(folder: int, name: str, most: int) -> bytes | None:
    """At most one byte more than `most`, which tells that there are more; None where there is no such name."""
    try:
        # Asked first: to open a device may do something.
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise UntrustedData("is no regular file")
        # Asked again, as it may be another one by now; without O_NONBLOCK a named pipe would hold us up for ever.
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UntrustedData(f"cannot be read ({error.strerror})") from error
    # Python's file objects refuse a folder before it can be asked what it is.
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise UntrustedData("is no regular file")
    with os.fdopen(handle, "rb") as file:
        # A reader reserves what it is asked for.
        return file.read(min(most, status.st_size) + 1)


def _read_tensors(name: str, budget: _Budget, tensors: Tensors, problems: list[str]) -> None:
    try:
        content = budget.read(name)
        if content is not None:
            tensors.update(unpack(content))
    except UntrustedData as error:
        problems.append(f"{name}: {error}")


def _read_events(budget: _Budget, problems: list[str]) -> list[Event]:
    try:
        content, more = budget.beginning(EVENTS_FILE, _MOST_EVENT_BYTES)
    except UntrustedData as error:
        problems.append(f"{EVENTS_FILE}: {error}")
        return []
    if more:
        problems.append(f"{EVENTS_FILE}: larger than the recording may be; the rest was not read")
    # No further: millions of short lines take twenty times their bytes.
    lines = content.split(b"\n", _MOST_EVENTS)
    if len(lines) > _MOST_EVENTS:
        problems.append(f"{EVENTS_FILE}: more than {_MOST_EVENTS} events; the rest was not read")
    return _parsed(EVENTS_FILE, lines[:_MOST_EVENTS], problems)


def _parsed(name: str, lines: list[bytes], problems: list[str]) -> list[Event]:
    events = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line) if len(line) <= _LONGEST_EVENT else None
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
