"""Who is who: ids are gathered, names change, and two entries that are one person become one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.gradebook.book import Gradebook, opened
from grader.model.classroom import Student
from tests.gradebook.building import ANA, assignment, handin, keep, key, roll, row, worked


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Gradebook]:
    with opened(tmp_path / "gradebook.sqlite") as gradebook:
        yield gradebook


def keys(book: Gradebook) -> list[str]:
    return [one.key for one in book.class_record(assignment()).rows]


def test_ids_are_gathered_and_never_lost(book: Gradebook) -> None:
    book.enrol(roll(Student("ana", ids={"moodle": "7"})), assignment())
    book.enrol(roll(Student("ana", "Ana Ruiz", "ana@example.org", {"canvas": "11"})), assignment())
    book.enrol(roll(Student("ana")), assignment())
    ana = row(book)
    assert ana.ids == {"moodle": "7", "canvas": "11"}
    assert (ana.name, ana.email) == ("Ana Ruiz", "ana@example.org")


def test_a_roster_gives_somebody_another_key_and_everything_stays_theirs(book: Gradebook) -> None:
    before = Student("Ana_12345", ids={"moodle": "12345"})
    book.enrol(roll(before), assignment())
    keep(book, before, "a")
    book.override("Ana_12345", 1, 0.0, reason="Copied", who="Dr. Kim")
    after = Student("s-01", "Ana Ruiz", ids={"sis": "s-01", "moodle": "12345"})
    book.enrol(roll(after), assignment())
    book.again(handin(after), key("a"))
    assert keys(book) == ["s-01"]
    assert (row(book, after).points, row(book, after).attempts) == (0.5, 1)
    assert book.override("Ana_12345", 1, 1.0, reason="Not so", who="Dr. Kim").student == "s-01"


def test_two_entries_that_share_an_id_become_one(book: Gradebook) -> None:
    moodle = Student("Ana_12345", ids={"moodle": "12345"})
    roster = Student("s-01", "Ana Ruiz", ids={"sis": "s-01"})
    book.enrol(roll(moodle, missing=[roster]), assignment())
    keep(book, moodle, "a", worked([1, 1, 0]))
    book.comment("s-01", "Where is it?", who="Dr. Kim")
    assert sorted(keys(book)) == ["Ana_12345", "s-01"]
    both = Student("s-01", "Ana Ruiz", ids={"sis": "s-01", "moodle": "12345"})
    book.enrol(roll(both), assignment())
    book.again(handin(both), key("a"))
    merged = row(book, both)
    assert keys(book) == ["s-01"]
    assert (merged.points, merged.attempts, merged.comments) == (2.0, 1, ("Where is it?",))
    assert "joined" in [event.kind for event in book.history("s-01")]
    assert book.adjusted("Ana_12345") is not None


def test_attempts_of_both_entries_are_kept(book: Gradebook) -> None:
    first, second = Student("old", ids={"canvas": "1"}), Student("new")
    book.enrol(roll(first, second), assignment())
    for student, contents in ((first, "ab"), (second, "bc")):
        for content in contents:
            keep(book, student, content)
    book.enrol(roll(Student("new", ids={"canvas": "1"})), assignment())
    assert keys(book) == ["new"]
    assert row(book, second).attempts == 3


def test_a_teams_repository_makes_nobody_one_person(book: Gradebook) -> None:
    ana, ben = Student("ana", ids={"github": "team-1"}), Student("ben", ids={"github": "team-1"})
    book.enrol(roll(ana, ben), assignment())
    book.enrol(roll(ana), assignment())
    book.enrol(roll(ben, Student("cleo", ids={"github": "team-1"})), assignment())
    assert keys(book) == ["ana", "ben", "cleo"]


def test_a_teams_entry_goes_to_no_single_member(book: Gradebook) -> None:
    team = Student("team-1", ids={"github": "team-1"})
    book.enrol(roll(team), assignment())
    keep(book, team, "a")
    members = [Student(name, ids={"github": "team-1"}) for name in ("ana", "ben")]
    book.enrol(roll(*members), assignment())
    assert keys(book) == ["ana", "ben", "team-1"]
    assert row(book, team).attempts == 1


def test_two_entries_of_one_roll_stay_two(book: Gradebook) -> None:
    book.enrol(roll(Student("a", email="x@example.org"), Student("b")), assignment())
    book.enrol(roll(Student("a"), Student("b", email="x@example.org")), assignment())
    assert keys(book) == ["a", "b"]


def test_somebody_who_was_not_enrolled_is_taken_in(book: Gradebook) -> None:
    keep(book, ANA, "a")
    assert row(book).name == "Ana Ruiz"


def test_odd_names_are_kept_apart_and_harmless(book: Gradebook) -> None:
    odd = [Student("Zo\udce9"), Student("Zo\udce8"), Student("\x1b[2J\x00", "=1+1\x07")]
    book.enrol(roll(*odd), assignment())
    for number, student in enumerate(odd):
        keep(book, student, str(number), name="l\udce9b.ipynb")
    assert keys(book) == ["\\x1b[2J\\x00", "Zo\\udce8", "Zo\\udce9"]
    assert len(list(book.stored())) == 3


def test_a_long_name_is_no_trouble(book: Gradebook) -> None:
    long = Student("k" * 5000, "n" * 5000)
    book.enrol(roll(long), assignment())
    keep(book, long, "a")
    assert row(book, long).points == 1.5
    assert book.override("k" * 5000, 1, 0.0, reason="So", who="Dr. Kim").points == 0.0
