"""A class list, and which hand-in is whose.

A hand-in is matched by id, then by email, then by username, then by name; what could be two students is nobody's.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from grader.errors import UnreadableSubmission, UsageError
from grader.load.content import decoded
from grader.load.owners import Claim, as_key
from grader.load.wording import listed, printable
from grader.model.classroom import Student

MAX_ROSTER_BYTES = 20 * 1024**2

_COLUMNS = {
    "sis": (
        "id", "studentid", "studentno", "studentnr", "studentnumber", "sid", "sisid", "sisuserid", "idnumber", "number",
        "matriculationnumber", "matrikelnummer", "orgdefinedid", "identifier", "rosteridentifier", "nrmatricol",
        "numarmatricol",
    ),
    "name": ("name", "fullname", "student", "studentname", "displayname", "sortablename", "numecomplet"),
    "first": ("firstname", "first", "givenname", "givennames", "forename", "prenume", "vorname"),
    "last": ("lastname", "last", "surname", "familyname", "nume", "numedefamilie", "nachname"),
    "email": ("email", "emailaddress", "mail", "studentemail", "adresadeemail"),
    "login": ("login", "loginid", "sisloginid", "username", "user", "netid", "account", "numeutilizator"),
    "canvas": ("canvas", "canvasid", "canvasuserid"),
    "moodle": ("moodle", "moodleid", "participant", "participantid", "participantnumber"),
    "github": ("github", "githubusername", "githublogin", "githubuser"),
}  # fmt: skip
"""What a column means → how it may be called, letters and digits only, in small letters."""
_PARTICIPANT = re.compile(r"^\D*\s(\d+)$")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th"})


def read_roster(path: Path) -> tuple[Student, ...]:
    """The students of a CSV file in its order; separated by comma, semicolon or tab, in UTF-8, UTF-16 or Latin-1.

    The gradebook that Canvas exports and Moodle's grading worksheet are rosters, too.

    Raises:
        UsageError: no such file, no column that is known, or two students with one id; one line.
    """
    shown = printable(str(path))
    rows = _rows(_text(path, shown), shown)
    columns = _columns(rows[0] if rows else [])
    if not columns:
        raise UsageError(
            f"{shown}: no column is known: name one id, email, username or name in its first line"
        )
    students = [student for row in rows[1:] if (student := _student(row, columns))]
    if not students:
        raise UsageError(f"{shown}: no student in it")
    _require_different(students, shown)
    return tuple(students)


def _text(path: Path, shown: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_ROSTER_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown}: the roster cannot be read ({error.strerror})") from error
    if len(data) > MAX_ROSTER_BYTES:
        raise UsageError(f"{shown}: too large for a roster")
    try:
        return decoded(data, "")[0]
    except UnreadableSubmission as error:
        raise UsageError(f"{shown}: not a table of text: save the roster as CSV") from error


def _rows(text: str, shown: str) -> list[list[str]]:
    lines = text.removeprefix("\ufeff").lstrip("\n")
    if lines[:4].lower() == "sep=":  # Excel's own way to name the separator
        lines = lines.partition("\n")[2]
    header = lines.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        rows = csv.reader(io.StringIO(lines), delimiter=delimiter)
        return [[_cell(cell) for cell in row] for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UsageError(f"{shown}: not a CSV file ({error})") from error


def _cell(text: str) -> str:
    return " ".join(printable(unicodedata.normalize("NFC", text.strip()), 200).split())


def _columns(header: list[str]) -> dict[str, int]:
    """What is meant → where it stands; the first column of a kind counts."""
    names = [re.sub(r"[\W_]", "", _plain(cell)) for cell in header]
    meant: dict[str, int] = {}
    for index, name in enumerate(names):
        for kind, known in _COLUMNS.items():
            if name in known:
                meant.setdefault(kind, index)
    if {"sisuserid", "sisloginid"} & set(names) and "id" in names:  # the gradebook that Canvas exports
        meant["canvas"] = names.index("id")
        meant.pop("sis")
        if "sisuserid" in names:
            meant["sis"] = names.index("sisuserid")
    if "last" in meant and "first" not in meant:
        meant.setdefault("name", meant.pop("last"))
    return meant


def _student(row: list[str], columns: Mapping[str, int]) -> Student | None:
    """None for a line without a student, such as Canvas's "Points Possible"."""
    cells = {kind: row[index] for kind, index in columns.items() if index < len(row) and row[index]}
    name = cells.pop("name", "") or " ".join(cells.get(part, "") for part in ("first", "last")).strip()
    email = cells.pop("email", "")
    ids = {kind: value for kind, value in cells.items() if kind not in ("first", "last")}
    if (
        match := _PARTICIPANT.match(ids.get("sis", ""))
    ) and "moodle" not in ids:  # Moodle's grading worksheet
        ids = ids | {"moodle": match[1]}
        del ids["sis"]
    if not (ids or email) and (not name or name.casefold() in ("points possible", "student, test")):
        return None
    key = next((ids[kind] for kind in ("sis",) if kind in ids), "") or email or ids.get("login", "")
    return Student(as_key(key or next(iter(ids.values()), "") or name), name, email, ids)


def _require_different(students: Iterable[Student], shown: str) -> None:
    seen = Counter(
        (kind, value.casefold())
        for student in students
        for kind, value in (*student.ids.items(), ("email", student.email), ("key", student.key))
        if value
    )
    for (kind, value), count in seen.items():
        if count > 1:
            what = {"sis": "id", "login": "username", "key": "name"}.get(kind, kind)
            raise UsageError(f"{shown}: {count} students have the {what} {value}: give each one of their own")


# ---------------------------------------------------------------- matching


@dataclass(frozen=True)
class Match:
    """Who a claim's student is on the roster."""

    student: Student | None
    remark: str = ""
    """Why nobody, a sentence."""
    by_name: bool = False
    """Nothing surer than the name was the same."""


class Roster:
    """Finds students by what a hand-in says of them."""

    def __init__(self, students: Iterable[Student]) -> None:
        self.students = tuple(students)
        self._by: defaultdict[tuple[str, str], list[Student]] = defaultdict(list)
        for student in self.students:
            for word in _words_of(student):
                if student not in self._by[word]:
                    self._by[word].append(student)

    def match(self, claim: Claim) -> Match:
        """By the first kind of word that anybody on the roster has."""
        for words, checked in _questions(claim):
            found = {student.key: student for word in words for student in self._by.get(word, ())}
            if checked and claim.student.name:
                found = {key: one for key, one in found.items() if _may_be(claim.student.name, one.name)}
            if len(found) > 1:
                names = listed(student.name or student.key for student in found.values())
                return Match(None, f"On the roster this could be {names}, so it was matched with nobody.")
            if found:
                return Match(next(iter(found.values())), by_name=words[0][0] == "name")
        return Match(None, "Nobody on the roster has this name, email or id.")


def merged(found: Student, student: Student) -> Student:
    """The rostered student, with what the platform knows besides."""
    return replace(
        student,
        name=student.name or found.name,
        email=student.email or found.email,
        ids={**found.ids, **student.ids},
    )


_Word = tuple[str, str]


def _words_of(student: Student) -> Iterator[_Word]:
    yield from ((kind, value.casefold()) for kind, value in student.ids.items())
    if student.email:
        yield "email", student.email.casefold()
        yield "mailbox", student.email.casefold().partition("@")[0]
    yield from (("name", name) for name in _forms(student.name))


def _questions(claim: Claim) -> Iterator[tuple[list[_Word], bool]]:
    """Words to look for, the surest first, and whether the name must not contradict."""
    student = claim.student
    own = [(kind, value.casefold()) for kind, value in student.ids.items()]
    yield own, False
    # A roster may call a platform's number just "id"; then another's number could be the same.
    yield [("sis", value) for kind, value in own if kind in ("canvas", "moodle")], True
    if claim.origin in ("folder", "file"):
        yield from _questions_of_a_name(student.key)
    if claim.folder:
        parts = claim.folder.casefold().split("-")
        yield [("github", "-".join(parts[index:])) for index in range(len(parts))], False
    if student.email:
        yield [("email", student.email.casefold())], False
    yield [("name", name) for name in _forms(student.name or student.key)], False


def _questions_of_a_name(key: str) -> Iterator[tuple[list[_Word], bool]]:
    """What a folder or a file may be called after."""
    whole = key.casefold()
    words = [word for word in re.split(r"[\s_,;()\[\]]+|-(?=\D)|(?<=\D)-", whole) if word]
    numbers = [word for word in words if len(word) > 3 and any(letter.isdigit() for letter in word)]
    yield [(kind, whole) for kind in ("sis", "canvas", "moodle")], False
    yield [("sis", word) for word in numbers], False
    yield [("email", word) for word in (whole, *words) if "@" in word], False
    yield [(kind, whole) for kind in ("login", "github", "mailbox")], False
    yield [("login", word) for word in numbers], False


def _forms(name: str) -> set[str]:
    """Every way in which a name is the same: without accents and case, "Last, First", and all in one as in Canvas."""
    words = _words(name)
    turned = {"".join(words[start:] + words[:start]) for start in range(len(words))}
    return turned | {"".join(sorted(words))} if words else set()


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", _plain(name))


def _may_be(one: str, other: str) -> bool:
    return not other or bool(_forms(one) & _forms(other))


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).strip()
