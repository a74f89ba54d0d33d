"""What stands in each exercise's part of the file."""

from __future__ import annotations

from typing import Any

import pytest

from grader.evidence.attribution import BY_MARKERS, BY_MEANING
from grader.evidence.markers import Markers
from grader.evidence.pages import Pages, cells_by_meaning
from grader.model.evidence import ExerciseEvidence
from grader.model.figures import Axes, Figure
from grader.model.recording import CellRun, Output
from grader.model.reported import Comparison, Said
from grader.model.submission import Submission, Where
from tests.check.building import assignment
from tests.evidence.building import notebook


def ran(number: int, *outputs: Output, status: Any = "ok") -> CellRun:
    return CellRun(number=number, status=status, outputs=outputs)


def out(text: str, kind: Any = "stdout") -> Output:
    return Output(kind=kind, text=text)


def page(
    submission: Submission,
    number: int,
    *cells: CellRun,
    meant: tuple[int, ...] = (),
    said: tuple[Said, ...] = (),
    figures: tuple[Figure, ...] = (),
    comparisons: tuple[Comparison, ...] = (),
) -> ExerciseEvidence:
    markers = Markers(submission, set(range(10)))
    runs = cells or tuple(ran(cell.number or 0) for cell in submission.code_cells)
    pages = Pages(submission, assignment(), markers, runs, said, figures, comparisons)
    spec = assignment().exercise(number)
    assert spec is not None
    return pages.exercise(spec, meant)


MARKED = notebook("import torch", "# Ex 1\nprint(X.shape)", "print(X[:3])", "# Ex 2\nsplit()")


def test_the_cells_of_an_exercise_are_those_its_marks_reach() -> None:
    found = page(MARKED, 1)
    assert (found.cells, found.attribution, found.attempted) == ((2, 3), BY_MARKERS, True)


def test_cells_without_markers_are_given_by_meaning() -> None:
    bare = notebook("a = 1", "b = 2")
    assert (page(bare, 5, meant=(2, 2)).cells, page(bare, 5, meant=(2,)).attribution) == ((2,), BY_MEANING)
    nothing = page(bare, 5)
    assert (nothing.cells, nothing.attempted) == ((), False)
    assert nothing.attribution not in (BY_MARKERS, BY_MEANING)


def test_what_its_cells_printed_without_warnings() -> None:
    found = page(
        MARKED,
        1,
        ran(1, out("elsewhere")),
        ran(2, out("(2000, 2)"), out("warning", "stderr")),
        ran(3, out("0.44", "result")),
    )
    assert found.printed == "(2000, 2)\n0.44"


def test_of_a_shared_cell_each_exercise_has_the_lines_printed_from_its_own() -> None:
    shared = notebook("# Ex 1\nprint(X.shape)\n# Ex 2\nprint(len(X_train))")
    said = (
        Said(Where(cell=1, line=2), 1, None, 0, "(2000, 2)"),
        Said(Where(cell=1, line=4), 1, None, 0, "1600"),
    )
    cell = ran(1, out("(2000, 2)\n1600"))
    assert page(shared, 1, cell, said=said).printed == "(2000, 2)"
    assert page(shared, 2, cell, said=said).printed == "1600"


def test_output_without_end_is_cut() -> None:
    assert len(page(MARKED, 1, ran(2, out("x" * 100_000))).printed) == 60_000


# ---------------------------------------------------------------- prose


def test_prose_and_comments_belong_to_the_exercise_they_stand_in() -> None:
    submission = notebook(
        "md:An introduction",
        "md:## Ex 1\n\nX has two features.",
        "x = 1  # the first",
        "md:More words.",
        "# Ex 2\ny = 2",
    )
    prose = page(submission, 1).prose
    assert "two features" in prose and "the first" in prose and "More words" in prose
    assert "introduction" not in prose
    assert "More words" not in page(submission, 2).prose


def test_the_handouts_own_statement_is_not_the_students_answer() -> None:
    spec = assignment().exercise(1)
    assert spec is not None and spec.statement
    handed = notebook((1, f"md:{spec.statement}"), (1, "print(X.shape)"), (1, "md:Two features."))
    assert page(handed, 1).prose.strip() == "Two features."


def test_a_bare_file_gives_the_words_around_its_cells() -> None:
    bare = notebook("md:Before.", "a = 1  # inside", "md:After it.", "b = 2", "md:Elsewhere.")
    prose = page(bare, 1, meant=(1,)).prose
    assert "inside" in prose and "After it" in prose and "Elsewhere" not in prose and "Before" not in prose


# ---------------------------------------------------------------- work of the student's own


@pytest.mark.parametrize("number", range(1, 10))
def test_the_handouts_starter_left_as_it_was_is_no_attempt(number: int) -> None:
    spec = assignment().exercise(number)
    assert spec is not None
    untouched = notebook((number, spec.starter or "# nothing"))
    reformatted = notebook((number, f"# a comment\n\n{spec.starter}\n\n"))
    worked_on = notebook((number, f"{spec.starter}\nanswer = 42"))
    assert [page(each, number).attempted for each in (untouched, reformatted, worked_on)] == [
        False,
        False,
        True,
    ]


def test_a_cell_that_never_ran_is_no_attempt() -> None:
    assert not page(MARKED, 2, ran(4, status="not_run")).attempted
    assert page(MARKED, 2, ran(4, status="error")).attempted


def test_a_cell_of_comments_is_no_attempt_and_one_that_does_not_parse_is() -> None:
    assert not page(notebook("# Ex 3\n# later"), 3).attempted
    assert page(notebook("# Ex 3\nclass Net(:"), 3).attempted


# ---------------------------------------------------------------- figures and comparisons


def test_figures_by_the_line_that_drew_them() -> None:
    submission = notebook("# Ex 5\nplot()\n# Ex 8\nplot_map()")
    curve, drawn = (Figure(cell=1, axes=(Axes(at=((1, line),)),)) for line in (2, 4))
    assert page(submission, 5, figures=(curve, drawn)).figures == (curve,)
    assert page(submission, 8, figures=(curve, drawn)).figures == (drawn,)
    bare = notebook("plot()", "x = 1")
    assert page(bare, 5, meant=(1,), figures=(curve,)).figures == (curve,)
    assert page(bare, 8, meant=(2,), figures=(curve,)).figures == ()


def test_errors_and_comparisons_of_its_cells() -> None:
    compared = Comparison(Where(cell=3), 3, (4,), (4,), ())
    found = page(MARKED, 1, ran(2, status="error"), ran(3), ran(4, status="timeout"), comparisons=(compared,))
    assert [run.number for run in found.errors] == [2]
    assert found.comparisons == (compared,)
    assert page(MARKED, 2, comparisons=(compared,)).comparisons == ()


# ---------------------------------------------------------------- by meaning


def test_cells_by_meaning_are_those_of_the_events() -> None:
    places = {5: [Where(cell=7), Where(cell=6, line=3), Where(cell=7, line=1)]}
    assert cells_by_meaning(assignment(), places, None) == {5: [6, 7]}


def test_work_on_data_stands_before_the_first_loop() -> None:
    found = cells_by_meaning(assignment(), {5: [Where(cell=4)]}, 4)
    assert (found[1], found[2]) == ([1, 2, 3, 4], [1, 2, 3, 4])
    assert 0 not in found, "the extra is not guessed at"
    assert cells_by_meaning(assignment(), {2: [Where(cell=9)]}, 4)[2] == [9]
