"""The grade as the `results.json` of a Gradescope autograder.

Format: https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from grader.model.grade import CheckResult, ExerciseResult, Grade, Outcome
from grader.report.audience import Audience, for_audience, is_integrity
from grader.report.language.speech import in_language
from grader.report.sentences import STANDINGS, at, decision, exact, is_settled, mistake, remarks
from grader.report.text import exercise_name, number, one_line, outcome

_PLAIN = {"name_format": "text", "output_format": "text"}
"""Nothing that a student wrote is rendered; of its own accord Gradescope takes the total's text for HTML."""


def to_gradescope(grade: Grade, audience: Audience = "instructor") -> str:
    """`grade` as JSON with a line end; students read no details of integrity diagnoses whatever the audience.

    For instructors these stand in a test that is hidden from students. It is there for every submission, so that
    its presence tells nothing. A grade that is not final has neither `score` nor `tests`: Gradescope demands one of
    them and reports a failed autograder, where it would count what is missing as zero.
    """
    shown = in_language(for_audience(grade, "student"))
    result: dict[str, Any] = {
        "output": _output(shown),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "execution_time": round(grade.timing.total_s, 3),
        "extra_data": _extra(shown),
    }
    if is_settled(grade):
        result["score"] = _amount(grade.points)
        result["tests"] = [*_tests(shown), *([_for_instructors(grade)] if audience == "instructor" else [])]
    return json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _amount(points: float | None) -> float | int | None:
    return None if points is None else exact(points)


def _output(grade: Grade) -> str:
    comments = (f"comment: {one_line(comment.text, 2000)}" for comment in grade.comments)
    mistakes = (mistake(diagnosis, grade.submission.kind) for diagnosis in grade.diagnoses)
    notes = (f"note: {one_line(note)}" for note in grade.notes)
    points = f"{number(grade.points)} of {number(grade.max_points)} points"
    score = points if is_settled(grade) else ""
    return "\n".join(filter(None, (score, STANDINGS[grade.status], *comments, *mistakes, *notes)))


def _extra(grade: Grade) -> dict[str, Any]:
    """Every number, also where Gradescope is given none to count."""
    totals = {
        "points": grade.points,
        "max_points": grade.max_points,
        "grade": grade.grade,
        "max_grade": grade.max_grade,
    }
    return {
        "status": grade.status,
        **{name: _amount(value) for name, value in totals.items()},
        "exercises": [
            {
                "number": exercise.number,
                "status": exercise.status.value,
                **_of_points(exercise),
                "checks": [
                    {"id": one_line(check.id), "status": check.status.value, **_of_points(check)}
                    for check in exercise.checks
                ],
            }
            for exercise in grade.exercises
        ],
    }


def _of_points(result: ExerciseResult | CheckResult) -> dict[str, Any]:
    return {"points": _amount(result.points), "max_points": _amount(result.max_points)}


def _tests(grade: Grade) -> Iterator[dict[str, Any]]:
    kind = grade.submission.kind
    for exercise in grade.exercises:
        if exercise.override is not None or exercise.diagnoses:
            yield _remark(exercise, kind)
        for place, check in enumerate(exercise.checks, start=1):
            yield _test(check, f"{exercise.number}.{place}", kind)


def _test(check: CheckResult, place: str, kind: str) -> dict[str, Any]:
    lines = (one_line(check.message) + at(check.where, kind), *remarks(check))
    # One that an instructor's points stand in for may have none of its own; the total counts them.
    scored = {} if check.points is None else {"score": exact(check.points)}
    return {
        "number": place,
        "name": one_line(f"{check.id}: {one_line(check.title)} ({outcome(check.status)})"),
        **scored,
        "max_score": exact(check.max_points),
        "status": "passed" if check.status is Outcome.PASSED else "failed",
        "output": "\n".join(lines),
        **_PLAIN,
        "visibility": "visible",
        "extra_data": {"id": one_line(check.id), "status": check.status.value},
    }


def _remark(exercise: ExerciseResult, kind: str) -> dict[str, Any]:
    """What was found in an exercise besides its checks; without a score, so that it counts for nothing."""
    lines = (decision(exercise), *(mistake(diagnosis, kind) for diagnosis in exercise.diagnoses))
    status = "passed" if exercise.status is Outcome.PASSED else "failed"
    name = f"{exercise_name(exercise.number)} {exercise.title}"
    return {
        "number": str(exercise.number),
        "name": one_line(name),
        "status": status,
        "output": "\n".join(filter(None, lines)),
        **_PLAIN,
        "visibility": "visible",
    }


def _for_instructors(grade: Grade) -> dict[str, Any]:
    found = [(exercise_name(one.number), diagnosis) for one in grade.exercises for diagnosis in one.diagnoses]
    found += [("The submission", diagnosis) for diagnosis in grade.diagnoses]
    lines = [
        f"{where}: {mistake(diagnosis, grade.submission.kind)}"
        for where, diagnosis in found
        if is_integrity(diagnosis.code)
    ]
    return {
        "number": "0",
        "name": "For instructors",
        "status": "failed" if grade.needs_review else "passed",
        "output": "\n".join(lines) or "Nothing to look at.",
        **_PLAIN,
        "visibility": "hidden",
    }
