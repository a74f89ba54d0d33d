"""Where a class's files are: one folder, one run in it at a time."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from grader.batch.order import BUNDLE
from grader.errors import UsageError

DEFAULT = Path("reports")
_LONGEST_NAME = 80
_MARKED = re.compile("-[0-9a-f]{8}$")
"""How a name ends that was changed; one that ends so by itself is changed too, so that no two are alike."""


@dataclass(frozen=True)
class ClassFolder:
    """The folder of a class and what lies where in it."""

    root: Path

    @property
    def gradebook(self) -> Path:
        return self.root / "gradebook.sqlite"

    @property
    def students(self) -> Path:
        """The reports of all students."""
        return self.root / "students"

    @property
    def evidence(self) -> Path:
        return self.root / "evidence"

    @property
    def page(self) -> Path:
        return self.root / "class.html"

    @property
    def pairs(self) -> Path:
        """Similar pairs, kept so that the page can be written again without the submissions."""
        return self.root / "alike.json"

    def report(self, student: str) -> Path:
        """A student's HTML report."""
        return self.students / f"{file_name(student)}.report.html"

    def bundle(self, student: str, digest: str) -> Path:
        """The evidence of one attempt."""
        return self.evidence / f"{file_name(student)}-{digest[:12]}{BUNDLE}"

    def shown(self, path: Path) -> str:
        """A path as the gradebook keeps it: below this folder, wherever that is moved."""
        return path.relative_to(self.root).as_posix()

    @contextmanager
    def taken(self) -> Iterator[Path]:
        """Keep other runs out, and lend an empty folder for unpacked archives, gone afterwards.

        What a run that was killed left there is removed by the next.

        Raises:
            UsageError: another run is at work in this folder, or nothing can be written to it.
        """
        lock, unpacked = FileLock(self.root / ".lock"), self.root / ".unpacked"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UsageError(
                f"{self.root}: another run is grading into this folder; wait for it, or name another with -o"
            ) from error
        except OSError as error:
            raise UsageError(
                f"{self.root}: nothing can be written here ({error.strerror or error})"
            ) from error
        try:
            self._sweep()
            unpacked.mkdir()
            yield unpacked
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
            lock.release()

    def _sweep(self) -> None:
        """Remove what only a run that was killed leaves: unpacked archives, files that are not whole."""
        shutil.rmtree(self.root / ".unpacked", ignore_errors=True)
        for folder in (self.root, self.students, self.evidence):
            for part in folder.glob(".*.part"):
                part.unlink(missing_ok=True)


def file_name(key: str) -> str:
    """A student's key as a file's name: the same for the same key, another for another, safe on every system."""
    plain = re.sub(r"[^\w.@+-]+", "-", key, flags=re.ASCII).strip("-.")
    if plain == key and len(plain) <= _LONGEST_NAME and not _MARKED.search(plain):
        return plain
    mark = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain[:_LONGEST_NAME]}-{mark}".lstrip("-")
