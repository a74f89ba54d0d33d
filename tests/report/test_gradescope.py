"""`results.json` as Gradescope documents it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from grader.report.audience import Audience
from grader.report.gradescope import to_gradescope
from tests.report.sample import ATTACK, SAMPLES, excellent, hostile, mixed, settled

FORMATS = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
TEST = {
    "type": "object",
    "properties": {
        "score": {"type": "number"},
        "max_score": {"type": "number"},
        "status": {"enum": ["passed", "failed"]},
        "name": {"type": "string"},
        "name_format": FORMATS,
        "number": {"type": "string"},
        "output": {"type": "string"},
        "output_format": FORMATS,
        "tags": {"type": "array", "items": {"type": "string"}},
        "visibility": VISIBILITY,
        "extra_data": {"type": "object"},
    },
    "additionalProperties": False,
}
DOCUMENTED = {
    "type": "object",
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": FORMATS,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {"type": "array", "items": TEST},
    },
    "additionalProperties": False,
}
"""The fields of https://gradescope-autograders.readthedocs.io/en/latest/specs/, of those that are used here."""


def told(name: str, audience: Audience = "student") -> dict[str, Any]:
    result: dict[str, Any] = json.loads(to_gradescope(SAMPLES[name](), audience))
    return result


@pytest.mark.parametrize("audience", ["student", "instructor"])
@pytest.mark.parametrize("name", SAMPLES)
def test_it_has_the_documented_fields(name: str, audience: Audience) -> None:
    jsonschema.validate(told(name, audience), DOCUMENTED)


def test_the_total_stands_at_the_top_and_each_check_is_a_test() -> None:
    result = told("excellent")
    assert result["score"] == 9
    assert sum(test["max_score"] for test in result["tests"]) == pytest.approx(9)
    assert [test["number"] for test in result["tests"]][:3] == ["1.1", "1.2", "2.1"]


def test_a_grade_that_is_not_final_makes_the_autograder_fail() -> None:
    """Neither `score` nor `tests`: Gradescope wants one of them, and takes the result for damaged."""
    result = told("mixed", "instructor")
    assert not {"score", "tests"} & result.keys()
    assert "The grader is at fault" in result["output"]
    assert result["extra_data"]["exercises"][5]["checks"][1]["points"] is None


def test_points_of_an_instructor_are_in_the_total_and_explained() -> None:
    result = json.loads(to_gradescope(settled(mixed())))
    assert result["score"] == settled(mixed()).points
    (remark,) = [test for test in result["tests"] if test["number"] == "6"]
    assert "points set by an instructor: 0.85" in remark["output"] and "score" not in remark


def test_integrity_is_in_a_hidden_test_that_everybody_has() -> None:
    for grade in (excellent(), settled(mixed())):
        tests = json.loads(to_gradescope(grade, "instructor"))["tests"]
        (hidden,) = [test for test in tests if test["visibility"] != "visible"]
        assert hidden["visibility"] == "hidden" and "score" not in hidden and "max_score" not in hidden
    assert "Ex 9: worth knowing: integrity-hardcoded (cell 9, line 3)" in hidden["output"]


def test_what_students_can_see_says_nothing_of_integrity() -> None:
    result = json.loads(to_gradescope(settled(mixed()), "instructor"))
    result["tests"] = [test for test in result["tests"] if test["visibility"] == "visible"]
    assert "integrity" not in json.dumps(result)
    assert "integrity" not in to_gradescope(settled(mixed()), "student")


def test_nothing_that_a_student_wrote_is_rendered() -> None:
    result = json.loads(to_gradescope(hostile()))
    assert result["output_format"] == "text"
    assert all(test["output_format"] == test["name_format"] == "text" for test in result["tests"])
    assert ATTACK[:4] not in json.dumps(result, ensure_ascii=False)
