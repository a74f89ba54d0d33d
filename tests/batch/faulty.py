"""A class that is graded while things go wrong: runs to be ended, and what must hold once one ran to its end."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
TINY = "from tests.batch.tiny_class import main; main()"
DEADLINE_S = 180.0
"""For what happens within seconds on an idle machine."""


def until(what: Callable[[], object], why: str, patience_s: float = DEADLINE_S) -> None:
    """Look again and again; fail where it does not come true."""
    end = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < end, f"waited {patience_s:g} s: {why}"
        time.sleep(0.02)


@dataclass
class Run:
    """One use of the command, in a process group and session of its own."""

    process: subprocess.Popen[bytes]
    said: Path

    def ended(self, patience_s: float = DEADLINE_S) -> int:
        """Wait for its end; the exit status."""
        return self.process.wait(patience_s)

    def kill(self) -> None:
        """The grader alone, at once."""
        self.process.kill()
        self.process.wait()

    def kill_group(self) -> None:
        """The grader and what shares its process group, as when a terminal or a session is ended."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def out(self) -> str:
        return self.said.with_suffix(".out").read_text()

    @property
    def err(self) -> str:
        return self.said.with_suffix(".err").read_text()

    @property
    def complaint(self) -> str:
        """The only line that it wrote to standard error."""
        (line,) = self.err.strip().splitlines()
        return line

    def family(self) -> list[psutil.Process]:
        """Every process below it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []


@dataclass(frozen=True)
class Site:
    """Folders of one class; what is told apart by its path is ours alone."""

    root: Path

    @property
    def handed_in(self) -> Path:
        return self.root / "in"

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def gate(self) -> Path:
        return self.root / "gate" / "open"

    @property
    def gradebook(self) -> Path:
        return self.out / "gradebook.sqlite"

    def hand_in(self, **sources: str) -> None:
        """Scripts by the students' names; underscores stand for dashes."""
        for name, source in sources.items():
            (self.handed_in / f"{name.replace('_', '-')}.py").write_text(source)

    def hand_in_some(self, count: int, prefix: str = "s") -> None:
        """Tiny scripts, all different."""
        for number in range(count):
            self.hand_in(**{f"{prefix}{number:04}": tiny_script(f"{prefix} {number}")})

    def hand_in_folders(self, count: int) -> None:
        """The same, each in a folder of the student's own."""
        for number in range(count):
            folder = self.handed_in / f"s{number:04}"
            folder.mkdir()
            (folder / "lab.py").write_text(tiny_script(str(number)))

    def release(self) -> None:
        """Let held submissions go."""
        self.gate.touch()

    def begun(self, name: str) -> bool:
        """Whether a worker has begun with a held submission."""
        return self.gate.with_name(f"{name}.begun").exists()

    def tiny(self, *arguments: str, out: Path | None = None, **faults: object) -> Run:
        """A run with desks that need no kernels."""
        told = json.dumps({"gate": str(self.gate), **faults})
        return self._start(["-c", TINY, told, *self._arguments(arguments, out)])

    def real(self, *arguments: str, out: Path | None = None) -> Run:
        """A run with kernels."""
        return self._start(["-m", "grader.cli", *self._arguments(arguments, out)])

    def _arguments(self, more: tuple[str, ...], out: Path | None) -> list[str]:
        return [str(self.handed_in), "-o", str(out or self.out), *more]

    def _start(self, command: list[str]) -> Run:
        said = self.root / f"said-{time.monotonic_ns()}"
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(self.temporary),
            "COLUMNS": "200",
        }
        with said.with_suffix(".out").open("wb") as out, said.with_suffix(".err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, *command],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        return Run(process, said)

    def results(self) -> int:
        """Rows of results that can be read by now."""
        return self._count("SELECT count(*) FROM results")

    def _count(self, query: str) -> int:
        with (
            contextlib.suppress(sqlite3.OperationalError),
            contextlib.closing(sqlite3.connect(f"file:{self.gradebook}?mode=ro", uri=True)) as book,
        ):
            return int(book.execute(query).fetchone()[0])
        return 0

    def processes(self) -> list[int]:
        """Everything that still runs for this class: its folders are in their environment or on their command line."""
        mark = os.fsencode(self.root) + b"/"
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found

    def quiet(self) -> None:
        """Wait until no process is left."""
        until(lambda: not self.processes(), f"processes end: {self.processes()}")


def tiny_script(mark: str) -> str:
    return f'# Ex 1\nprint("hello {mark}")\n'


@contextlib.contextmanager
def new_site() -> Iterator[Site]:
    """A class in a folder of its own, with a short path, since names of sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        site = Site(Path(folder))
        for place in (site.handed_in, site.temporary, site.gate.parent):
            place.mkdir()
        try:
            yield site
        finally:
            for process in site.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def check_whole(site: Site, students: int, attempts: int | None = None) -> None:
    """What holds after a run that was not disturbed: nothing lost, nothing twice, nothing half, nothing left."""
    site.quiet()
    assert not (left := [path.name for path in site.temporary.rglob("*")]), f"scratch is left: {left}"
    check_gradebook(site, students, students if attempts is None else attempts)
    check_files(site.out)
    with (site.out / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == students


def check_gradebook(site: Site, students: int, attempts: int) -> None:
    """One result for each key, one attempt for each student and file, and every file that a row names."""
    with contextlib.closing(sqlite3.connect(site.gradebook)) as book:
        assert book.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert book.execute("PRAGMA foreign_key_check").fetchall() == []
        of_key = "submission, assignment_key, seed, device, grader, run"
        twice = (
            f"SELECT {of_key} FROM results WHERE status != 'not_graded' GROUP BY {of_key} HAVING count(*) > 1"
        )
        assert book.execute(twice).fetchall() == []
        assert book.execute("SELECT count(*) FROM students").fetchone() == (students,)
        kept = book.execute(
            "SELECT a.id, r.status, a.report, r.evidence FROM attempts a LEFT JOIN results r ON r.id = a.result_id"
        ).fetchall()
    assert len(kept) == attempts and all(status == "graded" for _, status, _, _ in kept), kept
    assert all((site.out / name).is_file() for _, _, *names in kept for name in names if name)


def check_files(out: Path) -> None:
    """No file is half-written."""
    names = {path.name for path in out.rglob("*")}
    half = [name for name in names if name.endswith((".part", "-wal", "-shm")) or name == ".unpacked"]
    assert not half, half
    for path in out.rglob("*.json"):
        json.loads(path.read_text())
    for path in out.rglob("*.html"):
        assert path.read_text().rstrip().endswith("</html>"), path
    for path in out.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
