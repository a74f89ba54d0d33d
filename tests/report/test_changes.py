"""What is said of two verdicts on the same work: what moved, what is gone, what is new, where to look next."""

from __future__ import annotations

import pytest

from grader.model.assignment import Assignment
from grader.model.grade import Diagnosis, Grade, Outcome, OutputExcerpt
from grader.model.submission import Where
from grader.pipeline import rejudge
from grader.report.changes import changes
from tests.conftest import Recorded


@pytest.fixture(scope="module")
def verdict(nine: Assignment, example: Recorded) -> Grade:
    return rejudge(example[0], nine, example[1])


def lines(before: Grade, after: Grade) -> list[tuple[str, str]]:
    return [(line.text, line.tone) for line in changes(before, after)]


def mended(grade: Grade, number: int) -> Grade:
    """As if an exercise were right."""
    exercises = []
    gained = 0.0
    for exercise in grade.exercises:
        if exercise.number == number:
            gained = exercise.max_points - (exercise.points or 0.0)
            checks = tuple(
                check.model_copy(update={"status": Outcome.PASSED, "points": check.max_points})
                for check in exercise.checks
            )
            exercise = exercise.model_copy(
                update={"points": exercise.max_points, "checks": checks, "diagnoses": (), "status": "passed"}
            )
        exercises.append(exercise)
    return grade.model_copy(
        update={"exercises": tuple(exercises), "points": round((grade.points or 0.0) + gained, 6)}
    )


def test_nothing_changed(verdict: Grade) -> None:
    assert lines(verdict, verdict) == [
        ("8.45 of 9 points, as before", "plain"),
        ("next: ex4.learning-rate (cell 5, line 2): The learning rate is 0.01; 0.1 was asked for.", "plain"),
    ]


def test_points_up_and_a_mistake_gone(verdict: Grade) -> None:
    told = lines(verdict, mended(verdict, 4))
    assert told[:3] == [
        ("8.45 → 8.55 of 9 points (+0.1)", "better"),
        ("Ex 4: 0.9 → 1 of 1 (+0.1), ex4.learning-rate", "better"),
        ("gone: Ex 4, optimizer-wrong-rate", "better"),
    ]
    assert told[3][0].startswith("next: ex5.reports")


def test_points_down_and_a_mistake_new(verdict: Grade) -> None:
    told = lines(mended(verdict, 4), verdict)
    assert told[0] == ("8.55 → 8.45 of 9 points (\N{MINUS SIGN}0.1)", "worse")
    assert told[1][0].startswith("Ex 4: 1 → 0.9 of 1")
    assert told[2][0].startswith(
        "new: Ex 4, mistake: optimizer-wrong-rate (cell 5, line 2): The learning rate"
    )


def test_a_mistake_that_moved_is_the_same(verdict: Grade) -> None:
    moved = [
        exercise.model_copy(
            update={
                "diagnoses": tuple(
                    each.model_copy(update={"where": Where(cell=99)}) for each in exercise.diagnoses
                )
            }
        )
        for exercise in verdict.exercises
    ]
    after = verdict.model_copy(update={"exercises": tuple(moved)})
    assert not [text for text, _ in lines(verdict, after) if text.startswith(("new", "gone"))]


def test_the_first_error_is_named_and_its_text_is_data(verdict: Grade) -> None:
    first = verdict.exercises[0]
    raised = OutputExcerpt(cell=3, kind="error", text="Traceback\nValueError: \x1b[31m[red]bad")
    broken = first.model_copy(update={"outputs": (raised,)})
    after = verdict.model_copy(update={"exercises": (broken, *verdict.exercises[1:])})
    assert ("first error: cell 3: ValueError: [red]bad", "worse") in lines(verdict, after)


def test_what_is_not_graded_is_no_loss(verdict: Grade) -> None:
    after = verdict.model_copy(update={"points": None, "status": "not_graded"})
    told = lines(verdict, after)
    assert told[0][0] == "8.45 → \N{EN DASH} of 9 points (not graded now)"
    assert "This is no zero" in told[1][0]


def test_a_mistake_of_the_whole_submission(verdict: Grade) -> None:
    found = Diagnosis(code="run-slow", severity="warn", message="It was slow.")
    after = verdict.model_copy(update={"diagnoses": (found,)})
    assert ("new: worth knowing: run-slow: It was slow.", "worse") in lines(verdict, after)


def test_nothing_left(verdict: Grade) -> None:
    done = verdict
    for exercise in verdict.exercises:
        done = mended(done, exercise.number)
    assert lines(verdict, done)[-1] == ("nothing is left to do", "better")
