"""Which lines belong to which exercise: comments, headings, metadata, in many spellings."""

from __future__ import annotations

import pytest

from grader.evidence.markers import Markers
from grader.model.submission import Submission, Where
from tests.evidence.building import notebook, script

KNOWN = set(range(10))


def marked(submission: Submission, known: set[int] = KNOWN) -> Markers:
    return Markers(submission, known)


def exercise_of(submission: Submission, cell: int, line: int | None = None) -> int | None:
    return marked(submission).exercise_at(Where(cell=cell, line=line))


COMMENTS = [
    ("# Ex 3", 3),
    ("# Ex3", 3),
    ("#Ex3", 3),
    ("# EX3:", 3),
    ("#EX 3", 3),
    ("#Ex 3.", 3),
    ("# ex. 3", 3),
    ("# Ex.3 the baseline", 3),
    ("## Ex 3 ##", 3),
    ("#### Ex #3", 3),
    ("# --- Ex 3 ---", 3),
    ("# ===== EXERCISE 3 =====", 3),
    ("# Exercise 3: a model", 3),
    ("# exercise no. 3", 3),
    ("# Exercițiul 4", 4),
    ("# Exerciţiul 4", 4),
    ("# Exercitiul 4.", 4),
    ("# Ejercicio 5", 5),
    ("# Exercice 6", 6),
    ("# Übung 7", 7),
    ("# Task 8", 8),
    ("# Q2", 2),
    ("# Question 3: a model", 3),
    ("# Exercício 4", 4),
    ("# Ćwiczenie 5", 5),
    ("# Övning 6", 6),
    ("# Задание 7", 7),
    ("# %% Ex 9", 9),
    ("# %% [markdown] Ex 9", 9),
    ("#@title Ex 3 - Baseline", 3),
    ("# @title Exercise 4", 4),
    ("#@markdown ## Ex 5", 5),
    ("    # Ex 3 (indented)", 3),
    ("# Extra", 0),
    ("# BONUS", 0),
    ("# Extra exercise: a better model", 0),
]


@pytest.mark.parametrize(("line", "exercise"), COMMENTS)
def test_a_comment_marks_what_follows(line: str, exercise: int) -> None:
    submission = notebook("import torch", f"{line}\nx = 1", "y = 2")
    assert exercise_of(submission, 1) is None
    assert [exercise_of(submission, 2, 2), exercise_of(submission, 3, 1)] == [exercise, exercise]


@pytest.mark.parametrize(
    "line",
    [
        "# see Ex 3 for the model",
        "# as in Exercise 3",
        "x = 3  # Ex 3",
        "print('# Ex 3')",
        "# Exit 3",
        "# example 3",
        "# Explain 3 things",
        "# Expected 3 values",
        "# extract the features",
        "# 3",
        "# Ex",
        "# Ex 42",
        "# extraordinary results",
        "# QR 3",
        "# questions 3 to 5",
    ],
)
def test_other_lines_are_no_marks(line: str) -> None:
    assert marked(notebook(f"{line}\nx = 1")).marks == ()


@pytest.mark.parametrize(
    ("heading", "exercise"),
    [
        ("## Exercițiul 4", 4),
        ("# Exercise 5 - the loop", 5),
        ("**Exercise 5**", 5),
        ("### Ex. 5", 5),
        ("Ex 5", 5),
        ("> Ex 5", 5),
        ("[Exercise 5]", 5),
        ("Some words first.\n\n## Ex 5", 5),
        ("## Ex 4\n## Ex 5", 5),
        ("## Extra", 0),
    ],
)
def test_a_heading_marks_the_next_code_cell(heading: str, exercise: int) -> None:
    submission = notebook("import torch", f"md:{heading}", "x = 1")
    assert [exercise_of(submission, 1), exercise_of(submission, 2, 1)] == [None, exercise]


@pytest.mark.parametrize(
    "text", ["As we saw in Ex 3, lines are weak.", "The exercise is hard.", "Model of Ex 3"]
)
def test_prose_that_mentions_an_exercise_marks_nothing(text: str) -> None:
    assert marked(notebook(f"md:{text}", "x = 1")).marks == ()


def test_marks_of_unknown_exercises_are_left_out() -> None:
    assert marked(notebook("# Ex 3\nx = 1", "# Ex 5\ny = 2"), known={5}).marked == {5}


def test_a_merged_cell_is_divided_by_its_lines() -> None:
    submission = notebook("import torch\n# Ex 3\nmodel = 1\n\n# Ex 4\nloss = 2\n# Ex 5\nloop = 3")
    found = [exercise_of(submission, 1, line) for line in range(1, 9)]
    assert found == [None, 3, 3, 3, 4, 4, 5, 5]
    markers = marked(submission)
    assert markers.exercises_in(submission.code_cells[0]) == {3, 4, 5}
    assert [markers.cells_of(number) for number in (3, 4, 5, 6)] == [(1,), (1,), (1,), ()]
    assert exercise_of(submission, 1) == 5, "without a line, the cell's last mark counts"


def test_a_comment_at_the_head_of_a_cell_takes_the_whole_cell() -> None:
    submission = notebook("# Ex 3\nmodel = 1", "# Ex 4\n\n# the recommended loss\nloss = 2")
    assert marked(submission).exercises_in(submission.code_cells[1]) == {4}
    assert marked(submission).cells_of(3) == (1,)


def test_later_marks_overrule_earlier_ones_until_the_next() -> None:
    submission = notebook("# Ex 3\na = 1", "b = 2", "# Ex 9\nc = 3", "# Ex 4\nd = 4")
    assert [exercise_of(submission, cell) for cell in (1, 2, 3, 4)] == [3, 3, 9, 4]


def test_the_handouts_metadata_wins_over_comments() -> None:
    submission = notebook((3, "# Ex 7\nmodel = 1"), "more = 2")
    assert [exercise_of(submission, 1, 2), exercise_of(submission, 2)] == [3, 3]
    assert marked(submission).marked == {3}


def test_a_comment_wins_over_the_heading_above_it() -> None:
    submission = notebook("md:## Ex 3", "# Ex 4\nx = 1")
    assert exercise_of(submission, 1, 2) == 4


def test_lines_of_a_script_count_through_the_file() -> None:
    submission = script("import torch\n", "# Ex 1\nx = 1\n", "# Ex 2\ny = 2\n")
    assert [exercise_of(submission, 2, 3), exercise_of(submission, 3, 5)] == [1, 2]
    assert [mark.where.line for mark in marked(submission).marks] == [2, 4]


# ---------------------------------------------------------------- functions

FUNCTIONS = """\
def train(model):
    # Ex 5
    for epoch in range(10):
        step(model)

def other():
    pass

# Ex 7
train(model)
"""


def test_a_mark_inside_a_function_ends_with_it() -> None:
    submission = notebook(FUNCTIONS, "later = 1")
    found = [exercise_of(submission, 1, line) for line in (1, 3, 4, 7, 10)]
    assert found == [None, 5, 5, None, 7]
    assert exercise_of(submission, 2) == 7


def test_an_event_belongs_to_the_outermost_marked_line() -> None:
    markers = marked(notebook(FUNCTIONS, "train(model)"))
    assert markers.place([(1, 10), (1, 4)], 1) == Where(cell=1, line=10)
    unmarked_caller = marked(notebook("def go():\n    # Ex 5\n    loop()", "go()"))
    assert unmarked_caller.place([(2, 1), (1, 3)], 2) == Where(cell=1, line=3)
    assert unmarked_caller.place([], 2) == Where(cell=2)


def test_a_cell_that_does_not_parse_still_has_its_marks() -> None:
    submission = notebook("# Ex 3\nclass Broken(:\n", "# Ex 4\nx = 1")
    assert [exercise_of(submission, 1, 2), exercise_of(submission, 2, 2)] == [3, 4]


def test_nowhere_is_no_exercise() -> None:
    assert marked(notebook("# Ex 3\nx = 1")).exercise_at(None) is None
