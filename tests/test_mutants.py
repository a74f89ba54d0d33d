"""Every mutant, executed in a real kernel, loses what its one mistake costs, and is told why."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from grader.execute.kernel import Kernel
from grader.load.submission import load_submission
from grader.pipeline import grade
from tests.expectations import (
    CORPUS,
    assignment_for,
    departures,
    drawn_to_be_held_out,
    expectation,
    mutants,
    shown,
    submission_file,
)

NOT_YET = tomllib.loads((CORPUS / "mutants" / "not_yet.toml").read_text(encoding="utf-8"))
"""Mutant → what the grader still gets wrong about it; the expectation stands, the test is expected to fail."""


@pytest.mark.corpus
@pytest.mark.parametrize("case", mutants(), ids=lambda case: case.name)
def test_named_and_charged(case: Path, kernel: Kernel, request: pytest.FixtureRequest) -> None:
    if case.name in NOT_YET:
        request.applymarker(pytest.mark.xfail(reason=NOT_YET[case.name], strict=False))
    expected = expectation(case)
    graded = grade(load_submission(submission_file(case)), assignment_for(expected), kernel)
    found = departures(expected, graded.grade)
    assert not found, f"{expected.about}\n{shown(found)}"


@pytest.mark.parametrize("case", mutants(), ids=lambda case: case.name)
def test_expectation_is_in_order(case: Path) -> None:
    expected = expectation(case)
    assert expected.kind == "mutant"
    assert expected.code == case.name.split(".")[0]
    assert expected.code in {wanted.code for wanted in expected.diagnoses}
    assert expected.held_out == drawn_to_be_held_out(case)
    assert (expected.points is None) != (expected.points_range is None)
    assert bool(expected.open) <= (expected.points_range is not None), "what is open needs a range"


def test_what_is_not_right_yet_is_a_mutant_with_a_reason() -> None:
    assert NOT_YET.keys() <= {case.name for case in mutants()}
    assert all(NOT_YET.values())


def test_a_code_has_two_mutants_or_none() -> None:
    sources: dict[str, set[bytes]] = {}
    for case in mutants():
        code = case.name.split(".")[0]
        sources.setdefault(code, set()).add(submission_file(case).read_bytes())
    alone = sorted(code for code, files in sources.items() if len(files) < 2)
    assert not alone, f"fewer than two mutants: {alone}"
