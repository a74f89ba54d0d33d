"""What each reader may see."""

from __future__ import annotations

from typing import Literal

from grader.model.grade import Diagnosis, ExerciseResult, Grade

Audience = Literal["instructor", "student"]

_REVIEW = Diagnosis(
    code="needs-review",
    severity="info",
    message="An instructor will look at this submission.",
)


def for_audience(grade: Grade, audience: Audience) -> Grade:
    """`grade` as this audience may read it: whole, or without the details of integrity diagnoses.

    Students learn that somebody will look at the submission, not what was noticed, nor in which exercise.
    """
    if audience == "instructor":
        return grade
    exercises = tuple(_without_integrity(exercise) for exercise in grade.exercises)
    kept = _open_diagnoses(grade.diagnoses)
    hidden = exercises != grade.exercises or kept != grade.diagnoses
    if hidden or grade.needs_review:
        kept = (_REVIEW, *kept)
    lessons = tuple(lesson for lesson in grade.lessons if not is_integrity(lesson.code))
    return grade.model_copy(update={"exercises": exercises, "diagnoses": kept, "lessons": lessons})


def _without_integrity(exercise: ExerciseResult) -> ExerciseResult:
    return exercise.model_copy(
        update={"diagnoses": _open_diagnoses(exercise.diagnoses), "needs_review": False}
    )


def _open_diagnoses(diagnoses: tuple[Diagnosis, ...]) -> tuple[Diagnosis, ...]:
    return tuple(diagnosis for diagnosis in diagnoses if not is_integrity(diagnosis.code))


def is_integrity(code: str) -> bool:
    """Whether a diagnosis is one whose details students do not read."""
    return code.startswith("integrity-")
