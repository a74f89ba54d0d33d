"""What a check is given, and short ways to say what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from grader.errors import BadAssignment
from grader.model.assignment import Assignment, CheckSpec, ExerciseSpec
from grader.model.evidence import DatasetEvidence, Evidence, ExerciseEvidence, TaskEvidence
from grader.model.finding import Finding
from grader.model.submission import Where


class Options(BaseModel):
    """Base of the arguments that a rubric may hand to a check."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Given = TypeVar("Given", bound=Options)


@dataclass(frozen=True)
class Case:
    """One check of one exercise, with the evidence it is judged on."""

    assignment: Assignment
    exercise: ExerciseSpec
    check: CheckSpec
    evidence: Evidence

    @property
    def task(self) -> TaskEvidence:
        """The task that the exercise judges.

        Raises BadAssignment where the exercise names none: its rubric uses a check that needs one.
        """
        if self.exercise.task is None:
            raise BadAssignment(
                f"{self.check.id}: the check {self.check.use!r} needs the exercise to name a task"
            )
        return self.evidence.tasks[self.exercise.task]

    @property
    def dataset(self) -> DatasetEvidence:
        """The dataset that the exercise is about, its own or its task's."""
        name = self.exercise.dataset or self.task.spec.dataset
        return self.evidence.datasets[name]

    @property
    def page(self) -> ExerciseEvidence:
        """What stands in the exercise's part of the file."""
        return self.evidence.exercises[self.exercise.number]

    @property
    def place(self) -> Where | None:
        """The exercise's first cell, for findings about something that is missing."""
        return self.evidence.exercise_where(self.exercise.number)

    def read(self, options: type[Given]) -> Given:
        """The rubric's arguments for this check, validated.

        Raises BadAssignment for arguments that the check does not know.
        """
        try:
            return options.model_validate(self.check.options)
        except ValidationError as error:
            first = error.errors()[0]
            raise BadAssignment(f"{self.check.id}: options.{first['loc'][0]}: {first['msg']}") from None


Check = Callable[[Case], Finding]


def passed(message: str, actual: str | None = None, where: Where | None = None) -> Finding:
    return Finding(1.0, message, actual=actual, where=where)


def failed(message: str, expected: str, actual: str, where: Where | None = None) -> Finding:
    return Finding(0.0, message, expected, actual, where)


def partly(share: float, message: str, expected: str, actual: str, where: Where | None = None) -> Finding:
    return Finding(share, message, expected, actual, where)


def missing(message: str, expected: str, where: Where | None = None) -> Finding:
    """There is nothing of the student's to judge: not attempted, rather than wrong."""
    return Finding(0.0, message, expected, "nothing was found", where, attempted=False)


def unknown(message: str, where: Where | None = None) -> Finding:
    """The evidence does not tell, through no fault of the student's."""
    return Finding(None, message, where=where)
