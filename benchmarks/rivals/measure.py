"""Wall and CPU seconds of a command and of every process that comes from it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# rusage would miss what nobody waits for, such as a kernel that ends together with its pid namespace; a cgroup counts
# every process. The subreaper inherits those whose parents are gone, so that the last has ended before it is read.
_REAPER = """
import ctypes, json, os, subprocess, sys, time
from pathlib import Path
answer, group, *command = sys.argv[1:]
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
if group:
    Path(group, "cgroup.procs").write_text(str(os.getpid()))
began = time.perf_counter()
status = subprocess.run(command).returncode
wall = time.perf_counter() - began
last = time.monotonic() + 30
while time.monotonic() < last:
    try:
        if os.waitpid(-1, os.WNOHANG) == (0, 0):
            time.sleep(0.02)
    except ChildProcessError:
        break
Path(answer).write_text(json.dumps({"wall": wall, "status": status}))
"""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LAST_LINES = 20


@dataclass(frozen=True)
class Used:
    """What a command took, in seconds."""

    wall: float
    cpu: float
    """Of all its processes; NaN where this machine gives us no cgroup to count in."""


class Failed(Exception):
    """A command ended with another status than 0, or did not do its work; says how it ended."""


def activated(commands: Path) -> dict[str, str]:
    """As after `activate` of the environment whose `bin` that is, and one thread for each process."""
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **dict.fromkeys(_THREADS, "1"), "PATH": path, "JUPYTER_PREFER_ENV_PATH": "1"}


def prepared(command: list[str], folder: Path, commands: Path) -> None:
    """Run it outside the clock. Raises Failed."""
    done = subprocess.run(command, cwd=folder, env=activated(commands), capture_output=True, text=True)
    if done.returncode:
        raise Failed(
            f"{' '.join(command)} ended with status {done.returncode}:\n{_end(done.stdout + done.stderr)}"
        )


def measured(command: list[str], folder: Path, commands: Path) -> Used:
    """Run it in `folder`; what it says goes to `log.txt` there. Raises Failed."""
    log = folder / "log.txt"
    with tempfile.TemporaryDirectory() as own, log.open("w") as said, _counted() as group:
        answer = Path(own, "used.json")
        subprocess.run(
            [sys.executable, "-c", _REAPER, str(answer), str(group or ""), *command],
            cwd=folder,
            env=activated(commands),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=True,
        )
        found, cpu = json.loads(answer.read_text()), _cpu_of(group)
    if found["status"]:
        raise Failed(f"{command[0]} ended with status {found['status']}:\n{last_lines(log)}")
    return Used(found["wall"], cpu)


@contextmanager
def _counted() -> Iterator[Path | None]:
    """A new cgroup below our own, of either version; None where we may not make one."""
    own = dict(line.split(":")[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    mounts = Path("/sys/fs/cgroup")
    first = next(
        (mounts / name.split(",")[0] / own[name].strip("/") for name in own if "cpuacct" in name), None
    )
    group = (first or mounts / own.get("", "").strip("/")) / f"benchmark-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        with suppress(OSError):  # a process that will not end keeps it busy
            group.rmdir()


def _cpu_of(group: Path | None) -> float:
    """Seconds, by version 1's `cpuacct.usage` (nanoseconds) or version 2's `cpu.stat` (microseconds)."""
    if group is None:
        return math.nan
    if (usage := group / "cpuacct.usage").exists():
        return int(usage.read_text()) / 1e9
    stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(stat["usage_usec"]) / 1e6


def last_lines(log: Path) -> str:
    return _end(log.read_text(errors="replace"))


def _end(text: str) -> str:
    return "\n".join(text.splitlines()[-_LAST_LINES:])
