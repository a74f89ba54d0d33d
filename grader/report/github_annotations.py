"""The grade as workflow commands of GitHub Actions, which become annotations at the lines they name.

Format: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from grader.model.grade import CheckResult, Diagnosis, ExerciseResult, Grade, Outcome
from grader.model.submission import Where
from grader.report.sentences import at
from grader.report.text import exercise_name, number, one_line, outcome

Level = Literal["error", "warning", "notice"]
LIMIT = 10
"""GitHub shows so many of each level from one step, and drops the rest without a word."""
_LEVELS: dict[str, Level] = {"fail": "error", "part": "warning", "warn": "notice", "info": "notice"}


@dataclass(frozen=True)
class _Annotation:
    level: Level
    cost: float
    """Points that hang on it."""
    title: str
    message: str
    where: Where | None


def to_annotations(
    grade: Grade, file: str, line_of: Callable[[Where], int | None] = lambda where: None
) -> tuple[str, ...]:
    """One command per line: the score, then mistakes and lost checks, the costliest first, `LIMIT` of each level.

    Args:
        file: the submission's path from the root of the repository.
        line_of: the line of that file at which a place is; None where it cannot be said.
    """
    found = [*_of_submission(grade), *(one for exercise in grade.exercises for one in _of_exercise(exercise))]
    kind = grade.submission.kind
    lines = [_command("notice", file, None, "Grade", _score(grade))]
    for level, room in (("error", LIMIT), ("warning", LIMIT), ("notice", LIMIT - 1)):
        chosen = sorted((one for one in found if one.level == level), key=lambda one: -one.cost)[:room]
        lines += [_written(one, file, kind, line_of) for one in chosen]
    return tuple(lines)


def _score(grade: Grade) -> str:
    if grade.status == "graded":
        return f"{number(grade.points)} of {number(grade.max_points)} points"
    return "Not graded in full, by a fault of the grader's: this is no zero."


def _of_submission(grade: Grade) -> Iterator[_Annotation]:
    return (_of_diagnosis(diagnosis, "The submission", 0.0) for diagnosis in grade.diagnoses)


def _of_exercise(exercise: ExerciseResult) -> Iterator[_Annotation]:
    """Its mistakes, and the checks that say something else: where a mistake spoils a check, the words are the same."""
    name = exercise_name(exercise.number)
    lost = sum(map(_cost, exercise.checks))
    for diagnosis in exercise.diagnoses:
        yield _of_diagnosis(diagnosis, name, lost if diagnosis.severity in ("fail", "part") else 0.0)
    told = {diagnosis.message for diagnosis in exercise.diagnoses}
    for check in exercise.checks:
        if check.status not in (Outcome.PASSED, Outcome.SKIPPED) and check.message not in told:
            yield _of_check(check, name)


def _of_diagnosis(diagnosis: Diagnosis, name: str, cost: float) -> _Annotation:
    hint = f"\n{one_line(diagnosis.hint)}" if diagnosis.hint else ""
    message = one_line(diagnosis.message) + hint
    title = f"{name}: {diagnosis.code}"
    return _Annotation(_LEVELS[diagnosis.severity], cost, title, message, diagnosis.where)


def _of_check(check: CheckResult, name: str) -> _Annotation:
    lost = check.status in (Outcome.FAILED, Outcome.NOT_ATTEMPTED)
    points = f"{number(check.points)} of {number(check.max_points)} points"
    told = f"{outcome(check.status)}, {points}: {one_line(check.message)}"
    hint = f"\n{one_line(check.hint)}" if check.hint else ""
    return _Annotation(
        "error" if lost else "warning", _cost(check), f"{name}: {check.id}", told + hint, check.where
    )


def _cost(check: CheckResult) -> float:
    return 0.0 if check.points is None else check.max_points - check.points


def _written(one: _Annotation, file: str, kind: str, line_of: Callable[[Where], int | None]) -> str:
    line = line_of(one.where) if one.where else None
    return _command(one.level, file, line, one.title + at(one.where, kind), one.message)


def _command(level: Level, file: str, line: int | None, title: str, message: str) -> str:
    properties = [f"file={_property(file)}", *([f"line={line}"] if line else [])]
    properties.append(f"title={_property(one_line(title, 200))}")
    return f"::{level} {','.join(properties)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
