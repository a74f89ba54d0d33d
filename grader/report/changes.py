"""What changed between two verdicts on one student's work, as lines: points, mistakes, and what to look at next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from grader.model.grade import CheckResult, Diagnosis, ExerciseResult, Grade, Outcome
from grader.report.sentences import STANDINGS, at, mistake
from grader.report.text import exercise_name, number, one_line

Tone = Literal["better", "worse", "plain", "quiet"]
_SAME = 0.0005


@dataclass(frozen=True)
class Line:
    """One line of what changed."""

    text: str
    tone: Tone = "plain"


def changes(before: Grade, after: Grade) -> Iterator[Line]:
    """What `after` has that `before` had not, and the other way round; then the first thing to look at."""
    yield _total(before, after)
    if STANDINGS[after.status]:
        yield Line(STANDINGS[after.status], "worse")
    yield from _exercises(before, after)
    yield from _mistakes(before, after)
    yield from look_at_next(after)


def look_at_next(grade: Grade) -> Iterator[Line]:
    """The first error that a cell raised, and the first check that lost points."""
    if error := next(_errors(grade), None):
        yield Line(f"first error: {error}", "worse")
    if check := next(_lost(grade), None):
        place = at(check.where, grade.submission.kind)
        yield Line(f"next: {check.id}{place}: {one_line(check.message)}")
    elif grade.status == "graded":
        yield Line("nothing is left to do", "better")


def _total(before: Grade, after: Grade) -> Line:
    of = f"of {number(after.max_points)} points"
    moved = _moved(before.points, after.points)
    if not moved:
        return Line(f"{number(after.points)} {of}, as before")
    tone: Tone = "better" if (after.points or 0.0) > (before.points or 0.0) else "worse"
    return Line(f"{number(before.points)} → {number(after.points)} {of} ({moved})", tone)


def _moved(before: float | None, after: float | None) -> str:
    """`+0.2`; nothing where it is the same."""
    if before == after:
        return ""
    if before is None or after is None:
        return "not graded before" if before is None else "not graded now"
    if abs(after - before) < _SAME:
        return ""
    return ("+" if after > before else "\N{MINUS SIGN}") + number(abs(after - before))


def _exercises(before: Grade, after: Grade) -> Iterator[Line]:
    earlier = {exercise.number: exercise for exercise in before.exercises}
    for exercise in after.exercises:
        was = earlier.get(exercise.number)
        if was is not None and (moved := _moved(was.points, exercise.points)):
            points = f"{number(was.points)} → {number(exercise.points)} of {number(exercise.max_points)}"
            yield Line(
                f"{exercise_name(exercise.number)}: {points} ({moved}){_checks(was, exercise)}",
                "better" if (exercise.points or 0.0) > (was.points or 0.0) else "worse",
            )


def _checks(before: ExerciseResult, after: ExerciseResult) -> str:
    """The checks that moved it: `, ex5.reports`."""
    earlier = {check.id: check.points for check in before.checks}
    return "".join(
        f", {check.id}" for check in after.checks if _moved(earlier.get(check.id, 0.0), check.points)
    )


Named = dict[tuple[int | None, str], Diagnosis]
"""Mistakes by exercise and code; their lines move as a student writes, and do not make others of them."""


def _named(grade: Grade) -> Named:
    named: Named = {(None, diagnosis.code): diagnosis for diagnosis in reversed(grade.diagnoses)}
    for exercise in grade.exercises:
        named |= {(exercise.number, each.code): each for each in reversed(exercise.diagnoses)}
    return named


def _mistakes(before: Grade, after: Grade) -> Iterator[Line]:
    old, new = _named(before), _named(after)
    for (exercise, code), _ in old.items():
        if (exercise, code) not in new:
            yield Line(f"gone: {_about(exercise)}{one_line(code)}", "better")
    for (exercise, code), diagnosis in new.items():
        if (exercise, code) not in old:
            yield Line(f"new: {_about(exercise)}{mistake(diagnosis, after.submission.kind)}", "worse")


def _about(exercise: int | None) -> str:
    return "" if exercise is None else f"{exercise_name(exercise)}, "


def _errors(grade: Grade) -> Iterator[str]:
    for exercise in grade.exercises:
        for output in exercise.outputs:
            if output.kind == "error":
                yield f"cell {output.cell}: {one_line(output.text.strip().splitlines()[-1], 300)}"


def _lost(grade: Grade) -> Iterator[CheckResult]:
    for exercise in grade.exercises:
        for check in exercise.checks:
            if exercise.graded and check.status not in (
                Outcome.PASSED,
                Outcome.SKIPPED,
                Outcome.NOT_GRADED,
            ):
                yield check
