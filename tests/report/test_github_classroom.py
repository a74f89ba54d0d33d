"""The result as GitHub Classroom's reporter reads it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from grader.model.grade import Grade, Outcome
from grader.report.github_classroom import MAX_BYTES, to_classroom
from tests.report.sample import check, excellent, exercise, grade, mixed, settled


def told(made: Grade) -> dict[str, Any]:
    text = to_classroom(made)
    assert text.count("\n") == 1
    result: dict[str, Any] = json.loads(base64.b64decode(text, validate=False))
    return result


def reported(result: dict[str, Any]) -> str | None:
    """What the reporter of GitHub tells Classroom: it sums scores, and says nothing where `max_score` is nothing."""
    if not result["max_score"]:
        return None
    return f"{round(sum(test['score'] or 0 for test in result['tests']), 6)}/{result['max_score']}"


def test_the_reporter_counts_the_points() -> None:
    result = told(excellent())
    assert result["version"] == 1 and result["status"] == "pass"
    assert reported(result) == "9.0/9"


def test_a_lost_check_fails_the_step() -> None:
    result = told(grade((exercise(1, check("ex1.a", "It is so", 1.0, Outcome.PARTIAL)),)))
    assert result["status"] == result["tests"][0]["status"] == "fail"


def test_nothing_is_reported_where_a_part_could_not_be_graded() -> None:
    result = told(mixed())
    assert result["status"] == "error" and reported(result) is None


def test_points_of_an_instructor_make_up_the_difference() -> None:
    decided = settled(mixed())
    assert reported(told(decided)) == f"{decided.points}/9"
    (line,) = [test for test in told(decided)["tests"] if test["name"].startswith("Ex 6: ")]
    assert line["score"] == pytest.approx(0.35)


def test_lines_are_those_of_scripts() -> None:
    script = mixed().submission.model_copy(update={"kind": "script"})
    lines = {
        kind: [test["line_no"] for test in told(made)["tests"] if test["name"].startswith("ex2.split")]
        for kind, made in (
            ("notebook", mixed()),
            ("script", mixed().model_copy(update={"submission": script})),
        )
    }
    assert lines == {"notebook": [0], "script": [4]}


def test_it_fits_into_an_environment_variable() -> None:
    wordy = [
        exercise(
            n, *(check(f"ex{n}.{i}", "🎓" * 500, 0.1, Outcome.FAILED, message="🎓" * 5000) for i in range(10))
        )
        for n in range(1, 10)
    ]
    assert len(to_classroom(grade(tuple(wordy)))) <= MAX_BYTES
