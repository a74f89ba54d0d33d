"""Results that are judged again: one line for each attempt, the grade itself left where it lies."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from grader.gradebook.records import Line, Stored
from grader.gradebook.tables import attempts, handins, results, students
from grader.model.classroom import Key


def stored_results(assignment: str) -> Any:
    """Attempts with the result that stands for each, and the file's name when it was last handed in."""
    name = (
        select(handins.c.name)
        .where(handins.c.attempt_id == attempts.c.id)
        .order_by(handins.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(
            results,
            attempts.c.id.label("attempt"),
            attempts.c.report,
            students.c.key,
            students.c.name,
            name.label("file"),
        )
        .join_from(attempts, results, attempts.c.result_id == results.c.id)
        .join(students, attempts.c.student_id == students.c.id)
        .where(attempts.c.assignment_id == assignment)
        .order_by(students.c.key, attempts.c.id)
    )


def as_stored(row: Row[Any]) -> Stored:
    return Stored(
        attempt=row.attempt,
        result=row.id,
        student=row.key,
        name=row.name,
        key=Key(row.submission, row.assignment_key, row.seed, row.device, row.grader),
        submission=row.file or "",
        status=row.status,
        points=row.points,
        line=Line.model_validate_json(row.line),
        digest=row.digest,
        problem=row.problem,
        report=row.report,
        evidence=row.evidence,
    )
