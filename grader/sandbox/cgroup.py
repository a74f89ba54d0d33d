"""Control groups, version 2: the kernel itself holds the memory and the number of all processes of a sandbox.

Source: the kernel's Documentation/admin-guide/cgroup-v2.rst, cgroups(7). Only files are read and written, so there is
nothing a library could do better. Nothing is switched on for the machine: where no group hands `memory` and `pids`
on, the reason says so.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
_NEEDED = frozenset({"memory", "pids"})
_PATIENCE_S = 2.0
"""How long killed processes may take to be gone."""
_LOOK_AGAIN_MS = 20


@dataclass(frozen=True)
class Cgroup:
    """One group. Pages that a process shares with the one it was forked from are charged to that one's group."""

    folder: Path

    @classmethod
    def make(cls, parent: Path, name: str, memory_bytes: int, processes: int) -> Self:
        """An empty group in which all are killed together when memory runs out, and nothing is swapped.

        Args:
            parent: as `find` gave it.
            name: of a folder that does not exist yet.
            memory_bytes: of all its processes, with what they write to a tmpfs and the file cache, which gives way.
            processes: how many there may be at once, threads counted.

        Raises:
            OSError: it cannot be made; nothing of it is left then.
        """
        group = cls(parent / name)
        group.folder.mkdir()
        try:
            group._limit(memory_bytes, processes)
        except BaseException:
            group.folder.rmdir()
            raise
        return group

    def enter(self, pid: int) -> None:
        """Move a process in, all its threads with it; children it has already stay where they are.

        Raises:
            OSError: no such process, or not ours to move.
        """
        _write(self.folder / "cgroup.procs", pid)

    def kill(self) -> None:
        """End every process in it and wait for that, 2 s at most; a group that is gone is no error.

        Raises:
            OSError: a process is not ours to end.
        """
        if not self.folder.exists():
            return
        if (self.folder / "cgroup.kill").exists():
            _write(self.folder / "cgroup.kill", 1)
        else:
            # Before Linux 5.14 one by one, and none may be added meanwhile.
            _write(self.folder / "pids.max", 0)
        for pids in self._until_empty():
            _end(pids)

    def remove(self) -> None:
        """End what is in it and take it away; a group that is gone is no error.

        Raises:
            OSError: something in it does not end (EBUSY).
        """
        self.kill()
        with contextlib.suppress(FileNotFoundError):
            self.folder.rmdir()

    def events(self) -> dict[str, int]:
        """How often its limits were hit: `oom_kill`, processes ended for lack of memory; `pids_max`, refused forks."""
        memory, pids = (_counts(self.folder / f"{name}.events") for name in ("memory", "pids"))
        return {"oom_kill": memory.get("oom_kill", 0), "pids_max": pids.get("max", 0)}

    def _limit(self, memory_bytes: int, processes: int) -> None:
        _write(self.folder / "memory.max", memory_bytes)
        _write(self.folder / "memory.oom.group", 1)
        _write(self.folder / "pids.max", processes)
        # Not there where the kernel cannot swap.
        with contextlib.suppress(FileNotFoundError):
            _write(self.folder / "memory.swap.max", 0)

    def _until_empty(self) -> Iterator[list[int]]:
        """The processes in it, again and again while there are any and patience lasts."""
        patience = time.monotonic() + _PATIENCE_S
        with (self.folder / "cgroup.events").open("rb") as events:
            change = select.poll()
            change.register(events, select.POLLPRI)
            while (pids := self._pids()) and time.monotonic() < patience:
                yield pids
                change.poll(_LOOK_AGAIN_MS)

    def _pids(self) -> list[int]:
        return [int(pid) for pid in (self.folder / "cgroup.procs").read_text().split()]


def find(root: Path = ROOT, own: Path = OWN) -> Path | None:
    """A group in which groups for memory and processes can be made and entered; None without."""
    return offered(root, own)[0]


def offered(root: Path = ROOT, own: Path = OWN) -> tuple[Path | None, str]:
    """What `find` finds, or why it finds nothing and what helps.

    Args:
        root: where control groups are mounted.
        own: which groups this process is in, as in /proc/self/cgroup.
    """
    mounted = _hierarchy(root)
    if mounted is None:
        return None, f"no control groups of version 2 at {root}"
    if not _listed(mounted / "cgroup.controllers") >= _NEEDED:
        return None, (
            "control groups of version 2 are without memory and pids here: version 1 has them "
            "(systemd.unified_cgroup_hierarchy=1 on the kernel's command line changes it), or a container hides them"
        )
    problems = []
    for parent in _candidates(mounted, own):
        problem = _trial(parent)
        if problem is None:
            return parent, ""
        problems.append(f"{parent}: {problem}")
    return None, "; ".join(problems) + "; `systemd-run --user --scope` in front of the command may help"


def _hierarchy(root: Path) -> Path | None:
    """Where version 2 is mounted: at the root, or beside version 1."""
    places = (root, root / "unified")
    return next((place for place in places if (place / "cgroup.controllers").is_file()), None)


def _candidates(mounted: Path, own: Path) -> tuple[Path, ...]:
    """The group around ours, since ours holds processes and so may have no limited groups in it; then the topmost."""
    lines = own.read_text().splitlines() if own.is_file() else []
    path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    # Outside what this mount shows, as a process sees it that was moved into a container.
    if not path or ".." in Path(path).parts:
        return (mounted,)
    return tuple(dict.fromkeys(((mounted / path).parent, mounted)))


def _trial(parent: Path) -> str | None:
    """Make a group, move a process into it, take it away. Returns what went wrong."""
    if not _listed(parent / "cgroup.subtree_control") >= _NEEDED:
        return "does not hand memory and pids on (cgroup.subtree_control)"
    try:
        group = Cgroup.make(parent, f"grade-trial-{os.getpid()}", 1 << 26, 2)
        try:
            with _waiting_child() as child:
                group.enter(child)
        finally:
            group.remove()
    except OSError as error:
        return error.strerror or str(error)
    return None


@contextlib.contextmanager
def _waiting_child() -> Iterator[int]:
    """The id of a process that does nothing and ends with the context, or with us."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    os.close(reading)
    try:
        yield child
    finally:
        os.close(writing)
        os.waitpid(child, 0)


def _end(pids: list[int]) -> None:
    for pid in pids:
        # A process of an outer pid namespace is listed as 0, which would mean our own process group.
        if pid > 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _write(file: Path, value: int) -> None:
    """One number into one of the kernel's files; none is created."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def _listed(file: Path) -> set[str]:
    """Words in a file; none if it cannot be read."""
    try:
        return set(file.read_text().split())
    except OSError:
        return set()


def _counts(file: Path) -> dict[str, int]:
    """Lines of a name and a number; none if the file cannot be read."""
    try:
        lines = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) for words in lines}
