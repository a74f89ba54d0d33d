"""Class lists in every shape, and whom a hand-in belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.errors import UsageError
from grader.load.owners import Claim, Origin
from grader.load.roster import Match, Roster, read_roster
from grader.model.classroom import Student


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "students.csv"


def read(table: Path, text: str, encoding: str = "utf-8") -> tuple[Student, ...]:
    table.write_bytes(text.encode(encoding))
    return read_roster(table)


ANA = Student("100", "Ana Pop", "ana@example.org", {"sis": "100"})


@pytest.mark.parametrize(
    "text",
    [
        "id,name,email\n100,Ana Pop,ana@example.org\n",
        "Student ID;Full name;E-mail\r\n100;Ana Pop;ana@example.org\r\n",
        "Email address\tFirst name\tSurname\tID number\nana@example.org\tAna\tPop\t100\n",
        "sep=;\nNume;Prenume;Email;ID\nPop;Ana;ana@example.org;100\n",
        "\n\nid,group,name,email\n\n 100 ,B,  Ana   Pop ,ana@example.org,extra\n,,,\n",
    ],
)
def test_columns_are_known_by_their_usual_names(text: str, table: Path) -> None:
    assert read(table, text) == (ANA,)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_every_usual_encoding_is_read(encoding: str, table: Path) -> None:
    assert read(table, "id,name\n1,José Núñez\n", encoding)[0].name == "José Núñez"


def test_the_gradebook_of_canvas_is_a_roster(table: Path) -> None:
    text = (
        "Student,ID,SIS User ID,SIS Login ID,Section,Lab 3 (77)\n"
        "    Points Possible,,,,,10\n"
        '"Pop, Ana",5012,100,apop,A,9\n'
        '"Student, Test",5099,,,A,\n'
    )
    students = read(table, text)
    assert students[0] == Student("100", "Pop, Ana", "", {"canvas": "5012", "sis": "100", "login": "apop"})
    assert "Points Possible" not in {student.name for student in students}


def test_moodles_grading_worksheet_is_a_roster(table: Path) -> None:
    text = (
        "Identifier,Full name,Email address,Status,Grade\nParticipant 12,Ana Pop,ana@example.org,Submitted,\n"
    )
    assert read(table, text) == (Student("ana@example.org", "Ana Pop", "ana@example.org", {"moodle": "12"}),)


def test_the_roster_of_a_github_classroom(table: Path) -> None:
    text = '"identifier","github_username","github_id","name"\n"100","ana-pop","77","Ana Pop"\n'
    assert read(table, text) == (Student("100", "Ana Pop", "", {"sis": "100", "github": "ana-pop"}),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("group,colour\nA,red\n", "no column is known"),
        ("", "not a table of text"),
        ("id,name\n", "no student in it"),
        ("id,name\n1,A\n1,B\n", "2 students have the id 1"),
        ("id,email\n1,A@x.org\n2,a@x.org\n", "2 students have the email a@x.org"),
        ("name\nAna\nAna\n", "2 students have the name ana"),
        ("id,name\n1,\0\0\0\n", "not a table of text"),
        ('id,name\n1,"' + "x" * 200_000 + '"\n', "not a CSV file"),
    ],
)
def test_a_bad_roster_is_one_line(text: str, problem: str, table: Path) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        read(table, text)
    assert "\n" not in str(caught.value)


def test_a_workbook_is_no_roster(table: Path) -> None:
    table.write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(UsageError, match="save the roster as CSV"):
        read_roster(table)


def test_a_roster_that_is_not_there(table: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_roster(table)


# ---------------------------------------------------------------- matching

ION = Student("101", "Dănilă, Ion Vasile", "ion.d@example.org", {"sis": "101", "login": "idanila"})
TWINS = (Student("200", "Jan Łoś"), Student("201", "Łoś, Jan"))
EVA = Student("300", "Eva Øst", "", {"sis": "300", "canvas": "5012", "github": "eva-o"})
CLASS = Roster((ANA, ION, *TWINS, EVA))


def claim(key: str = "?", origin: Origin = "folder", folder: str = "", **fields: object) -> Claim:
    return Claim(("x",), Student(key, **fields), origin, "x", folder=folder)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (claim("100"), ANA),
        (claim("Lab3_100_final"), None),
        (claim("ana@example.org"), ANA),
        (claim("ana"), ANA),
        (claim("IDANILA"), ION),
        (claim("ion.d"), ION),
        (claim("pop_ana"), ANA),
        (claim("Ana Pop"), ANA),
        (claim("eva-o"), EVA),
        (claim("EVA OST"), EVA),
        (claim("12", "moodle", name="Ion Vasile Danila", ids={"moodle": "12"}), ION),
        (claim("100", "moodle", name="Ion Vasile Dănilă", ids={"moodle": "100"}), ION),
        (claim("100", "moodle", name="Ana Pop", ids={"moodle": "100"}), ANA),
        (claim("7", "canvas", name="dănilăionvasile", ids={"canvas": "7"}), ION),
        (claim("5012", "canvas", name="somebodyelse", ids={"canvas": "5012"}), EVA),
        (claim("100", "gradescope", name="X", ids={"gradescope": "1", "sis": "100"}), ANA),
        (claim("X", "gradescope", email="ANA@example.org"), ANA),
        (claim("o", "github", folder="lab-3-eva-o", ids={"github": "o"}), EVA),
        (claim("nobody"), None),
        (claim("7", "moodle", name="Jan Los", ids={"moodle": "7"}), None),
    ],
)
def test_who_a_hand_in_belongs_to(one: Claim, expected: Student | None) -> None:
    assert CLASS.match(one).student == expected


def test_an_id_inside_a_longer_name_is_found() -> None:
    roster = Roster((Student("1234567", "A", "", {"sis": "1234567"}), ANA))
    assert roster.match(claim("lab3_1234567")).student == roster.students[0]


def test_what_could_be_two_students_is_told() -> None:
    match = CLASS.match(claim("Jan Los"))
    assert match == Match(
        None, "On the roster this could be Jan Łoś and Łoś, Jan, so it was matched with nobody."
    )
