"""A submission run again on turned data with exchanged labels: what was learned follows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from grader.diagnose.catalogue import diagnose
from grader.model.evidence import Evidence, Measured
from grader.model.submission import Where
from tests.check.building import assignment, excellent, with_run, without_run


def told(given: Evidence, probe: Evidence | None) -> list[tuple[str, int, Where | None]]:
    mistakes = diagnose(assignment(), replace(given, probe=probe))
    return [(each.code, each.exercise, each.where) for each in mistakes if each.code.startswith("integrity-")]


def turned(accuracy: float | None) -> Evidence:
    return with_run("nonlinear", held_out_accuracy=accuracy)


def test_an_answer_that_does_not_follow_the_data_was_not_learned_from_it() -> None:
    assert told(excellent(), turned(0.1)) == [("integrity-hardcoded", 7, Where(cell=7, line=7))]


def starting(accuracy: float, **changes: Any) -> Evidence:
    """A run whose model was that good before its first step."""
    run = excellent().tasks["nonlinear"].run
    assert run is not None
    first = Measured(0, 0.7, 0.7, accuracy, accuracy)
    return with_run("nonlinear", measured=(first, *run.measured[1:]), **changes)


def test_what_was_known_before_the_first_step_was_not_learned_either() -> None:
    assert told(starting(0.97), starting(0.03)) == [("integrity-hardcoded", 7, Where(cell=7, line=7))]


def test_it_costs_no_check_by_itself() -> None:
    (mistake,) = diagnose(assignment(), replace(excellent(), probe=turned(0.1)))
    assert mistake.severity == "warn"


@pytest.mark.parametrize(
    ("given", "probe"),
    [
        (excellent(), None),
        (excellent(), turned(0.98)),
        (excellent(), turned(0.7)),
        (excellent(), turned(None)),
        (excellent(), without_run("nonlinear")),
        (excellent(), with_run("nonlinear", held_out_accuracy=0.1, dataset=None)),
        (with_run("nonlinear", held_out_accuracy=0.6), turned(0.1)),
        (without_run("nonlinear"), turned(0.1)),
        (starting(0.5), starting(0.03)),
        (starting(0.97), starting(0.97)),
        (starting(0.97, initial_weights_of="r0"), starting(0.03)),
    ],
)
def test_what_was_learned_or_cannot_be_compared_is_no_fault(given: Evidence, probe: Evidence | None) -> None:
    assert told(given, probe) == []
