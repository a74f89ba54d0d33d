"""Limits of single processes, set by a process upon itself before the student's code."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path

_OURS = 16
"""Threads that the kernel may yet start beside those it has and what a submission may."""


def limit(limits: Mapping[str, float]) -> None:
    """Lower what is named, for this process and all that it starts.

    Args:
        limits: `processes`, `file_bytes`, `open_files`, `cpu_s`, each where it is to be held.
    """
    _lower(resource.RLIMIT_CORE, 0)
    for name in ("RLIMIT_MSGQUEUE", "RLIMIT_RTPRIO", "RLIMIT_NICE", "RLIMIT_MEMLOCK"):
        _lower(getattr(resource, name), 0)
    if "processes" in limits:
        _lower(resource.RLIMIT_NPROC, _tasks_of_this_user() + _OURS + int(limits["processes"]))
    if "file_bytes" in limits:
        _lower(resource.RLIMIT_FSIZE, int(limits["file_bytes"]))
    if "open_files" in limits:
        _lower(resource.RLIMIT_NOFILE, int(limits["open_files"]))
    if "cpu_s" in limits:
        # At the first a process is told which limit it hit, a little later it is ended.
        _lower(resource.RLIMIT_CPU, math.ceil(time.process_time() + limits["cpu_s"]), more=5)


def _lower(which: int, value: int, more: int = 0) -> None:
    """Set a limit, the hard one a bit higher where asked; one that is lower already stays."""
    _, most = resource.getrlimit(which)
    with contextlib.suppress(ValueError, OSError):
        soft, hard = (
            kept if most == resource.RLIM_INFINITY else min(kept, most) for kept in (value, value + more)
        )
        resource.setrlimit(which, (soft, hard))


def _tasks_of_this_user() -> int:
    """Threads that count against this user's limit already; in a user namespace only its own are seen and count."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid():
                count += sum(1 for _ in (folder / "task").iterdir())
    return count
