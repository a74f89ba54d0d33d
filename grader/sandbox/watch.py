"""What no limit of a single process can hold: the memory and the number of all of them together."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

from grader.sandbox import members
from grader.sandbox.plan import Ceiling

INTERVAL_S = 0.1
_CROWD = 0.75
_PATIENT_LOOKS = 5
_LOOKS_AT_FILES = 3
_MEGABYTE = 1024**2
_GIGABYTE = 1024**3


@dataclass
class Watch:
    """Looks at a sandbox now and then, and ends what has outgrown it; the kernel itself only as the last resort."""

    members: members.Members
    kernel: int
    ceiling: Ceiling
    before: int
    """Bytes that the kernel held before the student's code, shared with every process it forks."""
    folder: Path | None = None
    """Its scratch folder, where that is no file system of its own, which would hold itself."""
    looks: int = field(default=0, init=False)
    crowded: int = field(default=0, init=False)
    """Looks in a row that found nearly as many processes as there may be."""

    def look(self) -> str | None:
        """What was too much just now, as a sentence for the report; None while all is well."""
        self.looks += 1
        found = self.members()
        self.crowded = self.crowded + 1 if len(found) > self._crowd else 0
        # The kernel's own limit has refused to fork by now, or the student's code may still end them itself.
        if self.crowded > _PATIENT_LOOKS or len(found) > 2 * self.ceiling.processes:
            self.crowded = 0
            members.kill(self.members, self.kernel)
            return f"more than {self._crowd} processes ran for a while; all but the notebook's own were ended"
        if self.folder is not None and self.looks % _LOOKS_AT_FILES == 0 and self._overflows(self.folder):
            members.kill(self.members, self.kernel)
            self._end_kernel()
            return (
                f"its files took more than {self.ceiling.disk / _MEGABYTE:.0f} MB together, so it was ended"
            )
        if self._held(found) <= self.ceiling.memory:
            return None
        if members.kill(self.members, self.kernel):
            return (
                f"its processes held more than {self._memory} together; all but the notebook's own were ended"
            )
        self._end_kernel()
        return f"its process held more than {self._memory} and was ended"

    def _end_kernel(self) -> None:
        """Its own parent takes leave of it."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.kernel, signal.SIGKILL)

    @property
    def _crowd(self) -> int:
        return int(_CROWD * self.ceiling.processes)

    @property
    def _memory(self) -> str:
        return f"{self.ceiling.memory / _GIGABYTE:.3g} GB"

    def _held(self, found: list[int]) -> int:
        """Bytes beyond `before`; counted exactly, which is slow, only where the quick count is too high."""
        quick = sum(
            self._beyond(members.field(process, "status", "RssAnon", "RssShmem")) for process in found
        )
        if quick <= self.ceiling.memory:
            return quick
        exact = [members.field(process, "smaps_rollup", "Pss_Anon", "Pss_Shmem") for process in found]
        # A process that hides its map from us is taken at the quick count.
        pairs = zip(exact, found, strict=True)
        return self._beyond(
            sum(share or members.field(process, "status", "RssAnon") for share, process in pairs)
        )

    def _overflows(self, folder: Path) -> bool:
        """Whether the files take more room than they may, or are too many; no more are looked at than may be."""
        held = count = 0
        for place, _, names in os.walk(folder):
            for name in names:
                count += 1
                with contextlib.suppress(OSError):
                    held += 512 * Path(place, name).lstat().st_blocks
                if held > self.ceiling.disk or count > self.ceiling.files:
                    return True
        return False

    def _beyond(self, held: int) -> int:
        return max(0, held - self.before)


def held_by(process: int) -> int:
    """Bytes of memory of its own that a process holds now."""
    return members.field(process, "status", "RssAnon", "RssShmem")
