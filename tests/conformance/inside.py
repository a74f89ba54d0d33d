"""The body of a sandboxed process in these tests: what a kernel does before the student's code, then the case."""

from __future__ import annotations

import contextlib
import os
import traceback
from dataclasses import dataclass
from pathlib import Path

from grader.launcher.kernel import settle_in
from grader.launcher.lineage import Room
from grader.sandbox import rlimits
from tests.conformance.case import Case, Tried, World
from tests.conformance.cases.privileges import status

LAST = "end"
"""What the last line of a whole record notes."""


@dataclass(frozen=True)
class Inside:
    """Runs one case where a student's code would run."""

    case: Case
    world: World

    def __call__(self, room: Room) -> None:
        settle_in(room.plan.inside)
        record = os.open(
            room.plan.inside / "record" / "tried.jsonl", os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600
        )
        room.say({"say": "record"}, record)
        room.line.close()
        _require_a_sandbox()
        limits = self.world.limits
        rlimits.limit(
            {
                "processes": limits["processes"],
                "file_bytes": limits["file"],
                "open_files": limits["open_files"],
                "cpu_s": limits["cpu_s"],
            }
        )
        tried = Tried(record)
        try:
            self.case.run(self.world, tried)
        except Exception:
            tried.note("holds", "the case itself", traceback.format_exc()[-600:], False)
        _make_room(tried)
        tried.note("holds", LAST, "", True)


def _require_a_sandbox() -> None:
    """No hostile case runs where nothing holds it.

    Raises:
        RuntimeError: it has rights, or may get some.
    """
    facts = status()
    if (
        int(facts["CapPrm"], 16)
        or facts["NoNewPrivs"] != "1"
        or "0" in facts["Uid"].split()
        or _is_root_outside()
    ):
        raise RuntimeError(f"this is no sandbox: {facts['Uid']}, {facts['CapPrm']}, {facts['NoNewPrivs']}")


def _is_root_outside() -> bool:
    """Whether the user that it is in its namespace is root in the one around it."""
    rows = [line.split() for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()]
    return any(int(first) <= os.getuid() and outer == "0" != first for first, outer, _ in rows)


def _make_room(tried: Tried) -> None:
    """After a flood: throw away what the case left, so that its record fits."""
    with contextlib.suppress(OSError):
        for path in Path.cwd().iterdir():
            if path.is_file() and not path.is_symlink():
                path.unlink()
    tried.flush()
