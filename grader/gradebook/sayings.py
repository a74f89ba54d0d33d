"""What instructors say: points in place of the machine's, and comments. Nothing is ever taken back unseen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from grader.errors import UsageError
from grader.gradebook.adjusting import Ruling, Saying, same
from grader.gradebook.keeping import note_event
from grader.gradebook.people import Known
from grader.gradebook.records import ExerciseInfo
from grader.gradebook.tables import comments, overrides

_LONGEST_REASON = 1000
_LONGEST_COMMENT = 10_000


@dataclass(frozen=True)
class Place:
    """What an instructor speaks about."""

    student: Known
    assignment: str


def rulings_of(
    connection: Connection, assignment: str, student: int | None = None
) -> dict[int, dict[int, Ruling]]:
    """Overrides in force: student's row → exercise → ruling."""
    query = select(overrides).where(overrides.c.assignment_id == assignment).order_by(overrides.c.id)
    if student is not None:
        query = query.where(overrides.c.student_id == student)
    found: dict[int, dict[int, Ruling]] = {}
    for row in connection.execute(query):
        of_student = found.setdefault(row.student_id, {})
        of_student.pop(row.exercise, None)
        if row.points is not None:
            of_student[row.exercise] = Ruling(row.points, row.machine_points, row.reason, row.who, row.at)
    return found


def sayings_of(
    connection: Connection, assignment: str, student: int | None = None
) -> dict[int, list[Saying]]:
    """Comments in the order in which they were made, by student's row."""
    query = select(comments).where(comments.c.assignment_id == assignment).order_by(comments.c.id)
    if student is not None:
        query = query.where(comments.c.student_id == student)
    found: dict[int, list[Saying]] = {}
    for row in connection.execute(query):
        found.setdefault(row.student_id, []).append(Saying(row.text, row.who, row.at, row.exercise))
    return found


def rule(connection: Connection, place: Place, exercise: int, ruling: Ruling, info: ExerciseInfo) -> None:
    """Set points; the caller has checked them."""
    values = {
        "points": ruling.points,
        "machine_points": ruling.machine_points,
        "reason": ruling.reason,
        "who": ruling.who,
        "at": ruling.at,
    }
    connection.execute(insert(overrides).values(_at(place) | values | {"exercise": exercise}))
    instead = "nothing" if ruling.machine_points is None else f"{ruling.machine_points:g}"
    what = f"Ex {exercise} ({info.title}): {ruling.points:g} instead of {instead}"
    _tell(connection, place, ruling.at, ruling.who, "override", what, ruling.reason)


def let_machine_count(
    connection: Connection, place: Place, exercise: int, *, reason: str, who: str, now: datetime
) -> None:
    """Withdraw the override in force."""
    values = {"points": None, "machine_points": None, "reason": reason, "who": who, "at": now}
    connection.execute(insert(overrides).values(_at(place) | values | {"exercise": exercise}))
    _tell(
        connection, place, now, who, "withdrawal", f"Ex {exercise}: the machine's points count again", reason
    )


def say(connection: Connection, place: Place, saying: Saying) -> None:
    values = {"exercise": saying.exercise, "text": saying.text, "who": saying.who, "at": saying.at}
    connection.execute(insert(comments).values(_at(place) | values))
    where = "the submission" if saying.exercise is None else f"Ex {saying.exercise}"
    what = f"comment on {where}: {_one_line(saying.text)}"
    _tell(connection, place, saying.at, saying.who, "comment", what, "")


def checked_points(points: float, info: ExerciseInfo) -> float:
    """Raises UsageError for what is no number of points of this exercise."""
    if (
        not math.isfinite(points)
        or points < 0
        or (points > info.max_points and not same(points, info.max_points))
    ):
        raise UsageError(f"{points:g} points: exercise {info.number} has 0 to {info.max_points:g}")
    return points


def checked_reason(reason: str) -> str:
    """Raises UsageError where nothing is said."""
    return _said(reason, _LONGEST_REASON, "a reason: say why with --reason, whoever reads it later needs it")


def checked_comment(text: str) -> str:
    """Raises UsageError where nothing is said."""
    return _said(text, _LONGEST_COMMENT, "a comment: it is empty")


def checked_who(who: str) -> str:
    """Raises UsageError where nobody is named."""
    return _said(who, 200, "somebody who says so: name yourself with --who")


def _said(text: str, longest: int, wanted: str) -> str:
    said = text.strip()
    if not said:
        raise UsageError(f"this needs {wanted}")
    if len(said) > longest:
        raise UsageError(f"{len(said)} characters are too many: {longest} at most")
    return said


def _at(place: Place) -> dict[str, Any]:
    return {"student_id": place.student.row, "assignment_id": place.assignment}


def _tell(
    connection: Connection, place: Place, now: datetime, who: str, kind: str, what: str, why: str
) -> None:
    note_event(
        connection,
        now,
        who=who,
        kind=kind,
        what=what,
        why=why,
        student=place.student.row,
        assignment=place.assignment,
    )


def _one_line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 200 else f"{flat[:199]}…"


def comments_of(sayings: list[Saying]) -> Iterator[str]:
    """As a class page shows them."""
    for said in sayings:
        yield said.text if said.exercise is None else f"Ex {said.exercise}: {said.text}"
