"""What the gradebook hands out, beside the records of `grader.model`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from grader.model.classroom import Key
from grader.model.grade import Outcome

ResultStatus = Literal["graded", "partly_graded", "not_graded", "refused"]
EventKind = Literal["graded", "judged_again", "override", "withdrawal", "comment", "joined"]


class Line(BaseModel):
    """A result as far as a class page needs it, so that no grade has to be unpacked for one."""

    model_config = ConfigDict(frozen=True)

    max_points: float = 0.0
    grade: float | None = None
    max_grade: float = 0.0
    needs_review: bool = False
    student_s: float = 0.0
    codes: tuple[str, ...] = ()
    exercises: tuple[LineExercise, ...] = ()
    """The graded ones, in the assignment's order."""


class LineExercise(BaseModel):
    model_config = ConfigDict(frozen=True)

    number: int
    points: float | None
    max_points: float
    status: Outcome
    codes: tuple[str, ...] = ()


class ExerciseInfo(BaseModel):
    """What an exercise is called and worth."""

    model_config = ConfigDict(frozen=True)

    number: int
    title: str
    max_points: float


@dataclass(frozen=True)
class Stored:
    """The result that stands for one attempt of one student."""

    attempt: int
    """The gradebook's own number of the attempt."""
    result: int
    student: str
    """Key of the student."""
    name: str
    key: Key
    submission: str
    """Name of the file."""
    status: ResultStatus
    points: float | None
    """The machine's."""
    line: Line
    digest: str
    """`verdict_digest` of the grade; empty where there is none."""
    problem: str
    report: str | None
    evidence: str | None
    """Where the bundle lies, as `record` was told."""


@dataclass(frozen=True)
class Changed:
    """What an override or its withdrawal did."""

    student: str
    """Key."""
    name: str
    exercise: int
    title: str
    before: float | None
    """Points that counted until now."""
    points: float | None
    """Points that count from now on."""
    machine_points: float | None
    max_points: float


@dataclass(frozen=True)
class Event:
    """Something that was changed, by whom, when and why."""

    at: datetime
    """UTC."""
    who: str
    kind: EventKind
    what: str
    """One line."""
    why: str
    student: str
    """Key."""
    name: str
    assignment: str
    """Id of the assignment; empty where it concerns all."""


Line.model_rebuild()
