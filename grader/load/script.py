"""Scripts: as percent cells, cut at `# Ex N` comments, or as the one piece they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import jupytext
from jupytext.magics import uncomment_magic

from grader.load.content import speakable
from grader.load.notebook import exercise_in
from grader.load.python_source import parsed, statement_lines
from grader.model.headings import NUMBERED_EXERCISE
from grader.model.submission import Cell

_CELL_MARK = re.compile(r"^#\s*(?:%%+(?:\s.*)?|<codecell>\s*|In\s?\[[\d ]*\]:?\s*)$")
_EXERCISE_MARK = re.compile(rf"^#[#\s*=\-]*(?:{NUMBERED_EXERCISE}|extra\b)", re.IGNORECASE)
_UNKNOWN_CELL = {"cell_type": "code", "source": "", "metadata": {}}
_HEADER_FENCE = re.compile(r"^#\s*---\s*$")


def read_script(text: str) -> tuple[Cell, ...]:
    """The cells in order, code cells not yet numbered; `first_line` of each is its line in the file.

    A cut is made only between top-level statements. A script that does not parse is cut at percent marks
    alone: its syntax error is the student's, and Python would run no line of it.
    """
    lines = speakable(text).split("\n")
    free = _free_lines(text, len(lines))
    marks = [index for index, line in enumerate(lines) if _CELL_MARK.match(line) and free(index)]
    if marks:
        return _percent_cells(lines, marks)
    if parsed(text) is not None:
        marks = [index for index, line in enumerate(lines) if _EXERCISE_MARK.match(line) and free(index)]
    return _plain_cells(lines, marks)


def has_statements(cells: tuple[Cell, ...]) -> bool:
    """Whether the code cells hold more than comments; what does not parse counts as code."""
    trees = [parsed(cell.source) for cell in cells if cell.kind == "code"]
    return any(tree is None or tree.body for tree in trees)


def _free_lines(text: str, count: int) -> Callable[[int], bool]:
    """Whether a line, by index from 0, lies outside all top-level statements; true where nothing parses."""
    tree = parsed(text)
    taken = bytearray(count + 1)
    for first, last in statement_lines(tree) if tree else ():
        taken[first - 1 : last] = b"\1" * (last - first + 1)
    return lambda index: not taken[index]


def _plain_cells(lines: list[str], marks: list[int]) -> tuple[Cell, ...]:
    pieces = [(start, lines[start:end]) for start, end in pairwise([0, *marks, len(lines)])]
    return tuple(
        Cell(kind="code", source="\n".join(piece).rstrip("\n"), first_line=start + 1)
        for start, piece in pieces
        if any(line.strip() for line in piece)
    )


def _percent_cells(lines: list[str], marks: list[int]) -> tuple[Cell, ...]:
    """One cell per mark, and one for code above the first."""
    begin = _end_of_header(lines)
    above = lines[begin : marks[0]]
    cells = [_percent_cell(["# %%", *above], begin)] if any(line.strip() for line in above) else []
    for start, end in pairwise([*marks, len(lines)]):
        cells.append(_percent_cell(lines[start:end], start + 1))
    return tuple(cells)


def _end_of_header(lines: list[str]) -> int:
    """Index of the first line after jupytext's commented YAML; 0 where there is none."""
    fences = [index for index, line in enumerate(lines[:200]) if _HEADER_FENCE.match(line)]
    if len(fences) < 2 or any(not line.startswith("#") for line in lines[: fences[1]]):
        return 0
    return fences[1] + 1


def _percent_cell(chunk: list[str], begin: int) -> Cell:
    """The cell whose mark is the chunk's first line; its next line has index `begin` in the file."""
    body = chunk[1:]
    # Where jupytext sees a second mark (as inside a function), the lines themselves are the source.
    cell = _one_cell(chunk) or _one_cell(chunk[:1]) or SimpleNamespace(**_UNKNOWN_CELL)
    source = cell.source or _without_comment_marks(body)
    line = begin + _offset(source.split("\n"), body) + 1
    return Cell(kind=cell.cell_type, source=source, exercise=exercise_in(cell.metadata), first_line=line)


def _without_comment_marks(body: list[str]) -> str:
    """The lines with the magics that jupytext comments out made magics again."""
    lines = uncomment_magic(list(body))  # type: ignore[no-untyped-call]  # jupytext has no types
    return "\n".join(lines).rstrip("\n")


def _one_cell(chunk: list[str]) -> Any | None:
    """The cell that jupytext reads from these lines; None where it reads several or stumbles."""
    try:
        text = "\n".join(chunk) + "\n"
        cells = jupytext.reads(text, fmt="py:percent").cells  # type: ignore[no-untyped-call]  # has no types
    except Exception:  # jupytext promises no error type for broken marks.
        return None
    return cells[0] if len(cells) == 1 else None


def _offset(source: list[str], body: list[str]) -> int:
    """Lines of the body above the source, which has lost comment marks, quotes or blank lines there."""
    for offset in range(min(len(body), 50)):
        if source[0].strip() and source[0].strip() in body[offset]:
            return offset
        if not source[0].strip() and offset < len(body) and not body[offset].strip():
            return offset
    return 0
