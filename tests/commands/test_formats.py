"""Formats of one submission where a whole class is graded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from grader.execute.kernel import FakeKernel
from grader.model.recording import Recording
from tests.command import Grade
from tests.conftest import Recorded


@pytest.fixture
def two(tmp_path: Path, with_kernel: Callable[[Recording], FakeKernel], unlucky: Recorded) -> Path:
    """What two students handed in."""
    with_kernel(unlucky[1])
    for name in ("ana", "ion"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "lab.py").write_text(f"# Ex 1\nprint('{name}')\n")
    return tmp_path / "in"


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_each_student_of_a_class_gets_them(grade: Grade, two: Path) -> None:
    done = grade(two, "--format", "junit,text,csv")
    assert done.status == 0, done.err
    assert written(Path("reports/students")) == {
        f"{name}.report.{ending}" for name in ("ana", "ion") for ending in ("junit.xml", "txt")
    }
    assert Path("reports/grades.csv").exists() and not Path("reports/class.html").exists()


def test_an_export_writes_what_a_run_did_not(grade: Grade, two: Path) -> None:
    assert grade(two, "--format", "html").status == 0
    done = grade("export", "--format", "gradescope")
    assert done.status == 0, done.err
    assert {"ana.report.gradescope.json", "ion.report.html"} <= written(Path("reports/students"))


def test_what_was_written_is_no_submission(grade: Grade, two: Path) -> None:
    formats = "html,json,junit,text,github,gradescope,classroom"
    assert grade("rejudge", _bundle(), "-o", two / "ana", "--format", formats).status == 0
    done = grade(two)
    assert done.status == 0 and "left aside" not in done.err


def _bundle() -> Path:
    return Path(__file__).parents[1] / "files" / "example.evidence.zip"
