"""What students are given: a notebook, the same as a script, and the helper files. No rubric, no solution."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from grader.errors import UsageError
from grader.model.assignment import Assignment, ExerciseSpec, HandoutCell

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def write_handout(assignment: Assignment, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write `ID.ipynb`, `ID.py` and the support files into `folder`, made where it is missing.

    Every file appears whole or not at all. Cells carry `metadata.grader`, by which a submission's cells are
    known again whatever students do to the text.

    Raises:
        UsageError: a file is there already (unless `overwrite`), or the folder cannot be written.
    """
    contents = _contents(assignment)
    paths = [folder / name for name in contents]
    standing = [path for path in paths if path.exists()]
    if standing and not overwrite:
        raise UsageError(f"{standing[0]} is there already: name another folder, or allow overwriting")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            _write_atomically(path, contents[path.name])
    except OSError as error:
        raise UsageError(f"the handout cannot be written to {folder}: {error.strerror}") from error
    return paths


def handout_cells(assignment: Assignment) -> tuple[HandoutCell, ...]:
    """Introduction, then statement and starter of each exercise, in the assignment's order."""
    return tuple(_cells(assignment))


def _contents(assignment: Assignment) -> dict[str, bytes]:
    """File name to bytes; the same assignment always gives the same."""
    notebook = _notebook(assignment)
    support = {path.name: path.read_bytes() for path in assignment.support}
    own = {
        f"{assignment.id}.ipynb": nbformat.writes(notebook) + "\n",  # type: ignore[no-untyped-call]  # has no types
        f"{assignment.id}.py": _script(notebook),
    }
    if clash := own.keys() & support.keys():
        raise UsageError(f"the support file {clash.pop()} has the name of the handout itself: rename it")
    return {name: text.encode() for name, text in own.items()} | support


def _cells(assignment: Assignment) -> Iterator[HandoutCell]:
    if assignment.introduction.strip():
        yield HandoutCell("markdown", assignment.introduction.strip("\n"))
    for exercise in assignment.exercises:
        yield HandoutCell("markdown", _statement(exercise), exercise.number)
        yield HandoutCell("code", exercise.starter.strip("\n") or f"# {_label(exercise)}", exercise.number)


def _statement(exercise: ExerciseSpec) -> str:
    """The statement under a heading; its own, where it brings one."""
    text = exercise.statement.strip()
    return text if text.startswith("#") else f"## {_label(exercise)} · {exercise.title}\n\n{text}".rstrip()


def _label(exercise: ExerciseSpec) -> str:
    return f"Ex {exercise.number}" if exercise.number else "Extra"


def _notebook(assignment: Assignment) -> Any:
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": _KERNEL})  # type: ignore[no-untyped-call]  # has no types
    notebook.cells = [_notebook_cell(assignment.id, cell) for cell in handout_cells(assignment)]
    return notebook


def _notebook_cell(assignment_id: str, cell: HandoutCell) -> Any:
    make: Any = nbformat.v4.new_code_cell if cell.kind == "code" else nbformat.v4.new_markdown_cell
    if cell.exercise is None:
        return make(cell.source, id="introduction")
    mark = {"assignment": assignment_id, "exercise": cell.exercise}
    return make(cell.source, id=f"ex{cell.exercise}-{cell.kind}", metadata={"grader": mark})


def _script(notebook: Any) -> str:
    """The notebook as percent cells, without jupytext's header, which names the version that wrote it."""
    bare = notebook.copy() | {"metadata": {"jupytext": {"notebook_metadata_filter": "-all"}}}
    script: str = jupytext.writes(nbformat.from_dict(bare), fmt="py:percent")  # type: ignore[no-untyped-call]  # has no types
    return re.sub(r"\n*\Z", "\n", script)


def _write_atomically(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
