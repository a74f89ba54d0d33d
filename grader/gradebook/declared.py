"""The assignments that a gradebook knows, and who of the class did what about them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, insert, select, update

from grader.errors import UsageError
from grader.gradebook.records import ExerciseInfo
from grader.gradebook.rows import Rule
from grader.gradebook.tables import assignments, standings
from grader.model.assignment import Assignment
from grader.model.grade import Grade


def declare(connection: Connection, assignment: Assignment) -> None:
    """Keep what an assignment is worth and which attempt counts, as it is now."""
    infos = (
        ExerciseInfo(
            number=spec.number,
            title=spec.title,
            max_points=round(sum(check.weight for check in spec.checks), 6),
        )
        for spec in assignment.exercises
        if spec.graded
    )
    _put(
        connection,
        assignment.id,
        title=assignment.title,
        version=assignment.version,
        rule=assignment.attempts,
        exercises=_written(infos),
    )


def declare_by_grade(connection: Connection, grade: Grade) -> str:
    """The assignment of a grade, made known where nobody enrolled a class for it; its id."""
    asked = grade.assignment
    if connection.scalar(select(assignments.c.id).where(assignments.c.id == asked.id)) is None:
        infos = (
            ExerciseInfo(number=exercise.number, title=exercise.title, max_points=exercise.max_points)
            for exercise in grade.exercises
            if exercise.graded
        )
        _put(
            connection,
            asked.id,
            title=asked.title,
            version=asked.version,
            rule="latest",
            exercises=_written(infos),
        )
    return asked.id


def meant(connection: Connection, named: str | None, last: str | None) -> str:
    """Which assignment a call is about: the named one, that of the last roll, or the only one.

    Raises UsageError where it is not known, or nobody can tell.
    """
    known = connection.scalars(select(assignments.c.id).order_by(assignments.c.id)).all()
    wanted = named or last
    if wanted is not None:
        if wanted not in known:
            raise UsageError(f"the gradebook knows no assignment {wanted!r}: there are {_listed(known)}")
        return wanted
    if len(known) != 1:
        raise UsageError(f"name the assignment: the gradebook knows {_listed(known)}")
    return str(known[0])


def rule_of(connection: Connection, assignment: str) -> Rule:
    """Which attempt counts."""
    rule: Rule = connection.execute(
        select(assignments.c.rule).where(assignments.c.id == assignment)
    ).scalar_one()
    return rule


def exercise_of(connection: Connection, assignment: str, number: int) -> ExerciseInfo:
    """Raises UsageError where the assignment has no such exercise that carries points."""
    stored = connection.execute(
        select(assignments.c.exercises).where(assignments.c.id == assignment)
    ).scalar_one()
    known = {info.number: info for info in map(ExerciseInfo.model_validate, json.loads(stored))}
    if number not in known:
        raise UsageError(f"no exercise {number} carries points in {assignment}: there are {_listed(known)}")
    return known[number]


def note_standing(
    connection: Connection, student: int, assignment: str, standing: str, shown: str, reason: str
) -> None:
    """What the last roll said of a student."""
    values = {"standing": standing, "shown": shown, "reason": reason}
    of = (standings.c.student_id == student, standings.c.assignment_id == assignment)
    if connection.execute(update(standings).where(*of).values(values)).rowcount == 0:
        own = {"student_id": student, "assignment_id": assignment}
        connection.execute(insert(standings).values(values | own))


def _put(connection: Connection, assignment: str, **values: Any) -> None:
    of = assignments.c.id == assignment
    if connection.execute(update(assignments).where(of).values(values)).rowcount == 0:
        connection.execute(insert(assignments).values(values | {"id": assignment}))


def _written(infos: Iterable[ExerciseInfo]) -> str:
    return json.dumps([info.model_dump() for info in infos])


def _listed(known: Iterable[object]) -> str:
    return ", ".join(map(str, known)) or "none"
