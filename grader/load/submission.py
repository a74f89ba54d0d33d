"""One file, whoever wrote it with whatever editor, to a `Submission`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from grader.errors import UnreadableSubmission
from grader.load.companions import companions_of
from grader.load.content import decoded, read_capped, shown_name, size_of
from grader.load.notebook import looks_like_notebook, read_notebook
from grader.load.script import has_statements, read_script
from grader.model.submission import Cell, Submission

MAX_SOURCE_BYTES = 2 * 1024**2
"""Of all cells together; no one writes that much, and outputs are not counted. Python's parser takes some 350 bytes of
memory for each: one submission must not end the run of a whole class."""

_Read = tuple[Literal["notebook", "script"], tuple[Cell, ...], tuple[str, ...]]


def load_submission(path: Path) -> Submission:
    """Read a notebook (`.ipynb`) or a script (`.py`), and what lies beside it.

    Raises:
        UnreadableSubmission: it cannot be graded; the message is one line that says what to do.
    """
    name = shown_name(path)
    data = read_capped(path)
    if path.suffix.lower() not in (".ipynb", ".py"):
        raise UnreadableSubmission(f"{name} is neither a notebook (.ipynb) nor a script (.py): hand in one.")
    text, notes = decoded(data, name)
    kind, cells, mended = _read(path, text, name)
    _refuse_what_holds_no_code(cells, name)
    companions, left = companions_of(path, "\n".join(cell.source for cell in cells if cell.kind == "code"))
    return Submission(
        name=name,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        kind=kind,
        cells=cells,
        companions=companions,
        notes=(*notes, *mended, *left),
    )


def _read(path: Path, text: str, name: str) -> _Read:
    if path.suffix.lower() == ".ipynb":
        cells, notes = read_notebook(text, name)
        return "notebook", _numbered(cells), notes
    if looks_like_notebook(text):
        cells, notes = read_notebook(text, name)
        return "notebook", _numbered(cells), (*notes, "The file is called .py but was read as a notebook.")
    _refuse_oversize(size_of(text), name)
    cells = read_script(text)
    if not has_statements(cells):
        raise UnreadableSubmission(f"{name} holds comments but no code: hand in your solution.")
    return "script", _numbered(cells), ()


def _refuse_what_holds_no_code(cells: tuple[Cell, ...], name: str) -> None:
    _refuse_oversize(sum(size_of(cell.source) for cell in cells), name)
    if not any(cell.number for cell in cells):
        raise UnreadableSubmission(f"{name} holds no code: hand in your solution.")


def _refuse_oversize(size: int, name: str) -> None:
    if size > MAX_SOURCE_BYTES:
        megabytes = MAX_SOURCE_BYTES // 1024**2
        raise UnreadableSubmission(f"{name} has over {megabytes} MB of source: move data out of the code.")


def _numbered(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """The cells with the code that is not blank counted from 1, as Jupyter counts when it runs them all."""
    numbered, count = [], 0
    for cell in cells:
        if cell.kind == "code" and cell.source.strip():
            count += 1
            numbered.append(cell.model_copy(update={"number": count}))
        else:
            numbered.append(cell)
    return tuple(numbered)
