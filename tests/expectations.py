"""What a corpus case expects, and how a verdict departs from it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from grader.model.grade import CheckResult, Grade

CORPUS = Path(__file__).parent / "corpus"
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
    exit_status: int = 0
    message: str = ""
    timeout_s: float | None = Field(default=None)


def cases() -> list[Path]:
    """Every case of the corpus, by name."""
    return sorted(folder.parent for folder in CORPUS.glob("*/expect.toml"))


def expectation(case: Path) -> Expectation:
    return Expectation.model_validate(tomllib.loads((case / "expect.toml").read_text(encoding="utf-8")))


def submission_file(case: Path) -> Path:
    return next(iter(sorted(case.glob("submission*"))))


def departures(expected: Expectation, grade: Grade) -> list[str]:
    """Everything in which the verdict is not what was expected; empty when it is."""
    return [*_points(expected, grade), *_checks(expected, grade), *_names(expected, grade)]


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
    named = {(exercise.number, d.code): d for exercise in grade.exercises for d in exercise.diagnoses}
    named |= {(None, d.code): d for d in grade.diagnoses}
    for wanted in expected.diagnoses:
        if (wanted.exercise, wanted.code) not in named:
            seen = ", ".join(f"{code} (ex {exercise})" for exercise, code in named) or "nothing"
            yield f"{wanted.code} (ex {wanted.exercise}) was not named; named: {seen}"
    for (exercise, code), diagnosis in named.items():
        if code in expected.forbidden:
            yield f"{code} (ex {exercise}) must not be named: {diagnosis.message}"
        if expected.kind == "correct" and diagnosis.severity in ("fail", "part"):
            yield f"false alarm: {code} (ex {exercise}): {diagnosis.message}"


def shown(verdict: Any) -> str:
    """The departures as one readable text."""
    return "\n".join(f"  - {line}" for line in verdict)
