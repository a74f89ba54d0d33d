"""Whole submissions that misbehave in one exercise: it costs them that exercise, and leaves the machine as it was.

Each runs only in the sandbox that the command uses by default, and each is bounded.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from grader.api import configured
from grader.execute.choice import opened_kernel
from grader.load.submission import load_submission
from grader.model.grade import Grade
from grader.pipeline import grade

pytestmark = pytest.mark.corpus
SOLUTION = Path(__file__).parents[2] / "reference" / "solution.ipynb"
MARK = "misbehaving" + os.environ.get("PYTEST_XDIST_WORKER", "")
"""Everything that a misbehaving cell starts goes by this name; another worker's cells have another."""
EXERCISE = 8
"""Whose cell misbehaves first of all."""
_CELL_S = 30.0

CALL_ITSELF = f"""
import ctypes, os, signal, subprocess, sys, time
assert ctypes.CDLL(None).prctl(15, b"{MARK}", 0, 0, 0) == 0
"""
ENDLESS = """
while True:
    pass
"""
DEAF = """
for number in range(1, 64):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
"""
FORK_BOMB = """
for _ in range(600):
    if os.fork() == 0:
        signal.alarm(120)
        while True:
            signal.pause()
"""
TWELVE_GIGABYTES = """
torch.empty(3 * 1024**3)
"""
FILLED_DISK = """
for number in range(32):
    with open(f"filler{number}", "wb") as file:
        for _ in range(64):
            file.write(bytes(2**20))
"""
GRANDCHILDREN = f"""
for level in range(6):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        if level % 2:
            os.execv("/bin/sleep", ["{MARK}", "300"])
        signal.alarm(300)
        while True:
            signal.pause()
"""


@dataclass(frozen=True)
class Misbehaviour:
    """Code in front of an exercise's own."""

    code: str
    lost: bool = True
    """Whether it keeps the exercise from being done."""
    diagnosis: str = ""
    """The code that the report names."""


MISBEHAVIOURS = {
    "endless loop": Misbehaviour(ENDLESS, diagnosis="run-timeout"),
    "fork bomb": Misbehaviour(FORK_BOMB, diagnosis="run-error"),
    "twelve gigabytes": Misbehaviour(TWELVE_GIGABYTES, diagnosis="run-error"),
    "a full disk": Misbehaviour(FILLED_DISK, diagnosis="run-error"),
    "daemons": Misbehaviour(GRANDCHILDREN, lost=False),
}


def submission_that(code: str, folder: Path) -> Path:
    """The model solution with some more code at the start of one exercise."""
    notebook = nbformat.read(SOLUTION, as_version=4)
    headings = [at for at, cell in enumerate(notebook.cells) if cell.source.startswith(f"## Ex {EXERCISE} ")]
    cell = next(cell for cell in notebook.cells[headings[0] :] if cell.cell_type == "code")
    cell.source = CALL_ITSELF + code + "\n" + cell.source
    path = folder / "submission.ipynb"
    nbformat.write(notebook, path)
    return path


def graded(path: Path) -> Grade:
    assignment = configured(None)
    limits = assignment.limits.model_copy(update={"cell_s": _CELL_S})
    assignment = assignment.model_copy(update={"limits": limits})
    with opened_kernel(limits, spares=0) as kernel:
        return grade(load_submission(path), assignment, kernel).grade


def running() -> list[str]:
    """Processes that a submission has left on the machine."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            names = (process / "comm").read_text(), (process / "cmdline").read_text(errors="replace")
        except OSError:
            continue
        if any(name.startswith(MARK) for name in names):
            found.append(f"{process.name}: {names}")
    return found


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The machine's temporary folder, for one test; short, since names of sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="whole-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_misbehaviour_costs_its_exercise_only(name: str, tmp_path: Path, temporary: Path) -> None:
    misbehaviour = MISBEHAVIOURS[name]
    verdict = graded(submission_that(misbehaviour.code, tmp_path))
    lost = {one.number for one in verdict.exercises if one.points != one.max_points}
    assert lost == ({EXERCISE} if misbehaviour.lost else set())
    named = {
        found.code
        for found in (*verdict.diagnoses, *(one for each in verdict.exercises for one in each.diagnoses))
    }
    assert named == ({misbehaviour.diagnosis} if misbehaviour.diagnosis else set())
    assert running() == []
    assert list(temporary.iterdir()) == []


def test_a_submission_that_hears_nothing_is_ended(tmp_path: Path, temporary: Path) -> None:
    verdict = graded(submission_that(DEAF, tmp_path))
    assert all(one.points == one.max_points for one in verdict.exercises if one.number < EXERCISE)
    assert running() == []
    assert list(temporary.iterdir()) == []
