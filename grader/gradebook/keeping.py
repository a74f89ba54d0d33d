"""Hand-ins and results on their way into the gradebook; each function works inside the caller's transaction."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, update

from grader.gradebook.records import Line, LineExercise, ResultStatus
from grader.gradebook.tables import added, attempts, events, grades, handins, results
from grader.model.classroom import Handin, Key, Worked
from grader.model.grade import Grade, verdict_digest

DONE: tuple[ResultStatus, ...] = ("graded", "partly_graded", "refused")
"""Results that need not be tried again."""
_COMPRESSION = 1
"""Most of a large grade is pictures in base64: higher levels take three times as long and save nothing."""
_LONGEST_PROBLEM = 2000


@dataclass(frozen=True)
class Outcome:
    """A result on its way into the table."""

    status: ResultStatus
    grade: Grade | None
    problem: str = ""
    evidence: str | None = None
    judged_from: int | None = None
    run: str = ""
    costs: dict[str, Any] = field(default_factory=dict)
    """`seconds`, `processor_s`, `worker`."""
    body: bytes = field(init=False)
    """The grade as it is stored; made here, so that nobody waits for it with the database locked."""
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        grade = self.grade
        object.__setattr__(self, "body", b"" if grade is None else _written(grade))
        object.__setattr__(self, "digest", "" if grade is None else verdict_digest(grade))


def outcome_of(worked: Worked, evidence: str | None, run: str) -> Outcome:
    """What a worker made, as the gradebook calls it."""
    status: ResultStatus = (
        worked.grade.status if worked.grade else "not_graded" if worked.fault else "refused"
    )
    return Outcome(
        status,
        worked.grade,
        worked.problem,
        evidence,
        run=run,
        costs={
            "seconds": worked.seconds,
            "processor_s": worked.processor_s,
            "worker": worked.worker,
        },
    )


def under(key: Key) -> Any:
    """The condition that a result is under this key."""
    return and_(
        results.c.submission == key.submission,
        results.c.assignment_key == key.assignment,
        results.c.seed == key.seed,
        results.c.device == key.device,
        results.c.grader == key.grader,
    )


def done_under(connection: Connection, key: Key, run: str = "") -> int | None:
    """The newest result under a key that is not NOT_GRADED; of a forced run, that run's own."""
    query = select(func.max(results.c.id)).where(under(key), results.c.status.in_(DONE))
    done: int | None = connection.scalar(query.where(results.c.run == run) if run else query)
    return done


def note_attempt(
    connection: Connection, student: int, assignment: str, handin: Handin, submission: str, sha256: str
) -> int:
    """The attempt of this content, made where it is new, and how it was handed in this time."""
    values = {"student_id": student, "assignment_id": assignment, "submission": submission}
    attempt = connection.scalar(
        select(attempts.c.id).where(*(attempts.c[name] == value for name, value in values.items()))
    )
    if attempt is None:
        attempt = added(connection, attempts, values | {"sha256": sha256})
    _note_handin(connection, student, assignment, attempt, handin)
    return attempt


def add_result(connection: Connection, key: Key, outcome: Outcome, now: datetime) -> int:
    """A further result under a key; never in place of one."""
    before = connection.scalar(select(func.count()).select_from(results).where(under(key)))
    grade = outcome.grade
    values = {
        "submission": key.submission,
        "assignment_key": key.assignment,
        "seed": key.seed,
        "device": key.device,
        "grader": key.grader,
        "turn": before,
        "run": outcome.run,
        "status": outcome.status,
        "points": grade.points if grade else None,
        "line": line_of(grade).model_dump_json(),
        "digest": outcome.digest,
        "problem": outcome.problem[:_LONGEST_PROBLEM],
        "evidence": outcome.evidence,
        "judged_from": outcome.judged_from,
        "at": now,
    }
    costs = {"seconds": 0.0, "processor_s": 0.0, "worker": ""} | outcome.costs
    result = added(connection, results, values | costs)
    if grade is not None:
        connection.execute(insert(grades).values(result_id=result, body=outcome.body))
    return result


def let_stand(connection: Connection, attempt: int, result: int, report: str | None) -> None:
    """Make a result the one that stands for an attempt.

    One that was not graded does not take the place of one that was: our fault costs nothing.
    """
    was = connection.execute(
        select(attempts.c.result_id, results.c.status, attempts.c.report)
        .join_from(attempts, results, attempts.c.result_id == results.c.id, isouter=True)
        .where(attempts.c.id == attempt)
    ).one()
    status = connection.scalar(select(results.c.status).where(results.c.id == result))
    values: dict[str, Any] = {"tried_id": result}
    if status in DONE or was.status not in DONE:
        values |= {"result_id": result, "report": report if report is not None else was.report}
    connection.execute(update(attempts).where(attempts.c.id == attempt).values(values))


def note_event(
    connection: Connection,
    now: datetime,
    *,
    who: str,
    kind: str,
    what: str,
    why: str,
    student: int,
    assignment: str,
) -> None:
    """A line for the history."""
    connection.execute(
        insert(events).values(
            at=now, who=who, kind=kind, what=what, why=why, student_id=student, assignment_id=assignment
        )
    )


def told(outcome: Outcome) -> str:
    """A result in a few words, for the history."""
    if outcome.grade is None:
        return f"{outcome.status.replace('_', ' ')}: {outcome.problem}"[:_LONGEST_PROBLEM]
    of = f"{told_points(outcome.grade.points)} of {outcome.grade.max_points:g} points"
    return of if outcome.status == "graded" else f"{outcome.status.replace('_', ' ')}: {of}"


def told_points(points: float | None) -> str:
    return "none" if points is None else f"{points:g}"


def read_grade(body: bytes) -> Grade:
    return Grade.model_validate(json.loads(zlib.decompress(body)))


def line_of(grade: Grade | None) -> Line:
    """What a class page needs of a grade."""
    if grade is None:
        return Line()
    return Line(
        max_points=grade.max_points,
        grade=grade.grade,
        max_grade=grade.max_grade,
        needs_review=grade.needs_review,
        student_s=grade.timing.student_s,
        codes=tuple(dict.fromkeys(diagnosis.code for diagnosis in grade.diagnoses)),
        exercises=tuple(
            LineExercise(
                number=exercise.number,
                points=exercise.points,
                max_points=exercise.max_points,
                status=exercise.status,
                codes=tuple(dict.fromkeys(diagnosis.code for diagnosis in exercise.diagnoses)),
            )
            for exercise in grade.exercises
            if exercise.graded
        ),
    )


def _written(grade: Grade) -> bytes:
    # Python's own writer: it keeps NaN (a curve may hold some), which pydantic's turns into null for good.
    text = json.dumps(grade.model_dump(mode="python"), separators=(",", ":"))
    return zlib.compress(text.encode(), _COMPRESSION)


def _note_handin(connection: Connection, student: int, assignment: str, attempt: int, handin: Handin) -> None:
    """A line for every time that a file was handed in: by its date, or by being there again after another.

    The same hand-in seen twice stays one line, which then says what was seen last.
    """
    values = {
        "name": handin.path.name,
        "shown": handin.shown,
        "origin": handin.origin,
        "late": handin.late,
        "remarks": json.dumps(handin.remarks),
    }
    seen = connection.execute(
        select(handins.c.id, handins.c.attempt_id, handins.c.handed_in)
        .join(attempts)
        .where(attempts.c.student_id == student, attempts.c.assignment_id == assignment)
        .order_by(handins.c.id)
    ).all()
    same = [row.id for row in seen if row.attempt_id == attempt and row.handed_in == handin.handed_in]
    if handin.handed_in is None and seen and seen[-1].attempt_id == attempt:
        same = [seen[-1].id]
    elif handin.handed_in is None:
        same = []
    if same:
        connection.execute(update(handins).where(handins.c.id == same[-1]).values(values))
    else:
        new = insert(handins).values(values | {"attempt_id": attempt, "handed_in": handin.handed_in})
        connection.execute(new)
