"""What a corpus case expects, and how a verdict departs from it."""

from __future__ import annotations

import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from grader.api import configured
from grader.model.assignment import Assignment
from grader.model.grade import CheckResult, Diagnosis, Grade

CORPUS = Path(__file__).parent / "corpus"
MUTANTS = CORPUS / "mutants"
_SLACK = 0.0051


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: str
    exercise: int | None = None


class Expectation(BaseModel):
    """One `expect.toml`; `tests/corpus/README.md` explains the fields."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    kind: str
    about: str
    points: float | None = None
    points_range: tuple[float, float] | None = None
    lost: dict[str, float] = {}
    open: dict[str, tuple[float, float]] = {}
    diagnoses: list[Named] = []
    forbidden: list[str] = []
    tolerated: list[str] = []
    code: str | None = None
    held_out: bool = False
    exit_status: int = 0
    message: str = ""
    timeout_s: float | None = Field(default=None)


def cases() -> list[Path]:
    """Every case of the corpus by name, the mutants last."""
    return [file.parent for folder in (CORPUS, MUTANTS) for file in sorted(folder.glob("*/expect.toml"))]


def mutants() -> list[Path]:
    """The cases that were made from correct ones by one mistake each, by name."""
    return [case for case in cases() if case.parent == MUTANTS]


def drawn_to_be_held_out(case: Path) -> bool:
    """The lot that keeps a third of the mutants out of sight: by name, so that no later mutant changes it."""
    return zlib.crc32(case.name.encode()) % 3 == 0


def expectation(case: Path) -> Expectation:
    return Expectation.model_validate(tomllib.loads((case / "expect.toml").read_text(encoding="utf-8")))


def assignment_for(expected: Expectation) -> Assignment:
    """The nine exercises, with the limit per cell that the case asks for."""
    assignment = configured(None)
    if expected.timeout_s is None:
        return assignment
    limits = assignment.limits.model_copy(update={"cell_s": expected.timeout_s})
    return assignment.model_copy(update={"limits": limits})


def submission_file(case: Path) -> Path:
    return next(iter(sorted(case.glob("submission*"))))


def departures(expected: Expectation, grade: Grade) -> list[str]:
    """Everything in which the verdict is not what was expected; empty when it is."""
    return [*points_departures(expected, grade), *_names(expected, grade)]


def points_departures(expected: Expectation, grade: Grade) -> list[str]:
    """Where the total or a check's points are not what was expected."""
    return [*_points(expected, grade), *_checks(expected, grade)]


def _points(expected: Expectation, grade: Grade) -> Iterator[str]:
    points = -1.0 if grade.points is None else grade.points
    if expected.points is not None and abs(points - expected.points) > _SLACK:
        yield f"points {points}, expected {expected.points}"
    if (
        expected.points_range
        and not expected.points_range[0] - _SLACK <= points <= expected.points_range[1] + _SLACK
    ):
        yield f"points {points}, expected {expected.points_range}"


def _checks(expected: Expectation, grade: Grade) -> Iterator[str]:
    for check in (check for exercise in grade.exercises for check in exercise.checks):
        low, high = expected.open.get(check.id, (expected.lost.get(check.id, check.max_points),) * 2)
        points = -1.0 if check.points is None else check.points
        if not low - _SLACK <= points <= high + _SLACK:
            yield f"{check.id} earned {points}, expected {low}..{high}: {_told(check)}"


def _told(check: CheckResult) -> str:
    return f"[{check.status}] {check.message} (expected: {check.expected}; seen: {check.actual}; at {check.where})"


def _names(expected: Expectation, grade: Grade) -> Iterator[str]:
    named = names(grade)
    for wanted in expected.diagnoses:
        if (wanted.exercise, wanted.code) not in named:
            seen = ", ".join(f"{code} (ex {exercise})" for exercise, code in named) or "nothing"
            yield f"{wanted.code} (ex {wanted.exercise}) was not named; named: {seen}"
    for (exercise, code), diagnosis in named.items():
        if code in expected.forbidden:
            yield f"{code} (ex {exercise}) must not be named: {diagnosis.message}"
    yield from (
        f"false alarm: {code} (ex {exercise}): {named[exercise, code].message}"
        for exercise, code in sorted(false_alarms(expected, grade), key=str)
    )


def names(grade: Grade) -> dict[tuple[int | None, str], Diagnosis]:
    """All that was named: (exercise, code) → diagnosis; without an exercise what concerns the whole submission."""
    return {
        **{(exercise.number, d.code): d for exercise in grade.exercises for d in exercise.diagnoses},
        **{(None, d.code): d for d in grade.diagnoses},
    }


def false_alarms(expected: Expectation, grade: Grade) -> set[tuple[int | None, str]]:
    """Costly mistakes that were named where nobody made them; lesser and odd cases list theirs as `forbidden`."""
    if expected.kind not in ("correct", "mutant"):
        return set()
    known = {(wanted.exercise, wanted.code) for wanted in expected.diagnoses}
    return {
        key
        for key, diagnosis in names(grade).items()
        if diagnosis.severity in ("fail", "part") and key not in known and key[1] not in expected.tolerated
    }


def shown(verdict: Any) -> str:
    """The departures as one readable text."""
    return "\n".join(f"  - {line}" for line in verdict)
