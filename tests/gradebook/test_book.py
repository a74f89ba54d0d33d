"""What is recorded, what counts, and what stays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from grader.gradebook.book import Gradebook, opened
from grader.gradebook.tables import handins
from grader.model.classroom import Refused, Roll, Student, Worked
from grader.model.grade import Curve, Pictures
from tests.gradebook.building import (
    ANA,
    BEN,
    CLEO,
    DAY,
    NOON,
    assignment,
    grade,
    handin,
    keep,
    key,
    roll,
    row,
    worked,
)


def begin(book: Gradebook) -> None:
    book.enrol(roll(ANA, BEN, missing=[CLEO]), assignment())


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Gradebook]:
    with opened(tmp_path / "gradebook.sqlite") as gradebook:
        begin(gradebook)
        yield gradebook


def test_a_result_is_there_in_the_next_session(tmp_path: Path) -> None:
    with opened(tmp_path / "gradebook.sqlite") as first:
        first.enrol(roll(ANA), assignment())
        assert keep(first, ANA, "a")
    with opened(tmp_path / "gradebook.sqlite", create=False) as second:
        assert second.done(key("a")) and not second.done(key("b"))
        assert row(second).points == 1.5
    assert [file.name for file in tmp_path.iterdir()] == ["gradebook.sqlite"]


@pytest.mark.parametrize(
    "other", [{"seed": 7}, {"assignment": "rubric-2"}, {"grader": "2.0"}, {"device": "cuda"}]
)
def test_another_key_is_another_result(book: Gradebook, other: dict[str, object]) -> None:
    keep(book, ANA, "a")
    assert not book.done(key("a", **other))


def test_what_a_cluster_delivers_twice_is_kept_once(book: Gradebook) -> None:
    assert keep(book, ANA, "a", worked(seconds=3.0))
    assert not keep(book, ANA, "a", worked(seconds=9.0))
    assert row(book).student_s == 3.0
    assert len(list(book.history())) == 1


def test_a_fault_of_ours_is_tried_again_and_a_refusal_is_not(book: Gradebook) -> None:
    keep(book, ANA, "a", Worked(None, "The kernel died.", fault=True))
    keep(book, BEN, "b", Worked(None, "This is no notebook."))
    assert not book.done(key("a")) and book.done(key("b"))
    assert (row(book).status, row(book).problem) == ("not_graded", "The kernel died.")
    assert (row(book, BEN).status, row(book, BEN).points) == ("refused", None)
    assert keep(book, ANA, "a")
    assert row(book).status == "graded"


def test_a_grade_that_could_not_be_judged_is_tried_again(book: Gradebook) -> None:
    keep(book, ANA, "a", worked([None, None, None]))
    assert not book.done(key("a"))
    assert row(book).points is None and row(book).problem
    keep(book, BEN, "b", worked([None, 0.5, 1.0]))
    assert book.done(key("b")) and row(book, BEN).status == "partly_graded"


def test_a_fault_takes_no_points_away(book: Gradebook) -> None:
    keep(book, ANA, "a")
    keep(book, ANA, "a", Worked(None, "The disk was full.", fault=True), assignment="rubric-2")
    assert row(book).points == 1.5
    assert "The disk was full." in row(book).remarks[-1]


def test_a_forced_run_adds_a_result(book: Gradebook) -> None:
    keep(book, ANA, "a")
    assert keep(book, ANA, "a", worked([1, 1, 1]), run="second")
    assert not keep(book, ANA, "a", worked([0, 0, 0]), run="second")
    assert row(book).points == 3.0
    assert [event.what for event in book.history("ana")] == ["1.5 of 3 points", "3 of 3 points"]


def test_the_same_bytes_of_another_student_get_the_same_grade_and_an_attempt_of_their_own(
    book: Gradebook,
) -> None:
    keep(book, ANA, "a")
    book.again(handin(BEN, "mine.ipynb"), key("a"), report="students/ben.report.html")
    assert (row(book, BEN).points, row(book, BEN).report) == (1.5, "students/ben.report.html")
    assert row(book).report == "students/ana.report.html"
    adjusted = book.adjusted("ben")
    assert adjusted is not None and adjusted.submission.name == "mine.ipynb"


def test_a_hand_in_without_a_result_is_not_noted(book: Gradebook) -> None:
    with pytest.raises(LookupError):
        book.again(handin(ANA), key("a"))
    assert row(book).attempts == 0


# ---------------------------------------------------------------- attempts


@pytest.mark.parametrize(("rule", "points"), [("latest", 1.0), ("best", 2.5), ("first", 2.0)])
def test_the_rule_says_which_attempt_counts(book: Gradebook, rule: str, points: float) -> None:
    keep(book, ANA, "first", worked([1, 1, 0]))
    keep(book, ANA, "second", worked([1, 1, 0.5]))
    keep(book, ANA, "third", worked([1, 0, 0]))
    assert (row(book, attempts=rule).points, row(book, attempts=rule).attempts) == (points, 3)


def test_dates_order_attempts_whatever_was_graded_first(book: Gradebook) -> None:
    keep(book, ANA, "new", worked([1, 1, 1]), handed_in=NOON)
    keep(book, ANA, "old", worked([0, 0, 0]), handed_in=NOON - DAY)
    assert row(book).points == 3.0


def test_a_file_without_a_date_comes_after_what_was_known(book: Gradebook) -> None:
    keep(book, ANA, "dated", worked([1, 0, 0]), handed_in=NOON)
    keep(book, ANA, "by mail", worked([1, 1, 0]))
    assert row(book).points == 2.0
    keep(book, ANA, "later", worked([1, 1, 1]), handed_in=NOON + DAY)
    assert row(book).points == 3.0


def test_an_old_file_handed_in_again_counts_again(book: Gradebook) -> None:
    keep(book, ANA, "a", worked([1, 1, 1]))
    keep(book, ANA, "b", worked([0, 0, 0]))
    book.again(handin(ANA), key("a"))
    book.again(handin(ANA), key("a"))
    assert (row(book).points, row(book).attempts) == (3.0, 2)
    assert row(book).report == "students/ana.report.html"


@pytest.mark.parametrize("date", [None, NOON])
def test_the_same_hand_in_seen_again_is_one_and_says_what_was_seen_last(
    book: Gradebook, date: object
) -> None:
    for place in ("old", "new"):
        keep(book, ANA, "a", handed_in=date, shown=place)
    assert row(book).shown == "new"
    with book._database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(handins)) == 1


def test_best_takes_the_first_of_equal_ones_and_none_below_zero(book: Gradebook) -> None:
    keep(book, ANA, "a", Worked(None, "No notebook."))
    keep(book, ANA, "b", worked([0, 0, 0]), name="zero.ipynb")
    keep(book, ANA, "c", worked([0, 0, 0]), name="again.ipynb")
    assert row(book, attempts="best").submission == "zero.ipynb"


def test_the_result_under_the_key_that_was_asked_for_last_stands(book: Gradebook) -> None:
    keep(book, ANA, "a", worked([1, 1, 1]), seed=42)
    keep(book, ANA, "a", worked([0, 0, 0]), seed=7)
    assert row(book).points == 0.0
    book.again(handin(ANA), key("a", seed=42))
    assert row(book).points == 3.0


@pytest.mark.parametrize(
    ("after", "days"), [(-DAY, 0), (0 * DAY, 0), (DAY / 24, 1), (DAY, 1), (1.1 * DAY, 2)]
)
def test_begun_days_are_late_days(book: Gradebook, after: object, days: int) -> None:
    keep(book, ANA, "a", handed_in=NOON + after)  # type: ignore[operator]
    assert row(book, deadline=NOON).late_days == days
    assert row(book).late_days is None


def test_late_without_dates_is_a_remark(book: Gradebook) -> None:
    keep(book, ANA, "a", late=True, remarks=("The newest of two.",))
    assert row(book, deadline=NOON).late_days is None
    assert row(book, deadline=NOON).remarks == (
        "The newest of two.",
        "The platform marked it as late; by how many days is not known.",
    )


# ---------------------------------------------------------------- the class


def test_everybody_is_there_by_name(book: Gradebook) -> None:
    keep(book, BEN, "b", worked(codes=["loop-no-zero-grad", "loop-no-zero-grad"]))
    record = book.class_record(assignment(), grader="1.0")
    assert [(one.key, one.status) for one in record.rows] == [
        ("ana", "missing"),
        ("ben", "graded"),
        ("cleo", "missing"),
    ]
    assert record.titles == {1: "Exercise 1", 2: "Exercise 2", 3: "Exercise 3"}
    ben = record.rows[1]
    assert (ben.points, ben.grade, ben.max_points, ben.max_grade) == (1.5, 2.5, 3.0, 4.0)
    assert [entry.codes for entry in ben.exercises] == [("loop-no-zero-grad",)] * 3
    assert (ben.ids, ben.email, ben.shown) == ({"canvas": "12"}, "ben@example.org", "class.zip: lab.ipynb")


def test_a_refused_file_is_said_to_be_refused(book: Gradebook) -> None:
    bad = Refused("class.zip: dan.rar", "Archives of this kind are not opened.", Student("dan"))
    late = Refused("class.zip: ana.rar", "Archives of this kind are not opened.", ANA)
    keep(book, ANA, "a")
    book.enrol(Roll((), refused=(bad, late)), assignment())
    assert (row(book, bad.student).status, row(book, bad.student).problem) == ("refused", bad.reason)  # type: ignore[arg-type]
    assert row(book).status == "graded" and "refused" in row(book).remarks[-1]


def test_several_assignments_live_in_one_gradebook(tmp_path: Path) -> None:
    with opened(tmp_path / "g.sqlite") as book:
        book.enrol(roll(ANA), assignment())
        keep(book, ANA, "a")
        book.enrol(roll(ANA, BEN), assignment(id="other"))
        assert [one.key for one in book.class_record(assignment()).rows] == ["ana"]
        assert [one.status for one in book.class_record(assignment(id="other")).rows] == ["missing"] * 2
        assert [one.student for one in book.stored(assignment="small")] == ["ana"]
        assert list(book.stored()) == []


# ---------------------------------------------------------------- judging again


def test_a_new_judgement_stands_beside_the_old(book: Gradebook) -> None:
    keep(book, ANA, "a", worked([1, 0.5, 0]))
    keep(book, BEN, "a", worked([1, 0.5, 0]))
    first, second = book.stored()
    assert (first.student, first.points, first.evidence) == ("ana", 1.5, second.evidence)
    assert book.grade_of(first) == grade([1, 0.5, 0])
    new = key("a", assignment="rubric-2")
    assert book.rejudged(first, new, grade([1, 1, 0]), why="Exercise 2 is milder")
    assert not book.rejudged(second, new, grade([1, 1, 0]), "students/new.html")
    assert (row(book).points, row(book, BEN).points) == (2.0, 2.0)
    assert row(book).report == "students/ana.report.html" and row(book, BEN).report == "students/new.html"
    last = list(book.history("ana"))[-1]
    assert (last.kind, last.what, last.why) == (
        "judged_again",
        "2 of 3 points, before 1.5",
        "Exercise 2 is milder",
    )
    assert book.done(key("a")) and book.done(new)


def test_judging_again_twice_changes_nothing(book: Gradebook) -> None:
    keep(book, ANA, "a")
    new = key("a", assignment="rubric-2")
    for _ in range(2):
        (stored,) = book.stored()
        book.rejudged(stored, new, grade([1, 1, 1], seconds=9.0))
    assert len(list(book.history())) == 2


# ---------------------------------------------------------------- how it is stored


def test_a_grade_comes_back_as_it_was(book: Gradebook) -> None:
    """Numbers included that JSON does not have: a curve may hold some."""
    curve = Curve(label="loss", epochs=(0.0, 1.0), values=(math.inf, -math.inf), low=(1.0, math.nan))
    plain = grade([1.0, 0.1 + 0.2, None], codes=["loop-no-zero-grad"])
    drawn = plain.exercises[0].model_copy(update={"pictures": Pictures(curves=(curve,))})
    kept = plain.model_copy(update={"exercises": (drawn, *plain.exercises[1:])})
    keep(book, ANA, "a", Worked(kept))
    (stored,) = book.stored()
    assert repr(book.grade_of(stored)) == repr(kept)


def test_the_class_page_unpacks_no_grade_and_asks_as_often_for_many_as_for_few(book: Gradebook) -> None:
    asked: list[str] = []
    keep(book, ANA, "a")
    event.listen(book._database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    book.class_record(assignment())
    few = len(asked)
    for number in range(20):
        keep(book, Student(f"student {number}"), str(number))
    asked.clear()
    book.class_record(assignment())
    assert len(asked) == few
    assert not [query for query in asked if "grades" in query]
