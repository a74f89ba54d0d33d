"""nbgrader: a course folder with one assignment, `lab`, whose tests stand in a locked cell after each exercise.

`nbgrader autograde lab` grades one student after another; its manual offers nothing else
(https://github.com/jupyter/nbgrader/issues/174). What people there do is several processes with a gradebook each,
so that is measured as well: two course folders with half of the class each.
"""

from __future__ import annotations

import copy
import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from rivals.contender import Contender
from rivals.exercise_tests import CHECKS, source_of
from rivals.handed_in import SUPPORT, HandedIn
from rivals.measure import prepared

REQUIREMENT = "nbgrader==0.9.6"
_KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
_SETTINGS = """c = get_config()
c.CourseDirectory.course_id = "course"
c.Execute.timeout = {timeout_s}
"""


def nbgrader(commands: Path, handed_in: Sequence[HandedIn], timeout_s: int, processes: int) -> Contender:
    """
    Args:
        commands: the `bin` of its environment.
        handed_in: the class.
        timeout_s: for one cell, as in our own assignment.
        processes: course folders that are graded at once, each by a process of its own.
    """
    parts = [handed_in[number::processes] for number in range(processes)]

    def lay_out(folder: Path) -> list[str]:
        for number, part in enumerate(parts):
            _course(folder / f"course-{number}", part, commands, timeout_s)
        each = (f"(cd course-{number} && nbgrader autograde lab)" for number in range(len(parts)))
        return ["sh", "-c", " & ".join(each) + " & wait"]

    def shares(folder: Path) -> dict[str, float]:
        found: dict[str, float] = {}
        for course in sorted(folder.glob("course-*")):
            found.update(_shares(course, commands))
        return found

    name = "nbgrader" if processes == 1 else f"nbgrader, {processes} processes"
    return Contender(name, commands, lay_out, shares)


def _course(course: Path, part: Sequence[HandedIn], commands: Path, timeout_s: int) -> None:
    source = course / "source" / "lab"
    source.mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(_SETTINGS.format(timeout_s=timeout_s), encoding="utf-8")
    for file in SUPPORT:
        shutil.copy(file, source)
    nbformat.write(_assignment(), source / "lab.ipynb")
    prepared(["nbgrader", "generate_assignment", "lab"], course, commands)
    for one in part:
        folder = course / "submitted" / one.student / "lab"
        folder.mkdir(parents=True)
        nbformat.write(_with_tests(one), folder / "lab.ipynb")


def _assignment() -> NotebookNode:
    cells = []
    for exercise in CHECKS:
        cells += [new_markdown_cell(f"## Ex {exercise}"), new_code_cell("# your code"), _test(exercise)]
    return new_notebook(cells=cells, metadata=_KERNEL)


def _test(exercise: int) -> NotebookNode:
    mark = {
        "schema_version": 3,
        "cell_type": "code",
        "grade": True,
        "grade_id": f"ex{exercise}",
        "locked": True,
        "points": 1,
        "solution": False,
        "task": False,
    }
    call = f"{CHECKS[exercise].__name__}(dict(globals()))"
    return new_code_cell(f"{source_of(exercise)}\n\n{call}", metadata={"nbgrader": mark})


def _with_tests(one: HandedIn) -> NotebookNode:
    """The notebook as it would come back: the student's cells, and the locked ones between them."""
    notebook = copy.deepcopy(one.notebook)
    notebook.metadata.update(copy.deepcopy(_KERNEL))
    notebook.nbformat_minor = 5
    for exercise in sorted(one.last_cells, key=lambda number: (one.last_cells[number], number), reverse=True):
        notebook.cells.insert(one.last_cells[exercise] + 1, _test(exercise))
    return notebook


def _shares(course: Path, commands: Path) -> dict[str, float]:
    prepared(["nbgrader", "export"], course, commands)
    with (course / "grades.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["score"]]
    return {
        row["student_id"]: float(row["score"]) / float(row["max_score"])
        for row in rows
        if _executed(course / "autograded" / row["student_id"] / "lab" / "lab.ipynb")
    }


def _executed(path: Path) -> bool:
    """Whether every code cell has run."""
    if not path.exists():
        return False
    cells = nbformat.read(path, as_version=4).cells
    return all(cell.execution_count for cell in cells if cell.cell_type == "code" and cell.source.strip())
