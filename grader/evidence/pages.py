"""What stands in each exercise's part of the file: its cells, its prose, what they printed and drew."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from grader.evidence.attribution import BY_MARKERS, BY_MEANING
from grader.evidence.maps import place_of
from grader.evidence.markers import IN_TEXT, Markers
from grader.model.assignment import Assignment, ExerciseSpec
from grader.model.evidence import ExerciseEvidence
from grader.model.figures import Figure
from grader.model.recording import CellRun
from grader.model.reported import Comparison, Said
from grader.model.submission import Cell, Submission, Where

_COMMENT = re.compile(r"#\s*(.+)$", re.MULTILINE)
_MOST_TEXT = 60_000


class Pages:
    """Cuts a submission's cells, outputs and figures up by exercise."""

    def __init__(
        self,
        submission: Submission,
        assignment: Assignment,
        markers: Markers,
        cells: Sequence[CellRun],
        said: Sequence[Said],
        figures: Sequence[Figure],
        comparisons: Sequence[Comparison],
    ) -> None:
        self._submission = submission
        self._markers = markers
        self._cells = {run.number: run for run in cells}
        self._said = said
        self._figures = figures
        self._comparisons = comparisons
        self._prose = _prose_by_exercise(submission, assignment)

    def exercise(self, spec: ExerciseSpec, by_meaning: Sequence[int]) -> ExerciseEvidence:
        """One exercise. `by_meaning`: cells whose events were given to it without a marker."""
        marked = self._markers.cells_of(spec.number)
        cells = marked or tuple(sorted(set(by_meaning)))
        return ExerciseEvidence(
            number=spec.number,
            cells=cells,
            attribution=BY_MARKERS
            if marked
            else BY_MEANING
            if cells
            else "Nothing in the file belongs to it.",
            printed=self._printed(spec.number, cells, bool(marked)),
            prose=self._prose.get(spec.number, "") or ("" if marked else self._prose_around(cells)),
            figures=tuple(
                figure for figure in self._figures if self._belongs(figure, spec.number, cells, bool(marked))
            ),
            comparisons=tuple(c for c in self._comparisons if c.cell in cells),
            errors=tuple(self._cells[n] for n in cells if n in self._cells and self._cells[n].status != "ok"),
            attempted=any(self._is_own_work(number, spec) for number in cells if self._ran(number)),
        )

    def _printed(self, number: int, cells: Sequence[int], marked: bool) -> str:
        parts = []
        for cell_number in cells:
            cell, run = self._submission.cell(cell_number), self._cells.get(cell_number)
            if cell is None or run is None:
                continue
            if marked and len(self._markers.exercises_in(cell)) > 1:
                parts.extend(self._lines_said(number, cell_number))
                parts.extend(output.text for output in run.outputs if output.kind in ("display", "result"))
            else:
                parts.extend(output.text for output in run.outputs if output.kind != "stderr")
        return "\n".join(parts)[:_MOST_TEXT]

    def _lines_said(self, exercise: int, cell: int) -> list[str]:
        """Of a cell that holds several exercises, the lines printed from this one's lines."""
        return [
            said.text
            for said in self._said
            if said.cell == cell and self._markers.exercise_at(said.where) == exercise
        ]

    def _belongs(self, figure: Figure, exercise: int, cells: Sequence[int], marked: bool) -> bool:
        if not marked:
            return figure.cell in cells
        return any(
            self._markers.exercise_at(place_of(figure, axes, self._markers)) == exercise
            for axes in figure.axes
        )

    def _prose_around(self, cells: Sequence[int]) -> str:
        """Of a file without markers: the comments in these cells, and the text cells that follow one of them."""
        texts, inside = [], False
        for cell in self._submission.cells:
            if cell.number is not None:
                inside = cell.number in cells
            if inside:
                texts.append(cell.source if cell.kind == "markdown" else _comments(cell))
        return "\n".join(texts)[:_MOST_TEXT]

    def _ran(self, number: int) -> bool:
        return number in self._cells and self._cells[number].status != "not_run"

    def _is_own_work(self, number: int, spec: ExerciseSpec) -> bool:
        cell = self._submission.cell(number)
        return cell is not None and _code_of(cell.source) not in ("", _code_of(spec.starter))


def _prose_by_exercise(submission: Submission, assignment: Assignment) -> dict[int, str]:
    """Text cells and comments by the exercise they stand in; the handout's own statements are not the student's."""
    statements = {_squeezed(exercise.statement) for exercise in assignment.exercises}
    current: int | None = None
    found: dict[int, list[str]] = {}
    for cell in submission.cells:
        current = _current_exercise(cell, current)
        if current is None or _squeezed(cell.source) in statements:
            continue
        text = cell.source if cell.kind == "markdown" else _comments(cell)
        found.setdefault(current, []).append(text)
    return {number: "\n".join(texts)[:_MOST_TEXT] for number, texts in found.items()}


def _current_exercise(cell: Cell, before: int | None) -> int | None:
    if cell.exercise is not None:
        return cell.exercise
    if cell.kind not in ("markdown", "code"):
        return before
    lines = cell.source.splitlines()
    if cell.kind == "code":
        lines = [line for line in lines if line.lstrip().startswith("#")]
    for line in lines:
        match = IN_TEXT.match(line)
        if match:
            before = int(match.group(1) or 0)
    return before


def _comments(cell: Cell) -> str:
    return "\n".join(_COMMENT.findall(cell.source)) if cell.kind == "code" else ""


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().lower()


@lru_cache(maxsize=512)
def _code_of(source: str) -> str:
    """The code without comments and layout; the text itself where it cannot be parsed."""
    try:
        return ast.unparse(ast.parse(source)).strip()
    except (SyntaxError, ValueError, RecursionError):
        return source.strip()


def cells_by_meaning(
    assignment: Assignment, places: Mapping[int, Sequence[Where]], first_loop: int | None
) -> dict[int, list[int]]:
    """Cells for exercises without markers: where their events happened; work on data alone before the first loop."""
    found = {number: sorted({where.cell for where in wheres}) for number, wheres in places.items()}
    for exercise in assignment.exercises:
        if exercise.task is None and exercise.graded and not found.get(exercise.number) and first_loop:
            found[exercise.number] = list(range(1, first_loop + 1))
    return found
