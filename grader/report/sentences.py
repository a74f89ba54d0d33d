"""A verdict's parts as plain sentences, for every format that is made of text."""

from __future__ import annotations

from collections.abc import Iterator

from grader.model.grade import CheckResult, Diagnosis, ExerciseResult, Grade, Outcome
from grader.model.submission import Where
from grader.report.language.speech import said
from grader.report.text import number, one_line, place

SEVERITIES = {"fail": "mistake", "part": "half right", "warn": "worth knowing", "info": "note"}
STANDINGS = {
    "graded": "",
    "partly_graded": "Partly graded: some checks could not be made. The grader is at fault: no cost.",
    "not_graded": "Not graded: the grader could not do its work. This is no zero.",
}


def remarks(check: CheckResult) -> Iterator[str]:
    """What was expected, what was seen, and a hint; nothing where it was skipped, for the blame lies elsewhere."""
    if check.status is Outcome.SKIPPED:
        return
    for word, value in (("expected", check.expected), ("seen", check.actual), ("hint", check.hint)):
        if value is not None:
            yield f"{said(word)}: {one_line(value)}"


def at(where: Where | None, kind: str) -> str:
    """` (cell 12, line 3)`, with the blank before it; nothing where there is no place."""
    return f" ({place(where, kind)})" if where else ""


def mistake(diagnosis: Diagnosis, kind: str) -> str:
    """`mistake: loop-no-zero-grad (cell 7, line 7): what is wrong`; then the hint."""
    head = f"{said(SEVERITIES[diagnosis.severity])}: {one_line(diagnosis.code)}{at(diagnosis.where, kind)}"
    hint = f" {said('hint')}: {one_line(diagnosis.hint)}" if diagnosis.hint else ""
    return f"{head}: {one_line(diagnosis.message)}{hint}"


def decision(exercise: ExerciseResult) -> str:
    """What an instructor set, and why; nothing where the machine's points count."""
    if exercise.override is None:
        return ""
    points = said(f"{number(exercise.override.points)} instead of {number(exercise.override.machine_points)}")
    return f"{said('points set by an instructor')}: {points} · {one_line(exercise.override.reason)}"


def is_settled(grade: Grade) -> bool:
    """Whether the points are final: a part that waits to be graded must not be counted as a zero."""
    return grade.status == "graded" and grade.points is not None


def exact(value: float) -> float | int:
    """Points as they are written for machines: at most 6 decimals, a whole number without any."""
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) else rounded
