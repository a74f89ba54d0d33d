"""Which lines of a submission belong to which exercise, as its markers say: metadata, comments, headings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from grader.model.headings import EXERCISE_WORD, NUMBERED_EXERCISE
from grader.model.submission import Cell, Submission, Where

_EXTRA = rf"(?:extra|bonus)\b(?:\s*(?:{EXERCISE_WORD}|excercise))?"
_FORM = r"(?:markdown\]\s*|@(?:title|markdown)\s+[#\s]*)?"
"""What jupytext and Colab's forms write before a comment's own text."""
_IN_CODE = re.compile(rf"^\s*#[#\s%*=\-\[\]]*{_FORM}(?:{NUMBERED_EXERCISE}|({_EXTRA}))", re.IGNORECASE)
IN_TEXT = re.compile(rf"^[\s#>*_\-=\[(]*(?:{NUMBERED_EXERCISE}|({_EXTRA}))", re.IGNORECASE)


@dataclass(frozen=True)
class Mark:
    """From this place on, an exercise."""

    where: Where
    exercise: int
    """0 for the ungraded extra."""
    source: str
    """`metadata`, `comment` or `heading`."""
    last_line: int | None = None
    """Where it stands inside a function or class: the last line of that. It says nothing of what comes after."""

    def governs(self, where: Where) -> bool:
        """Whether it stands before this place, and in a part of the file that the place belongs to."""
        line = where.line if where.line is not None else 10**9
        if (self.where.cell, self.where.line or 1) > (where.cell, line):
            return False
        return self.last_line is None or (where.cell == self.where.cell and line <= self.last_line)


class Markers:
    """All marks of a submission, in the order of the file."""

    def __init__(self, submission: Submission, known: set[int]) -> None:
        self._submission = submission
        self.marks = tuple(mark for mark in _all_marks(submission) if mark.exercise in known)

    def exercise_at(self, where: Where | None) -> int | None:
        """The exercise that this place is marked as; None before the first mark."""
        if where is None:
            return None
        return next((mark.exercise for mark in reversed(self.marks) if mark.governs(where)), None)

    def place(self, stack: Sequence[tuple[int, int]], cell: int) -> Where:
        """The place that decides which exercise an event belongs to.

        `stack`: (cell, line) of the student's frames, outermost first. A function that several exercises call
        belongs to its caller, so the outermost marked line decides; without any, the outermost line.
        """
        places = [Where(cell=number, line=line) for number, line in stack]
        marked = (place for place in places if self.exercise_at(place) is not None)
        return next(marked, places[0] if places else Where(cell=cell))

    def cells_of(self, exercise: int) -> tuple[int, ...]:
        """The code cells in which some line is marked as this exercise."""
        cells = self._submission.code_cells
        return tuple(cell.number for cell in cells if cell.number and exercise in self.exercises_in(cell))

    def exercises_in(self, cell: Cell) -> set[int]:
        """The exercises that some line of this cell is marked as."""
        number = cell.number or 0
        inside = {
            mark.exercise for mark in self.marks if mark.where.cell == number and not _at_top(mark, cell)
        }
        start = self.exercise_at(Where(cell=number, line=_first_code_line(cell)))
        return inside | ({start} if start is not None else set())

    @property
    def marked(self) -> set[int]:
        return {mark.exercise for mark in self.marks}


def _all_marks(submission: Submission) -> Iterator[Mark]:
    """Marks in file order; those of a text cell stand at the head of the next code cell."""
    heading: int | None = None
    for cell in submission.cells:
        if cell.kind == "markdown":
            heading = _last_in_text(cell.source, heading)
        if cell.number is None:
            continue
        if heading is not None:
            yield Mark(Where(cell=cell.number, line=cell.first_line), heading, "heading")
            heading = None
        if cell.exercise is not None:
            yield Mark(Where(cell=cell.number, line=cell.first_line), cell.exercise, "metadata")
            continue
        yield from _in_cell(cell)


def _in_cell(cell: Cell) -> Iterator[Mark]:
    scopes = _scopes(cell.source)
    for offset, line in enumerate(cell.source.splitlines()):
        match = _IN_CODE.match(line)
        if match:
            place = Where(cell=cell.number or 0, line=cell.first_line + offset)
            inside = [end for start, end in scopes if start < offset + 1 <= end]
            last_line = min(inside) + cell.first_line - 1 if inside and line[:1].isspace() else None
            yield Mark(place, int(match.group(1) or 0), "comment", last_line)


@lru_cache(maxsize=256)
def _scopes(source: str) -> tuple[tuple[int, int], ...]:
    """First and last line of each function and class."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return tuple(
        (node.lineno, node.end_lineno or node.lineno) for node in ast.walk(tree) if isinstance(node, kinds)
    )


def _last_in_text(text: str, before: int | None) -> int | None:
    """The last exercise that a line of the text begins with; the one before where there is none."""
    for line in text.splitlines():
        match = IN_TEXT.match(line)
        if match:
            before = int(match.group(1) or 0)
    return before


def _first_code_line(cell: Cell) -> int:
    """The first line that is neither empty nor a comment; what stands above it only introduces."""
    for offset, line in enumerate(cell.source.splitlines()):
        if line.strip() and not line.lstrip().startswith("#"):
            return cell.first_line + offset
    return cell.first_line


def _at_top(mark: Mark, cell: Cell) -> bool:
    return (mark.where.line or 1) <= _first_code_line(cell)
