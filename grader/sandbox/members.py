"""The processes of one sandbox, as its warden sees them in /proc."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

_PASSES = 50
"""Rounds of killing: who forks meanwhile is met in the next one, and their number is limited."""

_KERNEL_LISTS = Path("/proc/thread-self/children")
"""There where the kernel was built with them (CONFIG_PROC_CHILDREN), as nearly all are."""

Members = Callable[[], list[int]]
"""Gives the process ids of a sandbox, its warden left out."""


def all_but_me() -> list[int]:
    """Every process of this pid namespace but its first, which asks."""
    return [process for process, _ in _living() if process != os.getpid()]


def descendants() -> list[int]:
    """Every process that came from this one: orphans as well, since a subreaper inherits them."""
    if _KERNEL_LISTS.exists():
        return _below(os.getpid())
    parents = dict(_living())
    family, grown = {os.getpid()}, True
    while grown:
        more = {process for process, parent in parents.items() if parent in family} - family
        grown = bool(more)
        family |= more
    return sorted(family - {os.getpid()})


def kill(members: Members, spared: int | None = None) -> int:
    """End every member but one and reap what is left of them. Returns how many there were at first."""
    count = 0
    for attempt in range(_PASSES):
        found = [process for process in members() if process != spared]
        if not found:
            break
        count = count if attempt else len(found)
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        reap(spared)
    return count


def reap(spared: int | None) -> None:
    """Take leave of children that ended, one excepted whose end somebody else waits for."""
    for process in _children():
        if process != spared:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)


def kill_children_but(known: set[int]) -> None:
    """End and reap every child of this process that is none of the known ones, and what those leave behind."""
    kill(lambda: [child for child in _children() if child not in known])


def field(process: int, file: str, *names: str) -> int:
    """Sum of `Name: 12 kB` lines of a file in /proc, in bytes; 0 where the process is gone or hides."""
    try:
        lines = Path(f"/proc/{process}/{file}").read_bytes().splitlines()
    except OSError:
        return 0
    wanted = {name.encode() for name in names}
    return sum(int(line.split()[1]) * 1024 for line in lines if line.split(b":")[0] in wanted)


def _below(process: int) -> list[int]:
    """Those that have not ended, by the kernel's own lists; a machine's other processes are not looked at."""
    living = [child for child in _listed(process) if not _is_over(child)]
    return living + [grandchild for child in living for grandchild in _below(child)]


def _listed(process: int) -> list[int]:
    """Children by the kernel's own lists, ended ones included."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, thread.read_bytes().split())
    return found


def _is_over(process: int) -> bool:
    status = _status(process)
    return status is None or status[0] in (b"Z", b"X")


def _living() -> Iterator[tuple[int, int]]:
    """Process and parent of all that have not ended."""
    for process in _processes():
        status = _status(process)
        if status is not None and status[0] not in (b"Z", b"X"):
            yield process, int(status[1])


def _processes() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _children() -> list[int]:
    if _KERNEL_LISTS.exists():
        return _listed(os.getpid())
    own = str(os.getpid()).encode()
    return [process for process in _processes() if (status := _status(process)) and status[1] == own]


def _status(process: int) -> list[bytes] | None:
    """State, parent and so on of a process; its name, which may hold anything, is cut off before.

    In bytes: a process that has given up root may no longer reach the codecs that Python imports late.
    """
    try:
        content = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return None
    return content.rpartition(b")")[2].split()
