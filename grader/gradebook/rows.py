"""The class as one page needs it: which attempt counts, what an instructor changed, how late it was."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from grader.gradebook.adjusting import Ruling, Saying, class_exercise, in_grades, total
from grader.gradebook.keeping import DONE
from grader.gradebook.records import Line, LineExercise
from grader.gradebook.sayings import comments_of, rulings_of, sayings_of
from grader.gradebook.tables import attempts, handins, results, standings, students
from grader.model.assignment import Assignment
from grader.model.classroom import ClassExercise, ClassRow, RowStatus
from grader.model.grade import Outcome

Rule = Literal["latest", "best", "first"]
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Counting:
    """The hand-in of a student that counts."""

    handin: Row[Any]
    """Of `handins` with its attempt and the result that stands for it."""
    attempts: int


def seen(assignment: str, student: int | None = None) -> Any:
    """Every hand-in of an assignment with its attempt and result, in the order in which they were noted."""
    tried = results.alias("tried")
    query = (
        select(
            handins,
            attempts.c.student_id,
            attempts.c.report,
            attempts.c.result_id,
            results.c.status,
            results.c.points,
            results.c.line,
            results.c.problem,
            tried.c.status.label("tried_status"),
            tried.c.problem.label("tried_problem"),
        )
        .join_from(handins, attempts)
        .outerjoin(results, attempts.c.result_id == results.c.id)
        .outerjoin(tried, attempts.c.tried_id == tried.c.id)
        .where(attempts.c.assignment_id == assignment)
        .order_by(handins.c.id)
    )
    return query if student is None else query.where(attempts.c.student_id == student)


def counting(rows: Sequence[Row[Any]], rule: Rule) -> Counting:
    """What counts of one student's hand-ins (at least one, by row).

    In the order of their dates; one without a date comes right after those that were known before it, for the
    clock of this machine decides nothing.
    """
    ordered = _ordered(rows)
    chosen = ordered[-1] if rule == "latest" else ordered[0]
    if rule == "best":
        chosen = max(ordered, key=_machine_points)  # of equal ones, the first
    return Counting(chosen, len({row.attempt_id for row in rows}))


def _ordered(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    latest, dated = _EARLIEST, []
    for row in rows:
        latest = max(latest, row.handed_in or _EARLIEST)
        dated.append((row.handed_in or latest, row.id, row))
    return [row for *_, row in sorted(dated, key=lambda entry: entry[:2])]


def _machine_points(row: Row[Any]) -> float:
    return -1.0 if row.points is None else float(row.points)


def class_rows(connection: Connection, assignment: Assignment) -> tuple[ClassRow, ...]:
    """Everybody who has anything to do with the assignment, by name."""
    by_student: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(seen(assignment.id)):
        by_student[row.student_id].append(row)
    rulings, sayings = rulings_of(connection, assignment.id), sayings_of(connection, assignment.id)
    made = []
    for person in connection.execute(_people(assignment.id)):
        own = by_student.get(person.id, [])
        builder = _RowOf(person, assignment, rulings.get(person.id, {}), sayings.get(person.id, []))
        made.append(builder.handed_in(counting(own, assignment.attempts)) if own else builder.without())
    return tuple(sorted(made, key=lambda row: ((row.name or row.key).casefold(), row.key)))


def _people(assignment: str) -> Any:
    standing = standings.c
    return (
        select(students, standing.standing, standing.shown, standing.reason)
        .outerjoin(standings, (standing.student_id == students.c.id) & (standing.assignment_id == assignment))
        .where(
            standing.student_id.is_not(None)
            | students.c.id.in_(select(attempts.c.student_id).where(attempts.c.assignment_id == assignment))
        )
    )


@dataclass(frozen=True)
class _RowOf:
    """One student's row in the making."""

    person: Row[Any]
    assignment: Assignment
    rulings: Mapping[int, Ruling]
    sayings: Sequence[Saying]

    def handed_in(self, counts: Counting) -> ClassRow:
        handin = counts.handin
        line = Line.model_validate_json(handin.line) if handin.line else Line()
        status: RowStatus = handin.status or "not_graded"
        late_days = days_late(handin.handed_in, self.assignment.deadline)
        return self._row(
            line,
            status,
            handin.points,
            needs_review=line.needs_review,
            late_days=late_days,
            attempts=counts.attempts,
            submission=handin.name,
            shown=handin.shown,
            student_s=line.student_s,
            codes=line.codes,
            problem=handin.problem or ("" if handin.status in DONE else _NOT_YET),
            remarks=(*json.loads(handin.remarks), *self._remarks(handin, late_days)),
            report=handin.report,
        )

    def without(self) -> ClassRow:
        """Nothing that could be graded was handed in."""
        status: RowStatus = "refused" if self.person.standing == "refused" else "missing"
        return self._row(
            Line(), status, None, shown=self.person.shown or "", problem=self.person.reason or ""
        )

    def _row(self, line: Line, status: RowStatus, points: float | None, **more: Any) -> ClassRow:
        exercises = self._exercises(line)
        counted = points
        if any(exercise.overridden for exercise in exercises):
            counted = total(exercise.points for exercise in exercises)
        if status in ("partly_graded", "not_graded") and line.exercises and _settled(exercises):
            status = "graded"
        max_points = line.max_points or self.assignment.max_points
        base = self.assignment.base_points if not line.max_grade else line.max_grade - line.max_points
        return ClassRow(
            key=self.person.key,
            name=self.person.name,
            email=self.person.email,
            ids=json.loads(self.person.ids),
            status=status,
            points=counted,
            machine_points=points,
            max_points=max_points,
            grade=line.grade if counted == points else in_grades(counted, base),
            max_grade=round(base + max_points, 4),
            exercises=exercises,
            comments=tuple(comments_of(list(self.sayings))),
            **more,
        )

    def _exercises(self, line: Line) -> tuple[ClassExercise, ...]:
        judged = line.exercises or (self._unjudged() if self.rulings else ())
        return tuple(class_exercise(exercise, self.rulings.get(exercise.number)) for exercise in judged)

    def _unjudged(self) -> tuple[LineExercise, ...]:
        """For points that an instructor gave where the machine had nothing to judge."""
        return tuple(
            LineExercise(
                number=spec.number,
                points=None,
                max_points=round(sum(check.weight for check in spec.checks), 6),
                status=Outcome.NOT_ATTEMPTED,
            )
            for spec in self.assignment.exercises
            if spec.graded
        )

    def _remarks(self, handin: Row[Any], late_days: int | None) -> list[str]:
        remarks = []
        if handin.late and late_days is None:
            remarks.append("The platform marked it as late; by how many days is not known.")
        if handin.status in DONE and handin.tried_status == "not_graded":
            remarks.append(
                f"The last try was not graded ({handin.tried_problem or 'a fault of the grader'}): "
                "the result before it stands."
            )
        if self.person.standing == "refused" and self.person.reason:
            remarks.append(f"Something else was handed in and refused: {self.person.reason}")
        return remarks


_NOT_YET = "The grader could not do its work; grading again tries this anew."


def _settled(exercises: Sequence[ClassExercise]) -> bool:
    """Whether instructors gave points wherever the machine could not."""
    left = [exercise for exercise in exercises if exercise.status == Outcome.NOT_GRADED]
    return any(exercise.overridden for exercise in exercises) and not left


def days_late(handed_in: datetime | None, deadline: datetime | None) -> int | None:
    """Whole or begun days after the deadline, 0 where it was kept; None where either date is unknown."""
    if handed_in is None or deadline is None:
        return None
    return max(0, math.ceil((handed_in - deadline) / _DAY))
