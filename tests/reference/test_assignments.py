"""The assignments that ship say what the published rubric says, and their starters run as they are."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import nbformat
import pytest

from grader.load.assignment import load_assignment
from grader.model.assignment import Assignment

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"nine": ROOT / "exercises", "tutorial": ROOT / "examples" / "tutorial"}

# Ids and weights stand in every grade book ever written: changing one is a new version of the assignment.
RUBRIC = {
    "ex1.shapes": 0.40,
    "ex1.features": 0.30,
    "ex1.values": 0.30,
    "ex2.tensors": 0.35,
    "ex2.split": 0.35,
    "ex2.aligned": 0.30,
    "ex3.module": 0.30,
    "ex3.layers": 0.30,
    "ex3.affine": 0.30,
    "ex3.own-name": 0.10,
    "ex4.loss": 0.50,
    "ex4.optimizer": 0.20,
    "ex4.learning-rate": 0.10,
    "ex4.parameters": 0.20,
    "ex5.learns": 0.40,
    "ex5.reports": 0.20,
    "ex5.curves": 0.20,
    "ex5.plots": 0.20,
    "ex6.module": 0.30,
    "ex6.nonlinear": 0.50,
    "ex6.logits": 0.20,
    "ex7.optimizer": 0.20,
    "ex7.learns": 0.35,
    "ex7.reports": 0.15,
    "ex7.accuracy": 0.30,
    "ex8.drawn": 0.50,
    "ex8.true": 0.50,
    "ex9.model": 0.20,
    "ex9.loss": 0.25,
    "ex9.learns": 0.25,
    "ex9.accuracy": 0.20,
    "ex9.reports": 0.10,
}


@pytest.fixture(params=FOLDERS)
def assignment(request: pytest.FixtureRequest) -> Assignment:
    return load_assignment(FOLDERS[request.param])


def test_ids_and_weights_are_those_of_the_rubric() -> None:
    nine = load_assignment(FOLDERS["nine"])
    weights = {check.id: check.weight for exercise in nine.exercises for check in exercise.checks}
    assert weights == RUBRIC
    assert nine.max_points == 9.0


def test_every_check_has_a_title_and_a_hint(assignment: Assignment) -> None:
    for exercise in assignment.exercises:
        for check in exercise.checks:
            assert check.title and not check.title.endswith("."), check.id
            assert check.hint.endswith("."), check.id


def test_statements_begin_with_the_heading_that_marks_them(assignment: Assignment) -> None:
    for exercise in assignment.exercises:
        name = f"Ex {exercise.number}" if exercise.number else "Extra"
        assert exercise.statement.startswith(f"## {name} · {exercise.title}\n")
        assert exercise.starter.startswith(f"# {name}\n")


def test_starters_run_one_after_the_other(assignment: Assignment, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib.use("agg")
    monkeypatch.syspath_prepend(str(FOLDERS["nine"] / "support"))
    names: dict[str, object] = {}
    for exercise in assignment.exercises:
        exec(compile(exercise.starter, f"starter of ex {exercise.number}", "exec"), names)
    assert "X" in names


def test_the_example_submission_is_a_notebook_without_outputs() -> None:
    notebook = nbformat.read(ROOT / "examples" / "submission.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
