"""The assembled solution is current, marked, and does what the exercises ask."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib
import nbformat
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "reference"
SUPPORT = ROOT / "exercises" / "support"


@pytest.fixture(scope="module")
def assemble() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(REFERENCE / "assemble.py")))


def test_the_notebook_is_current(assemble: SimpleNamespace) -> None:
    stored = (REFERENCE / "solution.ipynb").read_text(encoding="utf-8")
    assert stored == assemble.written(assemble.notebook()), "run: python reference/assemble.py"


def test_the_script_is_current(assemble: SimpleNamespace) -> None:
    stored = (REFERENCE / "solution.py").read_text(encoding="utf-8")
    assert stored == assemble.script(), "run: python reference/assemble.py"


def test_every_cell_after_the_title_says_its_exercise() -> None:
    notebook = nbformat.read(REFERENCE / "solution.ipynb", as_version=4)
    marks = [cell.metadata.grader.exercise for cell in notebook.cells[1:]]
    order = list(dict.fromkeys(marks))
    assert order == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that the solution leaves behind."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(SUPPORT))
    matplotlib.use("agg")
    torch.manual_seed(42)
    names = runpy.run_path(str(REFERENCE / "solution.py"))
    patch.undo()
    return names


def test_the_baseline_ends_where_a_line_ends(solved: dict[str, Any]) -> None:
    loss, _ = solved["evaluate"](solved["baseline"], solved["X_train"], solved["y_train"])
    assert loss == pytest.approx(0.693, abs=0.02)


def test_the_bent_model_knows_the_test_circles(solved: dict[str, Any]) -> None:
    _, accuracy = solved["evaluate"](solved["nonlinear"], solved["X_test"], solved["y_test"])
    assert accuracy >= 0.95
    assert solved["test_acc_curve"][-1] == accuracy


def test_the_blob_model_knows_the_test_blobs(solved: dict[str, Any]) -> None:
    _, accuracy = solved["evaluate_blobs"](solved["X_blob_test"], solved["y_blob_test"])
    assert accuracy >= 0.97
