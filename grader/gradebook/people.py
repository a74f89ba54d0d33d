"""Who is who: students found again under other names, merged where two entries turn out to be one person."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from grader.errors import UsageError
from grader.gradebook.tables import (
    added,
    attempts,
    comments,
    events,
    handins,
    identities,
    overrides,
    standings,
    storable,
    students,
)
from grader.model.classroom import Student

_LONGEST = 400
"""Characters of an identity: an index of PostgreSQL takes no more than 2.7 kB."""
_CANDIDATES = 5


@dataclass(frozen=True)
class Known:
    """A student as the gradebook has them."""

    row: int
    key: str
    name: str


def folded(name: str) -> str:
    """A name as it is compared: without accents, case, commas and the order of its words."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join(sorted(plain.casefold().replace(",", " ").split()))


def row_of(connection: Connection, student: Student) -> int:
    """The student's row, made where there is none under this key."""
    there = _by_key(connection, student.key)
    return _inserted(connection, student) if there is None else there


def enrolled(connection: Connection, roll: Sequence[Student], now: datetime) -> dict[str, int]:
    """Every student of a roll, found again by key or by an id, told apart and brought up to date: key → row."""
    shared = _shared_ids(roll)
    keys = {storable(student.key)[:_LONGEST] for student in roll}
    rows = {}
    for student in roll:
        row = _by_key(connection, student.key)
        others = [
            other
            for other in _by_ids(connection, student, shared)
            if other.row != row and other.key not in keys
        ]
        if len(others) == 1:
            if row is None:
                row = others[0].row
            else:
                _merge(connection, others[0], row, now)
        rows[student.key] = _updated(connection, row, student)
    return rows


def looked_up(connection: Connection, who: str) -> Known:
    """The one student that a key, an email address, an id or a name means.

    Raises UsageError where nobody or more than one is meant; it lists who might be.
    """
    wanted = storable(who.strip())
    tiers = (
        students.c.key == wanted,
        students.c.id.in_(_having("key", wanted)),
        students.c.id.in_(_having("email", wanted.casefold())),
        students.c.id.in_(
            select(identities.c.student_id).where(
                identities.c.value == wanted, identities.c.kind.not_in(("key", "email", "name"))
            )
        ),
        students.c.id.in_(_having("name", folded(wanted))),
    )
    for tier in tiers:
        found = connection.execute(_people().where(tier).limit(50)).all()
        if len(found) == 1:
            return _known(found[0])
        if found:
            raise UsageError(f"{_quoted(who)} may be any of {_listed(found)}: name the key")
    near = _near(connection, wanted)
    hint = f"; near it: {_listed(near)}" if near else ""
    raise UsageError(f"nobody in the gradebook is called {_quoted(who)}{hint}")


def _people() -> Any:
    return select(students.c.id, students.c.key, students.c.name).order_by(students.c.key)


def _having(kind: str, value: str) -> Any:
    return select(identities.c.student_id).where(
        identities.c.kind == kind, identities.c.value == value[:_LONGEST]
    )


def _near(connection: Connection, wanted: str) -> Sequence[Row[Any]]:
    """Students whose name has a word of it."""
    words = [word for word in folded(wanted).split() if len(word) > 2]
    if not words:
        return []
    names = select(identities.c.student_id).where(identities.c.kind == "name")
    for_words = [names.where(identities.c.value.contains(word, autoescape=True)) for word in words[:4]]
    found: dict[int, Row[Any]] = {}
    for query in for_words:
        for row in connection.execute(_people().where(students.c.id.in_(query)).limit(_CANDIDATES)):
            found[row.id] = row
    return list(found.values())


def _known(row: Row[Any]) -> Known:
    return Known(row.id, row.key, row.name or row.key)


def _quoted(who: str) -> str:
    return f"'{storable(' '.join(who.split()))[:80]}'"


def _listed(found: Sequence[Row[Any]]) -> str:
    shown = [f"{row.name} ({row.key})" if row.name else row.key for row in found[:_CANDIDATES]]
    more = f" and {len(found) - _CANDIDATES} more" if len(found) > _CANDIDATES else ""
    return " ".join(", ".join(shown).split())[:400] + more


# ---------------------------------------------------------------- finding again


def _by_key(connection: Connection, key: str) -> int | None:
    """By the key they have, else by one they had."""
    row = connection.scalar(select(students.c.id).where(students.c.key == key))
    if row is None:
        found = connection.scalars(_having("key", storable(key))).all()
        row = found[0] if len(found) == 1 else None
    return row


def _by_ids(connection: Connection, student: Student, shared: set[tuple[str, str]]) -> list[Known]:
    found = {}
    for pair in _marks(student):
        # An id that two of one roll share (a team's repository) tells nobody apart.
        if pair not in shared and pair[0] not in ("key", "name"):
            rows = connection.execute(_people().where(students.c.id.in_(_having(*pair)))).all()
            if len(rows) == 1:
                found[rows[0].id] = _known(rows[0])
    return list(found.values())


def _shared_ids(roll: Sequence[Student]) -> set[tuple[str, str]]:
    counted = Counter(pair for student in roll for pair in set(_marks(student)))
    return {pair for pair, count in counted.items() if count > 1}


def _marks(student: Student) -> Iterator[tuple[str, str]]:
    """Kind and value of everything a student can be found by."""
    yield "key", storable(student.key)[:_LONGEST]
    if student.name.strip():
        yield "name", folded(storable(student.name))[:_LONGEST]
    if student.email.strip():
        yield "email", storable(student.email.strip()).casefold()[:_LONGEST]
    for platform, value in student.ids.items():
        if value.strip():
            yield f"id:{platform}", storable(value.strip())[:_LONGEST]


# ---------------------------------------------------------------- bringing up to date


def _inserted(connection: Connection, student: Student) -> int:
    values = {
        "key": student.key,
        "name": student.name,
        "email": student.email,
        "ids": json.dumps(student.ids),
    }
    row = added(connection, students, values)
    _mark(connection, row, student)
    return row


def _updated(connection: Connection, row: int | None, student: Student) -> int:
    """What is known now over what was known; nothing that was known is lost."""
    if row is None:
        return _inserted(connection, student)
    was = connection.execute(select(students).where(students.c.id == row)).one()
    values = {
        "key": student.key,
        "name": student.name or was.name,
        "email": student.email or was.email,
        "ids": json.dumps(json.loads(was.ids) | student.ids),
    }
    connection.execute(update(students).where(students.c.id == row).values(values))
    _mark(connection, row, student)
    return row


def _mark(connection: Connection, row: int, student: Student) -> None:
    there = connection.execute(
        select(identities.c.kind, identities.c.value).where(identities.c.student_id == row)
    ).all()
    known = {(mark.kind, mark.value) for mark in there}
    for kind, value in dict.fromkeys(_marks(student)):
        if (kind, value) not in known:
            connection.execute(insert(identities).values(student_id=row, kind=kind, value=value))


def _merge(connection: Connection, other: Known, row: int, now: datetime) -> None:
    """Give all that belongs to `other` to `row`: an id showed that both are one person."""
    _merge_attempts(connection, other.row, row)
    _merge_standings(connection, other.row, row)
    _merge_marks(connection, other.row, row)
    for table in (overrides, comments, events):
        connection.execute(update(table).where(table.c.student_id == other.row).values(student_id=row))
    was = connection.execute(select(students).where(students.c.id == other.row)).one()
    connection.execute(delete(students).where(students.c.id == other.row))
    new = connection.execute(select(students).where(students.c.id == row)).one()
    merged = {
        "name": new.name or was.name,
        "email": new.email or was.email,
        "ids": json.dumps(json.loads(was.ids) | json.loads(new.ids)),
    }
    connection.execute(update(students).where(students.c.id == row).values(merged))
    what = f"the entries {other.key} and {new.key} are one student"
    connection.execute(
        insert(events).values(
            at=now, who="grader", kind="joined", what=what, why="they share an id", student_id=row
        )
    )


def _merge_attempts(connection: Connection, other: int, row: int) -> None:
    own = {
        (attempt.assignment_id, attempt.submission): attempt.id
        for attempt in connection.execute(select(attempts).where(attempts.c.student_id == row))
    }
    for attempt in connection.execute(select(attempts).where(attempts.c.student_id == other)).all():
        twin = own.get((attempt.assignment_id, attempt.submission))
        if twin is None:
            connection.execute(update(attempts).where(attempts.c.id == attempt.id).values(student_id=row))
        else:
            connection.execute(
                update(handins).where(handins.c.attempt_id == attempt.id).values(attempt_id=twin)
            )
            connection.execute(delete(attempts).where(attempts.c.id == attempt.id))


def _merge_standings(connection: Connection, other: int, row: int) -> None:
    own = connection.scalars(select(standings.c.assignment_id).where(standings.c.student_id == row)).all()
    theirs = standings.c.student_id == other
    connection.execute(delete(standings).where(theirs, standings.c.assignment_id.in_(own)))
    connection.execute(update(standings).where(theirs).values(student_id=row))


def _merge_marks(connection: Connection, other: int, row: int) -> None:
    marks = select(identities.c.kind, identities.c.value)
    own = {tuple(mark) for mark in connection.execute(marks.where(identities.c.student_id == row))}
    theirs = connection.execute(marks.where(identities.c.student_id == other)).all()
    connection.execute(delete(identities).where(identities.c.student_id == other))
    for kind, value in theirs:
        if (kind, value) not in own:
            connection.execute(insert(identities).values(student_id=row, kind=kind, value=value))
