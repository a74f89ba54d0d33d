"""Puts the fragments ex1 … ex9 and extra together: `solution.py`, a percent script, and `solution.ipynb`.

    python reference/assemble.py

Cells of the notebook carry the same mark as those of the handout, `metadata.grader.exercise`.
"""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
from nbformat.notebooknode import NotebookNode

HERE = Path(__file__).resolve().parent
PARTS = {"ex1": 1, "ex2": 2, "ex3": 3, "ex4": 4, "ex5": 5, "ex6": 6, "ex7": 7, "ex8": 8, "ex9": 9, "extra": 0}
TITLE = """\
# %% [markdown]
# # Building classification models with PyTorch: a model solution
#
# Nine exercises and an extra. The page reads from top to bottom; a GPU is used where there is one.
"""


def fragment(part: str) -> str:
    """The percent-format source of one exercise."""
    return (HERE / f"{part}.py").read_text(encoding="utf-8")


def script() -> str:
    """The whole solution as one percent script."""
    return "\n".join([TITLE, *(fragment(part) for part in PARTS)])


def marked_cells(part: str, exercise: int) -> list[NotebookNode]:
    """The cells of one exercise, with stable ids and the handout's mark."""
    cells: list[NotebookNode] = jupytext.reads(fragment(part), fmt="py:percent").cells
    for place, cell in enumerate(cells, start=1):
        cell.id = f"{part}-{place}"
        cell.metadata = {"grader": {"exercise": exercise}}
    return cells


def notebook() -> NotebookNode:
    """The whole solution as a notebook without outputs."""
    title = jupytext.reads(TITLE, fmt="py:percent").cells
    title[0].id = "title"
    title[0].metadata = {}
    cells = [*title, *(cell for part, exercise in PARTS.items() for cell in marked_cells(part, exercise))]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    assembled = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.validate(assembled)
    return assembled


def written(assembled: NotebookNode) -> str:
    """The notebook as the text of its file."""
    return str(nbformat.writes(assembled, indent=1)) + "\n"


def main() -> None:
    (HERE / "solution.py").write_text(script(), encoding="utf-8")
    (HERE / "solution.ipynb").write_text(written(notebook()), encoding="utf-8")


if __name__ == "__main__":
    main()
