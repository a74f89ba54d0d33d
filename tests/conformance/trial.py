"""One case in one sandbox, seen from outside."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

from grader.launcher.lineage import LONGEST_MESSAGE, Kept, spawn
from grader.sandbox.plan import Plan
from tests.conformance.case import Case
from tests.conformance.inside import LAST, Inside

_MOST = 1 << 20
_SHARED = ("/tmp", "/var/tmp", "/dev/shm")


@dataclass
class Heard:
    """What a lineage said."""

    status: int | None = None
    incidents: list[str] = field(default_factory=list)
    failed: str = ""
    record: int | None = None
    """The file in which the case writes down what it tried."""
    closed: bool = False


class Trial:
    """Runs a case and looks whether anything outside has changed."""

    def __init__(self, folder: Path, token: str, bystander: subprocess.Popen[str]) -> None:
        self._folder = folder
        self._token = token
        self._bystander = bystander

    def run(self, plan: Plan, body: Inside, case: Case, patience_s: float) -> dict[str, Any]:
        """Returns: lines of the record, how it ended, and `harm`: what happened outside, in words."""
        plant(self._folder, self._token)
        before = self._state()
        self._ask()
        kept = spawn(plan, body)
        late = False
        heard = Heard()
        deadline = time.monotonic() + patience_s
        while not heard.closed and not late:
            late = time.monotonic() > deadline
            _listen(kept.line, heard)
            if late or (case.endless and _finished(heard)):
                kept.tell(kill=True)
                break
        _await_end(kept, heard)
        left = _left({os.getpid(), self._bystander.pid})
        harm = self._harm(before, left)
        lines = _lines(heard)
        if heard.record is not None:
            os.close(heard.record)
        return {
            "lines": lines,
            "status": heard.status,
            "incidents": heard.incidents,
            "failed": heard.failed,
            "late": late,
            "harm": harm,
        }

    def _harm(self, before: Any, left: list[str]) -> list[str]:
        seen = self._ask()
        harm = [f"somebody came through {name}" for name in seen["callers"]]
        if seen["signals"]:
            harm.append("a signal arrived outside")
        harm += [f"a process is left: {name}" for name in left]
        after = self._state()
        harm += [f"outside changed: {one}" for one in sorted(set(after) ^ set(before))]
        for folder in _SHARED:
            Path(folder, f"planted-{self._token}").unlink(missing_ok=True)
        return harm

    def _ask(self) -> dict[str, Any]:
        assert self._bystander.stdin is not None and self._bystander.stdout is not None
        self._bystander.stdin.write("\n")
        self._bystander.stdin.flush()
        answer: dict[str, Any] = json.loads(self._bystander.stdout.readline())
        return answer

    def _state(self) -> list[str]:
        """Everything that was planted, and the names in the machine's temporary folders."""
        facts = [_fact(path) for path in sorted(self._folder.iterdir())]
        for folder in (*_SHARED, "/"):
            facts += [str(path) for path in Path(folder).iterdir() if self._token in path.name]
        return facts


def plant(folder: Path, token: str) -> None:
    """What everybody may read and write, as far as modes go; again where a broken sandbox let it be spoiled."""
    for name, text, mode in (
        ("file.txt", f"canary {token}", 0o666),
        ("program", "#!/bin/sh\necho ran\n", 0o755),
    ):
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        path.chmod(mode)


def _fact(path: Path) -> str:
    found = path.lstat()
    content = path.read_bytes() if path.is_file() and found.st_size < _MOST else b""
    return f"{path.name} {found.st_mode:o} {found.st_uid} {found.st_mtime_ns} {found.st_ino} {content!r}"


def _listen(line: socket.socket, heard: Heard) -> None:
    """Take in one message, or wait a moment for it."""
    if not select.select([line], [], [], 0.02)[0]:
        return
    try:
        message, descriptors, _, _ = socket.recv_fds(line, LONGEST_MESSAGE, 4)
    except ConnectionError:
        message, descriptors = b"", []
    if not message:
        heard.closed = True
        return
    said = json.loads(message)
    if said["say"] == "over":
        heard.status = said["status"]
    elif said["say"] == "incident":
        heard.incidents.append(said["what"])
    elif said["say"] == "failed":
        heard.failed = said["why"] + "\n" + said.get("trace", "")
    elif said["say"] == "record":
        (heard.record,) = descriptors


def _lines(heard: Heard) -> list[dict[str, Any]]:
    if heard.record is None:
        return []
    content = os.pread(heard.record, _MOST, 0)
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def _finished(heard: Heard) -> bool:
    """Whether an endless case has written what it had to say; it always notes a child of its own last."""
    return any(line["what"] in (LAST, "start a child") for line in _lines(heard))


def _await_end(kept: Kept, heard: Heard) -> None:
    deadline = time.monotonic() + 10
    while not heard.closed and time.monotonic() < deadline:
        _listen(kept.line, heard)
    kept.line.close()
    if not heard.closed:
        heard.failed += "the lineage did not end when it was told to"
        os.kill(kept.keeper, signal.SIGKILL)
    os.waitpid(kept.keeper, 0)


def _left(known: set[int]) -> list[str]:
    """Descendants that live on: we are told of every orphan, being their reaper. They are ended here."""
    names = []
    for _ in range(100):
        found = [(process, name) for process, name in _descendants() if process not in known]
        if not found:
            return names
        for process, name in found:
            # Who has ended and waits to be taken note of is no harm.
            names += [] if name.endswith("(Z)") else [name]
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)
    return names


def _descendants() -> list[tuple[int, str]]:
    facts = dict(
        _stat(int(name)) for name in map(attrgetter("name"), Path("/proc").iterdir()) if name.isdigit()
    )
    family, grown = {os.getpid()}, True
    while grown:
        more = {process for process, (parent, _) in facts.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return [(process, facts[process][1]) for process in family if process in facts]


def _stat(process: int) -> tuple[int, tuple[int, str]]:
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return process, (0, "")
    name, rest = text.split("(", 1)[1].rsplit(")", 1)
    return process, (int(rest.split()[1]), f"{name} ({rest.split()[0]})")
