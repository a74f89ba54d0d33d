"""Wall and CPU seconds of a command and of every process that comes from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Some processes are not waited for by who started them (a fork server, what outlives a parent by a moment), and
# their CPU time would be lost: a child subreaper inherits them, waits for them, and its rusage has them all.
_REAPER = """
import ctypes, json, os, resource, subprocess, sys, time
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
began = time.perf_counter()
status = subprocess.run(sys.argv[2:]).returncode
wall = time.perf_counter() - began
last = time.monotonic() + 30
while time.monotonic() < last:
    try:
        if os.waitpid(-1, os.WNOHANG) == (0, 0):
            time.sleep(0.02)
    except ChildProcessError:
        break
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "status": status}, file)
"""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LAST_LINES = 20


@dataclass(frozen=True)
class Used:
    """What a command took, in seconds."""

    wall: float
    cpu: float


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
    with tempfile.TemporaryDirectory() as own, log.open("w") as said:
        answer = Path(own, "used.json")
        subprocess.run(
            [sys.executable, "-c", _REAPER, str(answer), *command],
            cwd=folder,
            env=activated(commands),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=True,
        )
        found = json.loads(answer.read_text())
    if found["status"]:
        raise Failed(f"{command[0]} ended with status {found['status']}:\n{last_lines(log)}")
    return Used(found["wall"], found["cpu"])


def last_lines(log: Path) -> str:
    return _end(log.read_text(errors="replace"))


def _end(text: str) -> str:
    return "\n".join(text.splitlines()[-_LAST_LINES:])
