"""`grade` on a folder of notebooks, as its users do it."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat

from rivals.contender import Contender, require_all
from rivals.handed_in import HandedIn
from rivals.measure import Used, measured

_COMMANDS = Path(sys.executable).parent


def ours(handed_in: Sequence[HandedIn], jobs: int) -> Contender:
    """With everything that comes with it: sandbox, reports, evidence, gradebook, class page, exports."""

    def lay_out(folder: Path) -> list[str]:
        (folder / "class").mkdir()
        for one in handed_in:
            nbformat.write(one.notebook, folder / "class" / f"{one.student}.ipynb")
        return ["grade", "class", "--jobs", str(jobs), "-o", "reports"]

    return Contender(f"ours, {jobs} jobs", _COMMANDS, lay_out, _shares)


def graded(handed_in: Sequence[HandedIn], jobs: int) -> tuple[Used, float]:
    """What grading the class took, and the seconds that the students' cells ran in it. Raises Failed."""
    contender = ours(handed_in, jobs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        used = measured(contender.lay_out(folder), folder, contender.commands)
        require_all(handed_in, contender, folder)
        student_s = sum(report["timing"]["student_s"] for _, report in _reports(folder))
    print(f"{len(handed_in)} students, {jobs} jobs: {used.wall:.1f} s", file=sys.stderr)
    return used, student_s


def _reports(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Student → the report as JSON, after a run in `folder`."""
    for path in sorted((folder / "reports" / "students").glob("*.report.json")):
        yield path.name.removesuffix(".report.json"), json.loads(path.read_text(encoding="utf-8"))


def _shares(folder: Path) -> dict[str, float]:
    return {
        student: report["points"] / report["max_points"]
        for student, report in _reports(folder)
        if report["status"] == "graded" and report["timing"]["student_s"] > 0
    }
