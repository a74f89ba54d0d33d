"""Looking at processes, of this one's family and on the whole machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
from collections.abc import Callable
from pathlib import Path

SOON_S = 30.0
"""For what happens at once on an idle machine."""


def launchers() -> list[int]:
    """Those that this process started."""
    return [process for process in children_of(os.getpid()) if b"grader.launcher" in command(process)]


def sleepers(seconds: str) -> list[int]:
    """Processes that sleep for so long, on the whole machine: in a sandbox they have other numbers."""
    return [process for process in processes() if command(process).startswith(b"sleep\0" + seconds.encode())]


def processes() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def command(process: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def children_of(parent: int) -> list[int]:
    found = []
    for process in processes():
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(status[1]) == parent and status[0] != "Z":
                found.append(process)
    return found


def descendants_of(parent: int) -> list[int]:
    children = children_of(parent)
    return children + [process for child in children for process in descendants_of(child)]


def ends(process: int, seconds: float = SOON_S) -> bool:
    """Whether a process has ended or does so soon."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def wait_for(condition: Callable[[], object]) -> bool:
    """Look again and again until something holds, for two minutes at most."""

    async def looking() -> bool:
        async with asyncio.timeout(120):
            while not condition():
                await asyncio.sleep(0.05)
        return True

    with contextlib.suppress(TimeoutError):
        return asyncio.run(looking())
    return False
