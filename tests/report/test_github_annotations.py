"""Workflow commands, as the runner of GitHub Actions reads them."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from grader.model.grade import Diagnosis, ExerciseResult, Outcome
from grader.report.github_annotations import LIMIT, to_annotations
from tests.report.sample import SAMPLES, check, exercise, grade, hostile, mixed

FAILED, PARTIAL = Outcome.FAILED, Outcome.PARTIAL
INJECTION = "x\n::error file=a::y\r\n::add-mask::z %0A::stop-commands::t ,title=q:r"


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A command's name, properties and message, unescaped as the runner does."""
    matched = re.fullmatch(r"::(\w+) (.*?)::(.*)", line)
    assert matched, line
    properties = dict(pair.split("=", 1) for pair in matched[2].split(","))
    return matched[1], {name: unescaped(value) for name, value in properties.items()}, unescaped(matched[3])


def unescaped(text: str) -> str:
    for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, character)
    return text


@pytest.mark.parametrize("name", SAMPLES)
def test_each_line_is_one_command(name: str) -> None:
    for line in to_annotations(SAMPLES[name](), "lab/ana.ipynb"):
        command, properties, _ = parsed(line)
        assert command in ("error", "warning", "notice") and properties["file"] == "lab/ana.ipynb"
        assert line.splitlines() == [line]


def test_a_mistake_stands_at_its_line() -> None:
    lines = to_annotations(mixed(), "ana.ipynb", lambda where: 100 * where.cell + (where.line or 0))
    (one,) = [parsed(line) for line in lines if "loop-no-zero-grad" in line]
    assert one == (
        "error",
        {"file": "ana.ipynb", "line": "707", "title": "Ex 5: loop-no-zero-grad (cell 7, line 7)"},
        "Gradients are never reset, so each step follows the sum of all gradients so far.\n"
        "Call optimizer.zero_grad() once per step, before loss.backward().",
    )


def test_the_score_comes_first_unless_it_is_not_final() -> None:
    assert parsed(to_annotations(SAMPLES["died"](), "a.py")[0])[2] == "2 of 9 points"
    assert "no zero" in parsed(to_annotations(mixed(), "a.py")[0])[2]


def test_a_fault_of_the_graders_is_no_error_of_the_student() -> None:
    (one,) = [parsed(line) for line in to_annotations(mixed(), "a.py") if "ex6.nonlinear" in line]
    assert one[0] == "warning" and one[2].startswith("not graded, – of 0.5 points")


def test_what_was_passed_or_skipped_makes_no_annotation() -> None:
    text = "\n".join(to_annotations(mixed(), "a.py"))
    assert "ex1.first" not in text and "ex7.accuracy" not in text and "ex7.learns" in text


def test_words_that_a_mistake_has_said_are_not_said_again() -> None:
    mistake = Diagnosis(code="loop-no-step", severity="fail", message="No step was made.")
    lost = check("ex1.a", "It learns", 1.0, Outcome.FAILED, message=mistake.message)
    lines = to_annotations(grade((exercise(1, lost, diagnoses=(mistake,)),)), "a.py")
    assert [parsed(line)[1]["title"] for line in lines] == ["Grade", "Ex 1: loop-no-step"]


def test_the_costliest_come_first_and_no_more_than_github_shows() -> None:
    def lost(n: int) -> ExerciseResult:
        both = (check(f"ex{n}.{one}", "It is so", n / 10, one, message=str(n)) for one in (FAILED, PARTIAL))
        return exercise(n % 9, *both)

    info = tuple(Diagnosis(code=f"run-{n}", severity="info", message="so") for n in range(20))
    made = grade(tuple(map(lost, range(1, 16))), diagnoses=info)
    lines = [parsed(line) for line in to_annotations(made, "a.py")]
    assert Counter(level for level, _, _ in lines) == dict.fromkeys(("error", "warning", "notice"), LIMIT)
    costs = [int(message.split(": ")[1]) for level, _, message in lines if level == "error"]
    assert costs == sorted(costs, reverse=True) and costs[0] == 15


def test_a_students_words_are_no_command() -> None:
    where_from = exercise(
        1,
        check(INJECTION, INJECTION, 1.0, Outcome.FAILED, message=INJECTION, hint=INJECTION),
        title=INJECTION,
    )
    made = grade((where_from,), name=INJECTION)
    lines = to_annotations(made, INJECTION)
    assert len(lines) == 2 and all(line.splitlines() == [line] for line in lines)
    for line in lines:
        command, properties, _ = parsed(line)
        assert command in ("notice", "error") and properties.keys() == {"file", "title"}
        assert properties["file"] == INJECTION
    assert not [line for line in to_annotations(hostile(), "a.py") if "\x1b" in line]
