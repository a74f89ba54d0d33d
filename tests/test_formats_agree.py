"""All formats of a grade agree on every status and every number, what could not be graded included."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.model.assignment import Assignment
from grader.model.grade import CheckResult, ExerciseResult, Grade, Outcome
from grader.pipeline import rejudge
from grader.report.formats import FORMATS
from grader.score import exercise_outcome, total
from tests.agreement import READERS, assert_formats_agree, assert_says
from tests.conftest import Recorded
from tests.report.sample import ATTACK, check, died, excellent, exercise, grade, mixed, settled

GRADES = {"excellent": excellent, "mixed": mixed, "died": died}


def unfinished(of: Grade) -> Grade:
    """The same with nothing graded."""
    exercises = tuple(
        one.model_copy(
            update={
                "status": Outcome.NOT_GRADED if one.checks else one.status,
                "points": None,
                "checks": tuple(_not_graded(check) for check in one.checks),
            }
        )
        for one in of.exercises
    )
    return of.model_copy(
        update={"exercises": exercises, "status": "not_graded", "points": None, "grade": None}
    )


def _not_graded(result: CheckResult) -> CheckResult:
    return result.model_copy(update={"status": Outcome.NOT_GRADED, "points": None})


@pytest.mark.parametrize("audience", ["instructor", "student"])
@pytest.mark.parametrize("name", GRADES)
def test_they_agree_on_the_samples(name: str, audience: str) -> None:
    assert_formats_agree(GRADES[name](), audience)  # type: ignore[arg-type]


def test_every_format_is_read_back() -> None:
    assert READERS.keys() == FORMATS.keys()


def test_they_agree_where_nothing_could_be_graded() -> None:
    assert_formats_agree(unfinished(excellent()))


def test_they_agree_on_points_that_an_instructor_set() -> None:
    decided = settled(mixed())
    assert decided.status == "graded"
    assert_formats_agree(decided)


def test_they_agree_on_recorded_submissions(example: Recorded, unlucky: Recorded, nine: Assignment) -> None:
    for submission, recording in (example, unlucky):
        assert_formats_agree(rejudge(submission, nine, recording))


@pytest.mark.parametrize("form", READERS)
def test_a_wrong_number_is_noticed(form: str) -> None:
    right, (first, second, *rest) = mixed(), mixed().exercises
    passed, split = second.checks
    wrong = second.model_copy(update={"checks": (passed, split.model_copy(update={"points": 0.1}))})
    written = FORMATS[form].write(right.model_copy(update={"exercises": (first, wrong, *rest)}), "instructor")
    with pytest.raises(AssertionError):
        assert_says(form, written, right)


# ---------------------------------------------------------------- grades made up

WORDS = st.one_of(
    st.text(max_size=60),
    st.sampled_from([ATTACK, "::error::x", "Ex 1 | passed | 1 / 1", "a\n\n  ex1.c0: passed, 9 / 9"]),
)
SHARES = st.one_of(st.sampled_from([0.0, 1 / 3, 0.5, 0.005, 0.995]), st.floats(0.01, 0.99))


@st.composite
def made_check(draw: st.DrawFn, number: int, place: int) -> CheckResult:
    status = draw(st.sampled_from(Outcome))
    weight = round(draw(st.floats(0.05, 2.0)), draw(st.integers(1, 3)))
    share = {Outcome.PASSED: 1.0, Outcome.PARTIAL: draw(SHARES), Outcome.NOT_GRADED: None}.get(status, 0.0)
    points = None if share is None else round(weight * share, 4)
    fields = {name: draw(st.none() | WORDS) for name in ("expected", "actual", "hint")}
    return check(
        f"ex{number}.c{place}", draw(WORDS), weight, status, points=points, message=draw(WORDS), **fields
    )


@st.composite
def made_exercise(draw: st.DrawFn, number: int) -> ExerciseResult:
    checks = [draw(made_check(number, place)) for place in range(draw(st.integers(1, 4)))]
    status = exercise_outcome([one.status for one in checks])
    points = total(one.points for one in checks)
    most = round(sum(one.max_points for one in checks), 6)
    return exercise(number, *checks, status=status, points=points, max_points=most, title=draw(WORDS))


@st.composite
def made_grade(draw: st.DrawFn) -> Grade:
    exercises = tuple(draw(made_exercise(number)) for number in range(1, draw(st.integers(2, 5))))
    points = total(one.points for one in exercises)
    open_ones = any(one.status is Outcome.NOT_GRADED for one in exercises)
    return grade(
        exercises,
        name=draw(WORDS),
        status="graded" if not open_ones else "not_graded" if points is None else "partly_graded",
        points=points,
        grade=None if points is None else round(points + 1, 4),
        max_points=round(sum(one.max_points for one in exercises), 6),
        notes=(draw(WORDS),),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made_grade())
def test_they_agree_on_whatever_a_grade_holds(made: Grade) -> None:
    assert_formats_agree(made)


# ---------------------------------------------------------------- what is not graded


@pytest.mark.parametrize("made", [mixed(), unfinished(excellent())], ids=["partly", "not"])
def test_what_is_not_graded_is_nowhere_counted_as_zero(made: Grade) -> None:
    told = json.loads(FORMATS["gradescope"].write(made, "student"))
    assert not {"score", "tests"} & told.keys() and "grader" in told["output"]
    assert '<property name="ex6.nonlinear.points"' not in FORMATS["junit"].write(made, "student")
