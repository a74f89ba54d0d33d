"""Checks about loops, accuracy, reports and drawn boundaries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grader.model.evidence import Evidence, Measured
from grader.model.grade import Outcome
from grader.model.reported import Claim
from grader.model.submission import Where
from tests.check.building import (
    claim,
    drawn,
    excellent,
    found,
    measured,
    reports,
    with_model,
    with_page,
    with_run,
    with_task,
    without_run,
)
from tests.check.test_structure import ABSENT, FAILED, HALF, PASSED, UNKNOWN, Expected, share_and_outcome

# ---------------------------------------------------------------- learning

NOT_RECOMPUTED = (Measured(0, None, None, None, None), Measured(200, None, None, None, None))
LEARNS = [
    ("ex5.learns", excellent(), PASSED),
    ("ex5.learns", without_run("baseline"), ABSENT),
    ("ex5.learns", with_run("baseline", moved=False), FAILED),
    ("ex5.learns", with_run("baseline", moved=None), FAILED),
    ("ex5.learns", with_run("baseline", measured=measured(0.75, 0.712)), PASSED),
    ("ex5.learns", with_run("baseline", measured=measured(0.75, 0.72)), FAILED),
    ("ex5.learns", with_run("baseline", measured=measured(0.75, 0.3)), FAILED),
    # a start that is already at the optimum has nowhere to go
    ("ex5.learns", with_run("baseline", measured=measured(0.693, 0.693)), PASSED),
    # a bent baseline is to blame in exercise 3; here it only has to get better
    (
        "ex5.learns",
        with_run("baseline", with_model("baseline", affine=False, affine_before_output=False),
                 measured=measured(0.7, 0.1)),
        PASSED,
    ),
    (
        "ex5.learns",
        with_run("baseline", with_model("baseline", affine=False, affine_before_output=False),
                 measured=measured(0.693, 0.693)),
        PASSED,
    ),
    # another loss has another optimum
    ("ex5.learns", with_run("baseline", loss_kind="mse", measured=measured(0.5, 0.25)), PASSED),
    ("ex5.learns", with_run("baseline", measured=NOT_RECOMPUTED), PASSED),  # as recorded: ends at 0.693
    ("ex5.learns", with_run("baseline", measured=(), losses=np.linspace(0.9, 0.8, 200)), FAILED),
    ("ex5.learns", with_run("baseline", measured=(), losses=np.array([])), UNKNOWN),
    ("ex5.learns", with_run("baseline", measured=(), losses=np.array([0.7, np.nan])), UNKNOWN),
    ("ex7.learns", excellent(), PASSED),
    ("ex7.learns", without_run("nonlinear"), ABSENT),
    ("ex7.learns", with_run("nonlinear", measured=measured(0.7, 0.69)), PASSED),
    ("ex7.learns", with_run("nonlinear", measured=measured(0.7, 0.6999)), FAILED),
    ("ex7.learns", with_run("nonlinear", measured=measured(0.7, 0.9)), FAILED),
    ("ex7.learns", with_run("nonlinear", moved=False), FAILED),
    ("ex9.learns", excellent(), PASSED),
    ("ex9.learns", without_run("blobs"), ABSENT),
    ("ex9.learns", with_run("blobs", measured=measured(1.4, 1.4)), FAILED),
]  # fmt: skip


@pytest.mark.parametrize(("check", "evidence", "expected"), LEARNS)
def test_learning(check: str, evidence: Evidence, expected: Expected) -> None:
    assert share_and_outcome(check, evidence) == expected


# ---------------------------------------------------------------- accuracy


@pytest.mark.parametrize(
    ("check", "task", "accuracy", "share"),
    [
        ("ex7.accuracy", "nonlinear", 0.99, 1.0),
        ("ex7.accuracy", "nonlinear", 0.90, 1.0),
        ("ex7.accuracy", "nonlinear", 0.75, 0.5),
        ("ex7.accuracy", "nonlinear", 0.61, 1 / 30),
        ("ex7.accuracy", "nonlinear", 0.60, 0.0),
        ("ex7.accuracy", "nonlinear", 0.30, 0.0),
        ("ex9.accuracy", "blobs", 0.95, 1.0),
        ("ex9.accuracy", "blobs", 0.825, 0.5),
        ("ex9.accuracy", "blobs", 0.70, 0.0),
    ],
)
def test_accuracy_on_new_data_is_a_ramp(check: str, task: str, accuracy: float, share: float) -> None:
    assert found(check, with_run(task, held_out_accuracy=accuracy)).share == pytest.approx(share)


def test_the_best_of_the_seeded_runs_counts() -> None:
    poor = with_run("nonlinear", held_out_accuracy=0.62)
    better = with_run("nonlinear", held_out_accuracy=0.97)
    nothing = without_run("nonlinear")
    finding = found("ex7.accuracy", replace(poor, reruns=(nothing, better, poor)))
    assert finding.share == 1.0
    assert "97.0%" in finding.message and "best of 3" in finding.message


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (without_run("nonlinear"), ABSENT),
        (with_run("nonlinear", held_out_accuracy=None), UNKNOWN),
    ],
)
def test_accuracy_that_cannot_be_measured(evidence: Evidence, expected: Expected) -> None:
    assert share_and_outcome("ex7.accuracy", evidence) == expected


# ---------------------------------------------------------------- reports

SOUND = reports().claims


def told(task: str, *claims: Claim, steps: int = 20, epochs: int | None = 200) -> Evidence:
    """These claims, with figures printed at so many steps of so many epochs."""
    return with_task(task, reports=reports(claims=claims, printed_steps=tuple(range(steps)), epochs=epochs))


def only(how: str, *meanings: str, **changes: Any) -> list[Claim]:
    return [claim(how, meaning, **changes) for meaning in meanings]


PRINTED = only("printed", "loss", "accuracy")
REPORTS = [
    ("ex5.reports", excellent(), PASSED),
    ("ex5.reports", without_run("baseline"), ABSENT),
    ("ex5.reports", told("baseline"), FAILED),
    ("ex5.reports", told("baseline", *only("kept", "loss", "accuracy")), FAILED),
    ("ex5.reports", told("baseline", *only("printed", "loss")), HALF),
    ("ex5.reports", told("baseline", *only("printed", "accuracy")), HALF),
    ("ex5.reports", told("baseline", *only("printed", "loss", "accuracy", step=None)), FAILED),
    ("ex5.reports", told("baseline", *PRINTED, steps=8), PASSED),  # every 25 epochs
    ("ex5.reports", told("baseline", *PRINTED, steps=7), HALF),
    ("ex5.reports", told("baseline", *PRINTED, steps=1, epochs=None), PASSED),
    ("ex5.curves", excellent(), PASSED),
    ("ex5.curves", without_run("baseline"), ABSENT),
    ("ex5.curves", told("baseline", *PRINTED), FAILED),
    ("ex5.curves", told("baseline", *only("kept", "loss")), HALF),
    ("ex5.curves", told("baseline", *only("kept", "loss", "accuracy", verdict="slip")), PASSED),
    ("ex5.curves", told("baseline", *only("kept", "loss", "accuracy", verdict="untrue")), HALF),
    (
        "ex5.curves",
        told("baseline", *only("kept", "loss"), *only("kept", "accuracy", verdict="untrue")),
        HALF,
    ),
    # an untrue row beside two true ones is a trial
    (
        "ex5.curves",
        told("baseline", *only("kept", "loss", "accuracy"), *only("kept", "loss", verdict="untrue")),
        PASSED,
    ),
    ("ex5.plots", excellent(), PASSED),
    ("ex5.plots", told("baseline", *only("kept", "loss", "accuracy")), FAILED),
    ("ex5.plots", told("baseline", *only("plotted", "accuracy")), HALF),
    ("ex7.reports", excellent(), PASSED),
    ("ex7.reports", without_run("nonlinear"), ABSENT),
    ("ex7.reports", told("nonlinear"), FAILED),
    ("ex7.reports", told("nonlinear", *PRINTED), HALF),
    ("ex7.reports", told("nonlinear", *PRINTED, *only("plotted", "loss")), PASSED),
    ("ex7.reports", told("nonlinear", *PRINTED, *only("plotted", "loss", verdict="untrue")), HALF),
    ("ex9.reports", excellent(), PASSED),
    ("ex9.reports", without_run("blobs"), ABSENT),
    ("ex9.reports", told("blobs", *only("kept", "loss", "accuracy")), FAILED),
    ("ex9.reports", told("blobs", *only("plotted", "loss")), PASSED),
    ("ex9.reports", told("blobs", *only("printed", "accuracy", step=None)), PASSED),
]


@pytest.mark.parametrize(("check", "evidence", "expected"), REPORTS)
def test_reports(check: str, evidence: Evidence, expected: Expected) -> None:
    assert share_and_outcome(check, evidence) == expected


# ---------------------------------------------------------------- boundaries


def maps(*drawings: Any) -> Evidence:
    return with_task("nonlinear", maps=drawings)


TRAIN, TEST = drawn("train"), drawn("test")


def wrong(over: str, verdict: str) -> Any:
    return drawn(over, verdict=verdict)


def unfollowed(*drawings: Any) -> Evidence:
    unreadable = with_model("nonlinear", how="unreadable", unreadable="it does not return a tensor")
    return with_task("nonlinear", unreadable, maps=drawings)


BOUNDARIES = [
    (excellent(), PASSED, PASSED),
    (maps(), FAILED, ABSENT),
    (with_page(8, maps(), attempted=False), ABSENT, ABSENT),
    (maps(TRAIN), HALF, PASSED),
    (maps(TEST), HALF, PASSED),
    (maps(TRAIN, TRAIN), HALF, PASSED),
    (maps(TRAIN, drawn("unknown", title_part="test")), PASSED, PASSED),
    (maps(drawn("both", title_part="train"), drawn("both", title_part="test")), PASSED, PASSED),
    # a map over all rows stands for a part that has none of its own
    (maps(drawn("both"), TEST), PASSED, PASSED),
    (maps(drawn("both")), HALF, PASSED),
    (maps(wrong("train", "transposed"), TEST), PASSED, HALF),
    (maps(wrong("train", "inverted"), wrong("test", "inverted")), PASSED, FAILED),
    (maps(wrong("train", "wrong-model"), wrong("test", "wrong-model")), PASSED, FAILED),
    # the right model's, only not as classes
    (maps(wrong("train", "raw-logits"), wrong("test", "raw-logits")), PASSED, HALF),
    # a wrong trial before the right drawing costs nothing
    (maps(wrong("train", "transposed"), TRAIN, TEST), PASSED, PASSED),
    # a model that could not be followed is our fault, but what is seen to be wrong is not
    (unfollowed(wrong("train", "unclear"), wrong("test", "unclear")), PASSED, UNKNOWN),
    (unfollowed(wrong("train", "wrong-model"), wrong("test", "wrong-model")), PASSED, FAILED),
    (without_run("nonlinear"), PASSED, ABSENT),
]


@pytest.mark.parametrize(("evidence", "is_drawn", "is_true"), BOUNDARIES)
def test_boundaries(evidence: Evidence, is_drawn: Expected, is_true: Expected) -> None:
    assert share_and_outcome("ex8.drawn", evidence) == is_drawn
    assert share_and_outcome("ex8.true", evidence) == is_true


def test_what_is_missing_is_told_at_the_exercises_first_cell() -> None:
    assert found("ex8.drawn", maps()).where == Where(cell=8)
    assert found("ex5.learns", without_run("baseline")).where == Where(cell=5)
    assert found("ex5.learns", with_page(5, without_run("baseline"), cells=())).where is None


def test_a_wrong_boundary_is_told_with_what_is_wrong_about_it() -> None:
    finding = found("ex8.true", maps(wrong("train", "transposed"), TEST))
    assert finding.actual == "x and y are exchanged"
    assert finding.outcome is Outcome.PARTIAL


def test_a_title_tells_the_part_where_the_rows_do_not() -> None:
    finding = found("ex8.drawn", maps(drawn("unknown", title_part="test")))
    assert finding.actual == "test only"
