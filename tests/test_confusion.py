"""The confusion table counts each case where it belongs."""

from __future__ import annotations

import pytest

from grader.model.assignment import Assignment
from grader.model.grade import Diagnosis, Grade
from grader.pipeline import rejudge
from tests.conftest import Recorded
from tests.confusion import Tally, summed, table, tally, verdict
from tests.expectations import CORPUS, Expectation, Named

WANTED = Named(code="loop-no-step", exercise=7)
MUTANT = Expectation(kind="mutant", code="loop-no-step", about="", points=9.0, diagnoses=[WANTED])


@pytest.fixture(scope="module")
def faultless(example: Recorded, nine: Assignment) -> Grade:
    given = rejudge(example[0], nine, example[1])
    bare = tuple(exercise.model_copy(update={"diagnoses": ()}) for exercise in given.exercises)
    return given.model_copy(update={"exercises": bare, "diagnoses": ()})


def as_earned(expected: Expectation, given: Grade) -> Expectation:
    """The expectation with the points that this grade has."""
    checks = [check for exercise in given.exercises for check in exercise.checks]
    return expected.model_copy(update={"points": given.points, "lost": {c.id: c.points for c in checks}})


def naming(given: Grade, exercise: int, *codes: str) -> Grade:
    """The grade with these mistakes named in one exercise."""
    named = tuple(Diagnosis(code=code, severity="fail", message="") for code in codes)
    changed = tuple(
        each.model_copy(update={"diagnoses": named}) if each.number == exercise else each
        for each in given.exercises
    )
    return given.model_copy(update={"exercises": changed})


@pytest.mark.parametrize(
    ("exercise", "codes", "expected"),
    [
        (7, ["loop-no-step"], Tally(mutants=1, named=1)),
        (7, ["loop-no-step", "loop-diverged"], Tally(mutants=1, named=1, false_alarms=1)),
        (7, ["loop-diverged"], Tally(mutants=1, other=1)),
        (5, ["loop-no-step"], Tally(mutants=1, other=1)),
        (7, [], Tally(mutants=1, missed=1)),
    ],
)
def test_a_mutant_counts_once(faultless: Grade, exercise: int, codes: list[str], expected: Tally) -> None:
    wanted = as_earned(MUTANT, faultless)
    assert tally(wanted, naming(faultless, exercise, *codes)) == expected


def test_a_correct_case_is_all_right_or_alarmed(faultless: Grade) -> None:
    correct = as_earned(Expectation(kind="correct", about=""), faultless)
    assert tally(correct, faultless) == Tally()
    assert tally(correct, naming(faultless, 3, "model-not-affine")) == Tally(false_alarms=1)


def test_what_is_forbidden_is_a_false_alarm_even_as_a_warning(faultless: Grade) -> None:
    strict = as_earned(MUTANT, faultless).model_copy(update={"forbidden": ["loop-undertrained"]})
    given = naming(faultless, 7, "loop-no-step")
    warning = Diagnosis(code="loop-undertrained", severity="warn", message="")
    assert tally(strict, given) == Tally(mutants=1, named=1)
    warned = given.model_copy(update={"diagnoses": (warning,)})
    assert tally(strict, warned) == Tally(mutants=1, named=1, false_alarms=1)


def test_points_off_are_counted_beside_the_name(faultless: Grade) -> None:
    cheaper = as_earned(MUTANT, faultless).model_copy(update={"points": 1.0})
    assert tally(cheaper, naming(faultless, 7, "loop-no-step")) == Tally(mutants=1, named=1, points_off=1)


def test_the_table_adds_up(faultless: Grade) -> None:
    right = verdict(CORPUS / "a", MUTANT, naming(faultless, 7, "loop-no-step"))
    missed = verdict(CORPUS / "b", MUTANT, faultless)
    shown = table("title", [right, missed]).splitlines()
    line = next(line for line in shown if line.startswith("loop-no-step"))
    assert line.split()[1:4] == ["2", "1", "·"]
    assert "named rightly 50.0%" in shown[-1]
    assert summed([]) == Tally()
