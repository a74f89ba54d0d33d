"""Overrides and comments: they outrank the machine, stay, and say when the machine has changed its mind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.errors import UsageError
from grader.gradebook.book import Gradebook, opened
from grader.gradebook.records import Changed
from grader.model.classroom import Student, Worked
from grader.model.grade import Outcome
from tests.gradebook.building import ANA, BEN, CLEO, assignment, grade, keep, key, roll, row, worked

AT = datetime(2026, 11, 21, 18, 7, 22, tzinfo=UTC)


def begin(book: Gradebook) -> None:
    book.enrol(roll(ANA, BEN, missing=[CLEO]), assignment())
    keep(book, ANA, "a", worked([1.0, 0.4, 0.0]))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Gradebook]:
    with opened(tmp_path / "gradebook.sqlite", now=lambda: AT) as gradebook:
        begin(gradebook)
        yield gradebook


def override(book: Gradebook, points: float, exercise: int = 2, student: str = "ana") -> Changed:
    return book.override(student, exercise, points, reason="Explained orally", who="Dr. Kim")


def test_an_override_counts_everywhere(book: Gradebook) -> None:
    changed = override(book, 0.9)
    assert changed == Changed("ana", "Ana Ruiz", 2, "Exercise 2", 0.4, 0.9, 0.4, 1.0)
    on_page, adjusted = row(book), book.adjusted("ana")
    assert adjusted is not None
    assert (on_page.points, on_page.grade, on_page.machine_points) == (1.9, 2.9, 1.4)
    assert (adjusted.points, adjusted.grade) == (1.9, 2.9)
    exercise = adjusted.exercises[1]
    assert exercise.override is not None and exercise.override.when == "2026-11-21T18:07:22Z"
    assert (exercise.points, exercise.override.machine_points) == (0.9, 0.4)
    entry = on_page.exercises[1]
    assert (entry.points, entry.machine_points, entry.overridden, entry.conflict, entry.reason) == (
        0.9,
        0.4,
        True,
        False,
        "Explained orally",
    )


@pytest.mark.parametrize(
    ("points", "status"), [(1.0, Outcome.PASSED), (0.5, Outcome.PARTIAL), (0.0, Outcome.FAILED)]
)
def test_the_outcome_follows_the_points(book: Gradebook, points: float, status: Outcome) -> None:
    override(book, points)
    adjusted = book.adjusted("ana")
    assert adjusted is not None and adjusted.exercises[1].status is status
    assert row(book).exercises[1].status == status


def test_it_survives_another_attempt_a_forced_run_and_another_rubric(book: Gradebook) -> None:
    override(book, 0.9)
    keep(book, ANA, "a", worked([1.0, 0.4, 1.0]), run="forced")
    assert (row(book).points, row(book).exercises[1].conflict) == (2.9, False)
    (stored,) = book.stored()
    book.rejudged(stored, key("a", assignment="rubric-2"), grade([1.0, 0.6, 1.0]))
    assert (row(book).points, row(book).exercises[1].conflict) == (2.9, True)
    keep(book, ANA, "b", worked([0.0, 0.4, 0.0]))
    assert (row(book).points, row(book).exercises[1].conflict) == (0.9, False)


def test_setting_it_again_settles_the_conflict(book: Gradebook) -> None:
    override(book, 0.9)
    keep(book, ANA, "b", worked([1.0, 0.7, 0.0]))
    changed = override(book, 0.8)
    assert (changed.before, changed.points, changed.machine_points) == (0.9, 0.8, 0.7)
    assert not row(book).exercises[1].conflict


def test_withdrawn_the_machine_counts_again(book: Gradebook) -> None:
    override(book, 0.9)
    changed = book.withdraw("ana", 2, reason="A mistake of mine", who="Dr. Kim")
    assert (changed.before, changed.points) == (0.9, 0.4)
    assert (row(book).points, row(book).exercises[1].overridden) == (1.4, False)
    with pytest.raises(UsageError, match="nothing to withdraw"):
        book.withdraw("ana", 2, reason="Again", who="Dr. Kim")


def test_points_where_the_machine_could_give_none(book: Gradebook) -> None:
    keep(book, BEN, "b", worked([1.0, None, 0.5]))
    assert row(book, BEN).status == "partly_graded"
    override(book, 1.0, student="ben")
    adjusted = book.adjusted("ben")
    assert adjusted is not None and (adjusted.status, adjusted.points) == ("graded", 2.5)
    assert (row(book, BEN).status, row(book, BEN).points) == ("graded", 2.5)


def test_points_for_somebody_who_handed_nothing_in(book: Gradebook) -> None:
    override(book, 0.5, student="cleo")
    cleo = row(book, CLEO)
    assert (cleo.status, cleo.points, cleo.grade, cleo.machine_points) == ("missing", 0.5, 1.5, None)
    assert [entry.points for entry in cleo.exercises] == [None, 0.5, None]
    assert book.adjusted("cleo") is None


def test_points_before_the_first_grading_show_the_conflict_after_it(book: Gradebook) -> None:
    keep(book, BEN, "b", Worked(None, "The kernel died.", fault=True))
    override(book, 1.0, student="ben")
    assert row(book, BEN).points == 1.0
    keep(book, BEN, "b", worked([1.0, 0.0, 1.0]))
    assert (row(book, BEN).points, row(book, BEN).exercises[1].conflict) == (3.0, True)


@pytest.mark.parametrize("points", [-0.1, 1.1, math.nan, math.inf])
def test_impossible_points_are_refused(book: Gradebook, points: float) -> None:
    with pytest.raises(UsageError, match="exercise 2 has 0 to 1"):
        override(book, points)
    assert row(book).points == 1.4


@pytest.mark.parametrize("exercise", [0, 4, -1])
def test_an_exercise_without_points_takes_none(book: Gradebook, exercise: int) -> None:
    with pytest.raises(UsageError, match="there are 1, 2, 3"):
        override(book, 0.5, exercise)


@pytest.mark.parametrize(("reason", "who"), [(" \n", "Dr. Kim"), ("Why not", " "), ("x" * 1001, "Dr. Kim")])
def test_who_and_why_are_needed(book: Gradebook, reason: str, who: str) -> None:
    with pytest.raises(UsageError):
        book.override("ana", 2, 0.5, reason=reason, who=who)
    assert not [event for event in book.history() if event.kind == "override"]


def test_comments_stay_in_order(book: Gradebook) -> None:
    book.comment("ana", "See me.", who="Dr. Kim")
    book.comment("Ana Ruiz", "Nice\nloop.", exercise=2, who="Dr. Lee")
    keep(book, ANA, "b")
    assert row(book).comments == ("See me.", "Ex 2: Nice\nloop.")
    adjusted = book.adjusted("ana")
    assert adjusted is not None
    assert [(said.exercise, said.text, said.who) for said in adjusted.comments] == [
        (None, "See me.", "Dr. Kim"),
        (2, "Nice\nloop.", "Dr. Lee"),
    ]
    with pytest.raises(UsageError):
        book.comment("ana", " ", who="Dr. Kim")
    with pytest.raises(UsageError):
        book.comment("ana", "So?", exercise=9, who="Dr. Kim")


def test_history_tells_who_when_what_and_why(book: Gradebook) -> None:
    override(book, 0.9)
    book.withdraw("ana", 2, reason="A mistake of mine", who="Dr. Lee")
    book.comment("ana", "See me.", who="Dr. Kim")
    told = [(event.kind, event.who, event.what, event.why) for event in book.history("ana@example.org")]
    assert told == [
        ("graded", "grader 1.0", "1.4 of 3 points", "handed in"),
        ("override", "Dr. Kim", "Ex 2 (Exercise 2): 0.9 instead of 0.4", "Explained orally"),
        ("withdrawal", "Dr. Lee", "Ex 2: the machine's points count again", "A mistake of mine"),
        ("comment", "Dr. Kim", "comment on the submission: See me.", ""),
    ]
    assert {event.at for event in book.history()} == {AT}
    assert list(book.history("cleo")) == []


# ---------------------------------------------------------------- who is meant


@pytest.mark.parametrize(
    "who", ["cleo", "13", "CLEO@example.org", "Cleo Ødegård", "Ødegård, Cleo", "cleo ødegard", " cleo "]
)
def test_a_student_is_found_by_key_id_address_or_name(book: Gradebook, who: str) -> None:
    assert override(book, 1.0, student=who).student == "cleo"


def test_nobody_is_guessed(book: Gradebook) -> None:
    with pytest.raises(UsageError, match=r"near it: Ana Ruiz \(ana\)"):
        override(book, 1.0, student="Ana Diaz")
    with pytest.raises(UsageError, match=r"nobody in the gradebook is called 'zoe'$"):
        override(book, 1.0, student="zoe")
    with pytest.raises(UsageError, match="nobody"):
        override(book, 1.0, student="%")


def test_two_of_one_name_are_told_apart_by_key(book: Gradebook) -> None:
    book.enrol(roll(Student("ana2", "Ruiz, Ana")), assignment())
    with pytest.raises(UsageError, match=r"Ana Ruiz \(ana\), Ruiz, Ana \(ana2\): name the key"):
        override(book, 1.0, student="Ana Ruiz")
    assert override(book, 1.0, student="ana2").name == "Ruiz, Ana"


def test_a_gradebook_of_two_assignments_asks_which(tmp_path: Path, book: Gradebook) -> None:
    book.enrol(roll(ANA), assignment(id="other"))
    with opened(tmp_path / "gradebook.sqlite") as later:
        with pytest.raises(UsageError, match="name the assignment: the gradebook knows other, small"):
            override(later, 1.0)
        later.override("ana", 2, 1.0, reason="So", who="Dr. Kim", assignment="small")
        assert row(later).points == 2.0
        with pytest.raises(UsageError, match="knows no assignment 'third'"):
            later.adjusted("ana", assignment="third")
