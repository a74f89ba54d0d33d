"""The gradebook: what a class handed in, what it is worth, and what instructors say about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select

from grader.errors import UsageError
from grader.gradebook import declared, keeping, migrating, people, rows, sayings
from grader.gradebook.adjusting import Ruling, Saying, adjusted
from grader.gradebook.keeping import Outcome
from grader.gradebook.opening import Database, check_whole, connected, told
from grader.gradebook.records import Changed, Event, ExerciseInfo, Line, Stored
from grader.gradebook.sayings import Place
from grader.gradebook.storage import as_stored, stored_results
from grader.gradebook.tables import attempts, events, grades, results, students
from grader.model.assignment import Assignment
from grader.model.classroom import ClassRecord, Handin, Key, Roll, Worked
from grader.model.grade import Grade

_WAIT_S = 30.0


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def opened(
    where: str | Path,
    *,
    create: bool = True,
    wait_s: float = _WAIT_S,
    now: Callable[[], datetime] = _now,
) -> Iterator[Gradebook]:
    """The gradebook at a path or SQLAlchemy URL, brought to this grader's version first.

    `wait_s` is how long to wait for another writer (SQLite); `now` tells the time in events.
    Raises UsageError, one line that says what to do, where it is locked, damaged, newer than the grader, missing
    (without `create`), not writable, or where its driver is not installed. So does every method.
    """
    database = connected(where, create=create, wait_s=wait_s)
    try:
        with told(database.shown):
            migrating.upgraded(database.engine, database.shown, create=create)
        check_whole(database)
        yield Gradebook(database, now)
    finally:
        database.engine.dispose()


class Gradebook:
    """Results are added, never overwritten; each call is one transaction that is whole or has not happened.

    Where a gradebook holds several assignments, that of the last `enrol` is meant, else `assignment` names it.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._assignment: str | None = None

    # ------------------------------------------------------------ a class, and its results

    def enrol(self, roll: Roll, assignment: Assignment) -> None:
        """Take in who there is: who handed in, who did not, and who handed in what cannot be graded."""
        found = [(handin.student, "handed_in", handin.shown, "") for handin in roll.handins]
        refused = [(bad.student, "refused", bad.shown, bad.reason) for bad in roll.refused if bad.student]
        missing = [(student, "missing", "", "") for student in roll.missing]
        # A later one wins: of somebody with a good and a refused file, the good one counts.
        standing = {entry[0].key: entry for entry in (*missing, *refused, *found)}

        def change(connection: Connection) -> None:
            declared.declare(connection, assignment)
            everybody = [entry[0] for entry in standing.values()]
            there = people.enrolled(connection, everybody, self._now())
            for key, (_, *said) in standing.items():
                declared.note_standing(connection, there[key], assignment.id, *said)

        self._database.write(change)
        self._assignment = assignment.id

    def done(self, key: Key) -> bool:
        """Whether there is a result under this key that is not NOT_GRADED."""
        with self._database.reading() as connection:
            return keeping.done_under(connection, key) is not None

    def record(
        self,
        handin: Handin,
        key: Key,
        sha256_of_file: str,
        worked: Worked,
        *,
        report: str | None,
        evidence: str | None,
        run: str = "",
    ) -> bool:
        """Keep a result; False where this one is there already, as when a cluster delivers twice.

        `run` is empty, or a forced run's own name: its results are then added although there are some.
        """
        outcome = keeping.outcome_of(worked, evidence, run)

        def change(connection: Connection) -> bool:
            assignment = self._of_result(connection, worked.grade)
            student = people.row_of(connection, handin.student)
            attempt = keeping.note_attempt(
                connection, student, assignment, handin, key.submission, sha256_of_file
            )
            there = keeping.done_under(connection, key, run)
            if there is not None:
                keeping.let_stand(connection, attempt, there, report)
                return False
            now = self._now()
            result = keeping.add_result(connection, key, outcome, now)
            keeping.let_stand(connection, attempt, result, report)
            who, why = f"grader {key.grader}", "graded again on demand" if run else "handed in"
            keeping.note_event(
                connection,
                now,
                who=who,
                kind="graded",
                what=keeping.told(outcome),
                why=why,
                student=student,
                assignment=assignment,
            )
            return True

        return self._database.write(change)

    def again(self, handin: Handin, key: Key, *, report: str | None = None, sha256_of_file: str = "") -> None:
        """Note a hand-in whose result is known: an attempt of this student, with the same grade.

        Raises LookupError where there is no result under the key (see `done`).
        """

        def change(connection: Connection) -> None:
            result = keeping.done_under(connection, key)
            if result is None:
                raise LookupError(f"no result under {key}")
            assignment = self._of_result(connection, None)
            student = people.row_of(connection, handin.student)
            attempt = keeping.note_attempt(
                connection, student, assignment, handin, key.submission, sha256_of_file
            )
            keeping.let_stand(connection, attempt, result, report)

        self._database.write(change)

    # ------------------------------------------------------------ judging again

    def stored(self, *, assignment: str | None = None) -> Iterator[Stored]:
        """The result that stands for each attempt, students by key, attempts in the order they were noted."""
        with self._database.reading() as connection:
            found = connection.execute(stored_results(self._meant(connection, assignment))).all()
        yield from map(as_stored, found)

    def grade_of(self, stored: Stored) -> Grade | None:
        """The machine's whole grade; None where the result has none. Some 20 ms for a large one."""
        with self._database.reading() as connection:
            body = connection.scalar(select(grades.c.body).where(grades.c.result_id == stored.result))
            return None if body is None else keeping.read_grade(body)

    def rejudged(
        self,
        stored: Stored,
        key: Key,
        grade: Grade,
        report: str | None = None,
        *,
        why: str = "the rubric changed",
        who: str = "",
    ) -> bool:
        """Keep a new judgement beside the old one and let it stand; False where it is there already."""
        outcome = Outcome(grade.status, grade, evidence=stored.evidence, judged_from=stored.result)

        def change(connection: Connection) -> bool:
            there = connection.scalar(
                select(results.c.id)
                .where(keeping.under(key), results.c.digest == outcome.digest)
                .order_by(results.c.id.desc())
                .limit(1)
            )
            now = self._now()
            result = there or keeping.add_result(connection, key, outcome, now)
            keeping.let_stand(connection, stored.attempt, result, report)
            if result == stored.result:
                return False
            of = connection.execute(select(attempts).where(attempts.c.id == stored.attempt)).one()
            keeping.note_event(
                connection,
                now,
                who=who or f"grader {key.grader}",
                kind="judged_again",
                what=f"{keeping.told(outcome)}, before {keeping.told_points(stored.points)}",
                why=why,
                student=of.student_id,
                assignment=of.assignment_id,
            )
            return there is None

        return self._database.write(change)

    # ------------------------------------------------------------ what instructors say

    def override(
        self,
        student: str,
        exercise: int,
        points: float,
        *,
        reason: str,
        who: str,
        assignment: str | None = None,
    ) -> Changed:
        """Set the points of an exercise; they outrank the machine's, now and after every further grading.

        Raises UsageError for an unknown student or exercise, impossible points, and no reason.
        """
        reason, who = sayings.checked_reason(reason), sayings.checked_who(who)

        def change(connection: Connection) -> Changed:
            place = self._place(connection, student, assignment)
            info = declared.exercise_of(connection, place.assignment, exercise)
            standing = _standing(connection, place, info)
            ruling = Ruling(
                sayings.checked_points(points, info), standing.machine_points, reason, who, self._now()
            )
            sayings.rule(connection, place, exercise, ruling, info)
            return standing.now(ruling.points)

        return self._database.write(change)

    def withdraw(
        self, student: str, exercise: int, *, reason: str, who: str, assignment: str | None = None
    ) -> Changed:
        """Let the machine's points count again.

        Raises UsageError as `override`, and where no override is in force.
        """
        reason, who = sayings.checked_reason(reason), sayings.checked_who(who)

        def change(connection: Connection) -> Changed:
            place = self._place(connection, student, assignment)
            info = declared.exercise_of(connection, place.assignment, exercise)
            standing = _standing(connection, place, info)
            if not standing.overridden:
                raise UsageError(
                    f"{place.student.name}: nobody set the points of exercise {exercise}: nothing to withdraw"
                )
            sayings.let_machine_count(connection, place, exercise, reason=reason, who=who, now=self._now())
            return standing.now(standing.machine_points)

        return self._database.write(change)

    def comment(
        self,
        student: str,
        text: str,
        *,
        exercise: int | None = None,
        who: str,
        assignment: str | None = None,
    ) -> None:
        """Say something to a student, about an exercise or the whole submission.

        Raises UsageError for an unknown student or exercise, and an empty comment.
        """
        text, who = sayings.checked_comment(text), sayings.checked_who(who)

        def change(connection: Connection) -> None:
            place = self._place(connection, student, assignment)
            if exercise is not None:
                declared.exercise_of(connection, place.assignment, exercise)
            sayings.say(connection, place, Saying(text, who, self._now(), exercise))

        self._database.write(change)

    def adjusted(self, student: str, *, assignment: str | None = None) -> Grade | None:
        """The grade that counts, with overrides and comments in it; None where the machine made none.

        The file's name is the one that this student gave it.
        """
        with self._database.reading() as connection:
            place = self._place(connection, student, assignment)
            found = _counting(connection, place)
            if found is None:
                return None
            body = connection.scalar(select(grades.c.body).where(grades.c.result_id == found.result_id))
            if body is None:
                return None
            grade = keeping.read_grade(body)
            own = grade.submission.model_copy(update={"name": found.name})
            rulings = sayings.rulings_of(connection, place.assignment, place.student.row)
            said = sayings.sayings_of(connection, place.assignment, place.student.row)
            row = place.student.row
            return adjusted(
                grade.model_copy(update={"submission": own}), rulings.get(row, {}), said.get(row, [])
            )

    # ------------------------------------------------------------ what everybody reads

    def class_record(self, assignment: Assignment, *, grader: str = "") -> ClassRecord:
        """The class as it stands; similar pairs and the names of mistakes are somebody else's to add."""
        with self._database.reading() as connection:
            made = rows.class_rows(connection, assignment)
        return ClassRecord(
            assignment_id=assignment.id,
            assignment_title=assignment.title,
            assignment_version=assignment.version,
            grader=grader,
            max_points=assignment.max_points,
            max_grade=round(assignment.base_points + assignment.max_points, 4),
            titles={spec.number: spec.title for spec in assignment.exercises if spec.graded},
            rows=made,
        )

    def history(self, student: str | None = None) -> Iterator[Event]:
        """Every change in the order in which it was made, of one student or of all."""
        query = (
            select(events, students.c.key, students.c.name).join_from(events, students).order_by(events.c.id)
        )
        with self._database.reading() as connection:
            if student is not None:
                query = query.where(students.c.id == people.looked_up(connection, student).row)
            found = connection.execute(query).all()
        for row in found:
            yield Event(
                row.at, row.who, row.kind, row.what, row.why, row.key, row.name, row.assignment_id or ""
            )

    # ------------------------------------------------------------ what all of them need

    def _meant(self, connection: Connection, named: str | None) -> str:
        return declared.meant(connection, named, self._assignment)

    def _of_result(self, connection: Connection, grade: Grade | None) -> str:
        """A grade tells its assignment; where there is none, the roll did."""
        return (
            self._meant(connection, None) if grade is None else declared.declare_by_grade(connection, grade)
        )

    def _place(self, connection: Connection, student: str, named: str | None) -> Place:
        assignment = self._meant(connection, named)
        return Place(people.looked_up(connection, student), assignment)


@dataclass(frozen=True)
class _Standing:
    """What counts for an exercise before an instructor changes it."""

    place: Place
    info: ExerciseInfo
    machine_points: float | None
    points: float | None
    overridden: bool

    def now(self, points: float | None) -> Changed:
        return Changed(
            student=self.place.student.key,
            name=self.place.student.name,
            exercise=self.info.number,
            title=self.info.title,
            before=self.points,
            points=points,
            machine_points=self.machine_points,
            max_points=self.info.max_points,
        )


def _standing(connection: Connection, place: Place, info: ExerciseInfo) -> _Standing:
    found = _counting(connection, place)
    line = Line.model_validate_json(found.line) if found is not None and found.line else Line()
    machine = next((entry.points for entry in line.exercises if entry.number == info.number), None)
    in_force = sayings.rulings_of(connection, place.assignment, place.student.row).get(place.student.row, {})
    ruling = in_force.get(info.number)
    return _Standing(place, info, machine, ruling.points if ruling else machine, ruling is not None)


def _counting(connection: Connection, place: Place) -> Row[Any] | None:
    """The hand-in of the student that counts, with its result."""
    found = connection.execute(rows.seen(place.assignment, place.student.row)).all()
    if not found:
        return None
    return rows.counting(found, declared.rule_of(connection, place.assignment)).handin
