"""A class made of a few notebooks: copies under other names, no two of them alike byte by byte."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.api import configured
from grader.evidence.before import markers_of
from grader.load.submission import load_submission

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = tuple(sorted((ROOT / "exercises" / "support").glob("*.py")))
"""Modules that the assignment lays beside every submission."""
NOTEBOOKS = (ROOT / "examples" / "submission.ipynb", ROOT / "reference" / "solution.ipynb")


@dataclass(frozen=True)
class HandedIn:
    """One student's notebook."""

    student: str
    notebook: NotebookNode
    last_cells: dict[int, int]
    """Exercise → index of its last code cell; what is tested after an exercise is tested there."""


def a_class(paths: Sequence[Path], count: int) -> list[HandedIn]:
    """So many students, who handed the notebooks in in turns; a comment in the first cell tells them apart."""
    originals = [(nbformat.read(path, as_version=4), _last_cells(path)) for path in paths]
    return [_copy(number, *originals[number % len(originals)]) for number in range(count)]


def _copy(number: int, original: NotebookNode, last_cells: dict[int, int]) -> HandedIn:
    notebook, student = copy.deepcopy(original), f"student-{number + 1:03d}"
    first = next(cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip())
    first.source += f"\n# handed in by {student}"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return HandedIn(student, notebook, last_cells)


def _last_cells(path: Path) -> dict[int, int]:
    """By the grader's own markers; an exercise that none names is tested after the last cell."""
    assignment, submission = configured(None), load_submission(path)
    exercises = markers_of(submission, assignment)
    code = [index for index, cell in enumerate(submission.cells) if cell.number is not None]
    found = dict.fromkeys(range(1, 10), code[-1])
    found.update(
        {exercises[number]: index for number, index in enumerate(code, 1) if exercises.get(number) in found}
    )
    return found
