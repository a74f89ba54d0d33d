"""From findings to points."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grader.model.finding import Finding, Findings, Judgement
from grader.model.grade import Outcome
from grader.score import check_points, exercise_outcome, exercise_points, submission_points, total
from tests.check.building import assignment, excellent, judged, spec_of

PASSED, PARTIAL, FAILED = Outcome.PASSED, Outcome.PARTIAL, Outcome.FAILED
SKIPPED, ABSENT, UNKNOWN = Outcome.SKIPPED, Outcome.NOT_ATTEMPTED, Outcome.NOT_GRADED


def with_shares(**shares: float | None) -> Findings:
    """The excellent submission's findings with other shares, `ex3_layers=0.5`."""
    findings = judged(excellent())
    changed = dict(findings.judgements)
    for name, share in shares.items():
        check = name.replace("_", ".", 1).replace("_", "-")
        finding = Finding(share, "changed")
        changed[check] = Judgement(check, finding.outcome, finding)
    return replace(findings, judgements=changed)


@pytest.mark.parametrize(
    ("share", "points"),
    [
        (1.0, 0.3),
        (0.5, 0.15),
        (0.0, 0.0),
        (1 / 3, 0.1),
        (0.12345, 0.037),
        (1.7, 0.3),
        (-0.2, 0.0),
        (None, None),
    ],
)
def test_a_checks_points_are_its_weight_times_its_share(share: float | None, points: float | None) -> None:
    _, check = spec_of("ex3.layers")
    assert check_points(check, with_shares(ex3_layers=share)) == points


def test_an_exercise_is_the_sum_of_its_checks() -> None:
    exercise, _ = spec_of("ex3.layers")
    assert exercise_points(exercise, with_shares()) == 1.0
    assert exercise_points(exercise, with_shares(ex3_layers=0.5, ex3_own_name=0.0)) == 0.75
    assert exercise_points(exercise, with_shares(ex3_layers=None)) == 0.7
    nothing = with_shares(ex3_module=None, ex3_layers=None, ex3_affine=None, ex3_own_name=None)
    assert exercise_points(exercise, nothing) is None


def test_an_excellent_submission_earns_everything() -> None:
    assert submission_points(assignment(), with_shares()) == 9.0
    assert submission_points(assignment(), with_shares(ex9_loss=0.6)) == 8.9


def test_what_was_not_graded_is_left_out_and_not_counted_as_lost() -> None:
    assert submission_points(assignment(), with_shares(ex9_loss=None)) == 8.75
    everything = {check.id for exercise in assignment().exercises for check in exercise.checks}
    none = with_shares(**{name.replace(".", "_").replace("-", "_"): None for name in everything})
    assert submission_points(assignment(), none) is None


def test_an_exercise_that_is_not_graded_by_design_brings_no_points() -> None:
    declared = assignment()
    others = [each for each in declared.exercises if each.number != 3]
    third = declared.exercise(3)
    assert third is not None
    changed = declared.model_copy(update={"exercises": (*others, third.model_copy(update={"graded": False}))})
    assert submission_points(changed, with_shares()) == 8.0


def test_sums_are_free_of_binary_dust() -> None:
    assert total([0.1] * 3) == 0.3
    assert total([0.1, None, 0.2]) == 0.3
    assert total([None, None]) is None
    assert total([]) is None
    assert total([0.0, None]) == 0.0


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        ([], ABSENT),
        ([PASSED, PASSED], PASSED),
        ([ABSENT, ABSENT], ABSENT),
        ([FAILED, FAILED], FAILED),
        ([SKIPPED, SKIPPED], FAILED),
        ([FAILED, SKIPPED, ABSENT], FAILED),
        ([PASSED, ABSENT], PARTIAL),
        ([PASSED, FAILED], PARTIAL),
        ([PARTIAL, PARTIAL], PARTIAL),
        ([PARTIAL, ABSENT], PARTIAL),
        ([PASSED, UNKNOWN], UNKNOWN),
        ([FAILED, UNKNOWN], UNKNOWN),
    ],
)
def test_an_exercises_outcome_from_its_checks(outcomes: list[Outcome], whole: Outcome) -> None:
    assert exercise_outcome(outcomes) is whole
