"""Instructors' points in place of the machine's: plain arithmetic, on a grade and on a line of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from grader.gradebook.records import LineExercise
from grader.model.classroom import ClassExercise
from grader.model.grade import Comment, ExerciseResult, Grade, Outcome, Override

_DECIMALS = 4
"""To which points are rounded wherever they are added up."""


@dataclass(frozen=True)
class Ruling:
    """The points that an instructor set for one exercise of one student."""

    points: float
    machine_points: float | None
    """What the machine gave when they were set."""
    reason: str
    who: str
    at: datetime


@dataclass(frozen=True)
class Saying:
    """A comment as the gradebook keeps it."""

    text: str
    who: str
    at: datetime
    exercise: int | None


def total(points: Iterable[float | None]) -> float | None:
    """The sum of what is known; None when nothing is."""
    known = [value for value in points if value is not None]
    return round(sum(known), _DECIMALS) if known else None


def same(first: float | None, second: float | None) -> bool:
    """Whether two numbers of points are one, as they are rounded everywhere."""
    if first is None or second is None:
        return first is second
    return round(first, _DECIMALS) == round(second, _DECIMALS)


def outcome_of(points: float, max_points: float) -> Outcome:
    """What so many points are called."""
    if points >= max_points or same(points, max_points):
        return Outcome.PASSED
    return Outcome.PARTIAL if points > 0 else Outcome.FAILED


def adjusted(grade: Grade, rulings: Mapping[int, Ruling], sayings: Sequence[Saying]) -> Grade:
    """`grade` with instructors' points and comments in it, sums and status made anew."""
    exercises = tuple(_ruled(exercise, rulings.get(exercise.number)) for exercise in grade.exercises)
    comments = tuple(
        Comment(text=said.text, who=said.who, when=shown_time(said.at), exercise=said.exercise)
        for said in sayings
    )
    changed = grade.model_copy(update={"exercises": exercises, "comments": comments})
    if exercises == grade.exercises:
        return changed
    points = total(exercise.points for exercise in exercises if exercise.graded)
    return changed.model_copy(
        update={
            "points": points,
            "grade": in_grades(points, grade.max_grade - grade.max_points),
            "status": _status(grade, exercises, points),
        }
    )


def in_grades(points: float | None, base_points: float) -> float | None:
    """Points with those that are given for free."""
    return None if points is None else round(base_points + points, _DECIMALS)


def class_exercise(exercise: LineExercise, ruling: Ruling | None) -> ClassExercise:
    """One exercise of one student for the class page."""
    ruled = ruling is not None
    return ClassExercise(
        number=exercise.number,
        points=ruling.points if ruling else exercise.points,
        machine_points=exercise.points,
        max_points=exercise.max_points,
        status=outcome_of(ruling.points, exercise.max_points) if ruling else exercise.status,
        overridden=ruled,
        conflict=ruling is not None and not same(ruling.machine_points, exercise.points),
        reason=ruling.reason if ruling else "",
        codes=exercise.codes,
    )


def shown_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ruled(exercise: ExerciseResult, ruling: Ruling | None) -> ExerciseResult:
    if ruling is None or not exercise.graded:
        return exercise
    override = Override(
        machine_points=exercise.points,
        points=ruling.points,
        reason=ruling.reason,
        who=ruling.who,
        when=shown_time(ruling.at),
    )
    status = outcome_of(ruling.points, exercise.max_points)
    return exercise.model_copy(
        update={"points": ruling.points, "status": status, "override": override},
    )


def _status(grade: Grade, exercises: Sequence[ExerciseResult], points: float | None) -> str:
    """As the machine says, but for what instructors settled."""
    if grade.status == "graded":
        return "graded"
    open_ones = [exercise for exercise in exercises if exercise.status is Outcome.NOT_GRADED]
    if not open_ones:
        return "graded"
    return "not_graded" if points is None else "partly_graded"
