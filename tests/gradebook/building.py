"""A small class to keep: students, hand-ins, grades."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from grader.gradebook.book import Gradebook
from grader.model.assignment import Assignment, CheckSpec, ExerciseSpec
from grader.model.classroom import ClassRow, Handin, Key, Roll, Student, Worked
from grader.model.grade import (
    AssignmentInfo,
    Diagnosis,
    ExerciseResult,
    Grade,
    Outcome,
    SubmissionInfo,
    Timing,
)
from tests.report.sample import ENVIRONMENT

ANA = Student("ana", "Ana Ruiz", "ana@example.org", {"canvas": "11"})
BEN = Student("ben", "Ben Okafor", "ben@example.org", {"canvas": "12"})
CLEO = Student("cleo", "Cleo Ødegård", "cleo@example.org", {"canvas": "13"})
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def assignment(**changes: object) -> Assignment:
    """Three exercises of one point each, and an extra."""
    exercises = tuple(
        ExerciseSpec(number=number, title=f"Exercise {number}", checks=(spec(number),))
        for number in (1, 2, 3)
    )
    extra = ExerciseSpec(number=0, title="Extra", graded=False)
    fields = {"id": "small", "title": "A small one", "version": "1", "exercises": (*exercises, extra)}
    return Assignment.model_validate(fields | changes)


def spec(number: int) -> CheckSpec:
    return CheckSpec(id=f"ex{number}.a", use="data.tensors", weight=1.0, title="It holds", hint="Look.")


def key(content: str, **changes: object) -> Key:
    fields = {"assignment": "rubric-1", "seed": 42, "device": "cpu", "grader": "1.0"} | changes
    return Key(submission=sha(content), **fields)  # type: ignore[arg-type]


def sha(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def handin(student: Student, name: str = "lab.ipynb", **changes: object) -> Handin:
    fields: dict[str, object] = {"student": student, "path": Path(name), "shown": f"class.zip: {name}"}
    return Handin(**(fields | changes))  # type: ignore[arg-type]


def grade(points: Sequence[float | None], *, codes: Sequence[str] = (), seconds: float = 3.0) -> Grade:
    """A grade of so many points for each exercise; None where it was not graded."""
    known = [value for value in points if value is not None]
    total = round(sum(known), 4) if known else None
    return Grade(
        submission=SubmissionInfo(name="lab.ipynb", sha256="0" * 64, kind="notebook"),
        assignment=AssignmentInfo(id="small", title="A small one", version="1"),
        environment=ENVIRONMENT,
        status="graded" if len(known) == len(points) else "partly_graded" if known else "not_graded",
        points=total,
        max_points=float(len(points)),
        grade=None if total is None else 1.0 + total,
        max_grade=1.0 + len(points),
        exercises=tuple(exercise(number, value, codes) for number, value in enumerate(points, start=1)),
        timing=Timing(total_s=seconds + 1, student_s=seconds),
    )


def exercise(number: int, points: float | None, codes: Sequence[str]) -> ExerciseResult:
    status = Outcome.NOT_GRADED if points is None else Outcome.PASSED if points == 1 else Outcome.PARTIAL
    return ExerciseResult(
        number=number,
        title=f"Exercise {number}",
        status=status,
        points=points,
        max_points=1.0,
        diagnoses=tuple(Diagnosis(code=code, severity="fail", message="So it is.") for code in codes),
    )


def worked(points: Sequence[float | None] = (1.0, 0.5, 0.0), **changes: object) -> Worked:
    return Worked(grade(points, **changes), seconds=4.0, processor_s=1.0, worker="here-1")  # type: ignore[arg-type]


def keep(
    book: Gradebook, student: Student, content: str, done: Worked | None = None, **changes: object
) -> bool:
    """Record a hand-in of `content` as the command does."""
    of_key = {name: changes.pop(name) for name in ("seed", "assignment", "grader") if name in changes}
    run = str(changes.pop("run", ""))
    given = handin(student, **changes)
    report = f"students/{student.key}.report.html"
    return book.record(
        given,
        key(content, **of_key),
        sha(content),
        done or worked(),
        report=report,
        evidence=f"evidence/{sha(content)[:8]}.evidence.zip",
        run=run,
    )


def roll(*students: Student, missing: Sequence[Student] = ()) -> Roll:
    return Roll(tuple(handin(student) for student in students), missing=tuple(missing))


def row(book: Gradebook, student: Student = ANA, **of_assignment: object) -> ClassRow:
    """The student's row on the class page."""
    rows = book.class_record(assignment(**of_assignment)).rows
    return next(row for row in rows if row.key == student.key)
