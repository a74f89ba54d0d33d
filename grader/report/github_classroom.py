"""The grade as a result for GitHub Classroom's autograding reporter.

Format: https://github.com/classroom-resources/autograding-grading-reporter, base64 of JSON of version 1.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from grader.model.grade import CheckResult, ExerciseResult, Grade, Outcome
from grader.report.sentences import decision, exact, is_settled
from grader.report.text import exercise_name, one_line, outcome

MAX_BYTES = 100_000
"""The result travels in an environment variable, which Linux ends at 128 KiB."""
_MESSAGE_CHARS = (300, 80, 0)
"""Of one message; the first is taken with which the result is short enough."""


def to_classroom(grade: Grade) -> str:
    """`grade` in base64, one line.

    The reporter sums the tests' scores, so points that an instructor set are a test of their own that makes up the
    difference. A grade that is not final is an `error` without `max_score`: the step fails and no points are
    reported, where the reporter would count what is missing as zero.
    """
    texts = (_encoded(grade, length) for length in _MESSAGE_CHARS)
    *longer, shortest = texts
    return next((text for text in longer if len(text) <= MAX_BYTES), shortest)


def _encoded(grade: Grade, message_chars: int) -> str:
    tests = [test for exercise in grade.exercises for test in _tests(exercise, grade, message_chars)]
    result = {
        "version": 1,
        "status": _status(grade, tests),
        "max_score": exact(grade.max_points) if is_settled(grade) else None,
        "tests": tests,
    }
    plain = json.dumps(result, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(plain.encode()).decode("ascii") + "\n"


def _status(grade: Grade, tests: list[dict[str, Any]]) -> str:
    if not is_settled(grade):
        return "error"
    return "fail" if any(test["status"] != "pass" for test in tests) else "pass"


def _tests(exercise: ExerciseResult, grade: Grade, message_chars: int) -> Iterator[dict[str, Any]]:
    for check in exercise.checks:
        yield {
            "name": one_line(f"{check.id}: {one_line(check.title)}", 120),
            "status": _test_status(check),
            "score": None if check.points is None else exact(check.points),
            "message": _message(check, message_chars),
            "test_code": "",
            "filename": one_line(grade.submission.name, 120) if check.where else "",
            "line_no": _line(check, grade),
        }
    if exercise.override is not None:
        yield _correction(exercise, exercise.override.points)


def _test_status(check: CheckResult) -> str:
    if check.status is Outcome.NOT_GRADED:
        return "error"
    return "pass" if check.status is Outcome.PASSED else "fail"


def _message(check: CheckResult, length: int) -> str:
    return one_line(f"{outcome(check.status)}: {check.message}", length) if length else outcome(check.status)


def _line(check: CheckResult, grade: Grade) -> int:
    """A script's line; 0, which the reporter does not show, in a notebook, whose lines count per cell."""
    line = check.where.line if check.where and grade.submission.kind == "script" else None
    return line or 0


def _correction(exercise: ExerciseResult, points: float) -> dict[str, Any]:
    by_machine = sum(check.points or 0.0 for check in exercise.checks)
    return {
        "name": f"{exercise_name(exercise.number)}: points set by an instructor",
        "status": "pass" if exercise.status is Outcome.PASSED else "fail",
        "score": exact(points - by_machine),
        "message": decision(exercise),
        "test_code": "",
        "filename": "",
        "line_no": 0,
    }
