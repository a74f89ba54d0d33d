"""Otter: an autograder zip from `otter generate`, and `otter run` for each notebook, as its manual says without Docker.

The tests of an exercise are named in the metadata of its last cell, as Otter Assign does it, and run after it.
`otter run` takes one submission; a class is a loop in the shell, one after another or two side by side (`xargs -P 2`).
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from rivals.contender import Contender
from rivals.exercise_tests import CHECKS, source_of
from rivals.handed_in import SUPPORT, HandedIn
from rivals.measure import prepared

REQUIREMENT = "otter-grader==7.0.0"
_TEST = """from otter.test_files import test_case

OK_FORMAT = False
name = "ex{exercise}"
points = 1

{source}

@test_case(points=1)
def test(env):
    {function}(dict(env))
"""


def otter(commands: Path, handed_in: Sequence[HandedIn], processes: int) -> Contender:
    """
    Args:
        commands: the `bin` of its environment.
        handed_in: the class.
        processes: how many `otter run` the shell keeps going at once.
    """
    run = "otter run --no-logo -a autograder.zip -o results/{} submissions/{}.ipynb"
    loop = f"ls results | xargs -P {processes} -I{{}} {run}"

    def lay_out(folder: Path) -> list[str]:
        _autograder(folder, commands)
        for one in handed_in:
            (folder / "results" / one.student).mkdir(parents=True)
            (folder / "submissions").mkdir(exist_ok=True)
            nbformat.write(_with_tests(one), folder / "submissions" / f"{one.student}.ipynb")
        return ["sh", "-c", loop]

    name = "otter run" if processes == 1 else f"otter run, {processes} processes"
    return Contender(name, commands, lay_out, _shares)


def _autograder(folder: Path, commands: Path) -> None:
    tests = folder / "tests"
    tests.mkdir()
    for exercise, check in CHECKS.items():
        text = _TEST.format(exercise=exercise, source=source_of(exercise), function=check.__name__)
        (tests / f"ex{exercise}.py").write_text(text, encoding="utf-8")
    for file in SUPPORT:
        shutil.copy(file, folder)
    support = [file.name for file in SUPPORT]
    prepared(["otter", "generate", "-t", "tests", "-o", "autograder.zip", *support], folder, commands)


def _with_tests(one: HandedIn) -> NotebookNode:
    notebook = copy.deepcopy(one.notebook)
    notebook.nbformat_minor = 5
    for exercise, index in sorted(one.last_cells.items()):
        notebook.cells[index].metadata.setdefault("otter", {"tests": []})["tests"].append(f"ex{exercise}")
    return notebook


def _shares(folder: Path) -> dict[str, float]:
    found = {}
    for path in sorted(folder.glob("results/*/results.json")):
        tests = [test for test in json.loads(path.read_text())["tests"] if test.get("max_score")]
        # A test that Otter could not run at all, because the notebook was not executed, has no row.
        if len(tests) == len(CHECKS):
            reached = sum(test["score"] for test in tests)
            found[path.parent.name] = reached / sum(test["max_score"] for test in tests)
    return found
