"""One submission from file to verdict, on recordings: what is run again, and whose fault costs what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from grader.check import judge as judging
from grader.check.case import Case
from grader.execute.kernel import FakeKernel
from grader.model.assignment import Assignment
from grader.model.finding import Finding
from grader.model.grade import CheckResult, Grade, Outcome
from grader.model.recording import CellRun, Recording
from grader.pipeline import grade, rejudge
from tests.conftest import Recorded


def checks_of(verdict: Grade) -> dict[str, CheckResult]:
    return {check.id: check for exercise in verdict.exercises for check in exercise.checks}


def broken(case: Case) -> Finding:
    raise ZeroDivisionError("a fault of ours")


@pytest.fixture
def break_check(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def break_it(word: str) -> None:
        words = MappingProxyType({**judging.VOCABULARY, word: broken})
        monkeypatch.setattr(judging, "VOCABULARY", words)

    return break_it


def with_full_marks_at(assignment: Assignment, accuracy: float) -> Assignment:
    """The assignment with another accuracy asked of exercise 7."""

    def changed(check: Any) -> Any:
        if check.id != "ex7.accuracy":
            return check
        return check.model_copy(update={"options": {"full": accuracy, "none": 0.1}})

    exercises = tuple(
        exercise.model_copy(update={"checks": tuple(changed(check) for check in exercise.checks)})
        for exercise in assignment.exercises
    )
    return assignment.model_copy(update={"exercises": exercises})


def alone(recording: Recording) -> Recording:
    return replace(recording, reruns=())


# ---------------------------------------------------------------- other seeds


def test_a_sound_loop_that_fell_short_is_run_twice_more(unlucky: Recorded, nine: Assignment) -> None:
    submission, recording = unlucky
    kernel = FakeKernel([alone(recording)] * 3)
    graded = grade(submission, nine, kernel)
    assert [job.seed for _, job in kernel.asked] == [42, 1042, 2042]
    assert len(graded.recording.reruns) == 2
    assert any("other seeds" in note for note in graded.grade.notes)


def test_the_best_of_the_runs_counts_and_ends_the_search(unlucky: Recorded, nine: Assignment) -> None:
    submission, recording = unlucky
    kernel = FakeKernel([alone(recording), recording.reruns[0]])
    graded = grade(submission, nine, kernel)
    assert len(kernel.asked) == 2
    accuracy = checks_of(graded.grade)["ex7.accuracy"]
    assert (accuracy.status, accuracy.points) == (Outcome.PASSED, 0.3)
    assert "best of 2" in accuracy.message


def test_one_run_is_enough_where_the_goal_is_reached(unlucky: Recorded, nine: Assignment) -> None:
    submission, recording = unlucky
    kernel = FakeKernel(alone(recording))
    grade(submission, with_full_marks_at(nine, 0.5), kernel)
    assert len(kernel.asked) == 1


def test_a_seed_that_the_student_fixed_is_respected(example: Recorded, nine: Assignment) -> None:
    submission, recording = example
    kernel = FakeKernel(recording)
    grade(submission, with_full_marks_at(nine, 1.0), kernel)
    assert len(kernel.asked) == 1


def test_an_assignment_may_forbid_further_runs(unlucky: Recorded, nine: Assignment) -> None:
    submission, recording = unlucky
    kernel = FakeKernel(alone(recording))
    grade(submission, nine.model_copy(update={"thresholds": {"extra_runs": 0}}), kernel)
    assert len(kernel.asked) == 1


# ---------------------------------------------------------------- judged again


def test_a_stored_recording_gets_the_same_verdict(unlucky: Recorded, nine: Assignment) -> None:
    submission, recording = unlucky
    first = grade(submission, nine, FakeKernel([alone(recording), recording.reruns[0]]))
    again = rejudge(submission, nine, first.recording)
    assert again.model_copy(update={"timing": first.grade.timing}) == first.grade


def test_the_rubric_as_it_is_now_decides(unlucky: Recorded, nine: Assignment) -> None:
    submission, recording = unlucky
    strict = checks_of(rejudge(submission, nine, alone(recording)))["ex7.accuracy"]
    mild = checks_of(rejudge(submission, with_full_marks_at(nine, 0.5), alone(recording)))["ex7.accuracy"]
    assert strict.points is not None and strict.points < 0.3
    assert mild.points == 0.3


# ---------------------------------------------------------------- faults of ours


def test_a_check_that_breaks_is_not_graded_and_never_a_zero(
    example: Recorded, nine: Assignment, break_check: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    submission, recording = example
    whole = rejudge(submission, nine, recording)
    break_check("model.affine")
    verdict = rejudge(submission, nine, recording)
    check = checks_of(verdict)["ex3.affine"]
    assert (check.status, check.points) == (Outcome.NOT_GRADED, None)
    assert verdict.status == "partly_graded"
    others = {name: result.points for name, result in checks_of(whole).items() if name != "ex3.affine"}
    assert others == {n: result.points for n, result in checks_of(verdict).items() if n != "ex3.affine"}
    assert "ZeroDivisionError" in caplog.text


def test_nothing_graded_gives_no_points_rather_than_none_earned(
    example: Recorded, nine: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "VOCABULARY", dict.fromkeys(judging.VOCABULARY, broken))
    monkeypatch.setattr("grader.pipeline.diagnose", lambda *args: ())
    verdict = rejudge(*example[:1], nine, example[1])
    assert (verdict.status, verdict.points, verdict.grade) == ("not_graded", None, None)


# ---------------------------------------------------------------- odd recordings


def test_a_recording_without_any_event_attempts_nothing(example: Recorded, nine: Assignment) -> None:
    submission, _ = example
    cells = tuple(CellRun(number=cell.number or 0, status="ok") for cell in submission.code_cells)
    silent = Recording(cells=cells, events=(), tensors={}, seed=42, device="cpu", versions={})
    verdict = grade(submission, nine, FakeKernel(silent)).grade
    assert verdict.status == "graded"
    assert not any(exercise.points for exercise in verdict.exercises if exercise.number != 1)
    on_models = [exercise for exercise in verdict.exercises if exercise.number in (3, 4, 5, 6, 7, 9)]
    assert {exercise.status for exercise in on_models} == {Outcome.NOT_ATTEMPTED}


def test_a_damaged_recording_asks_for_review(example: Recorded, nine: Assignment) -> None:
    submission, recording = example
    whole = rejudge(submission, nine, recording)
    damaged = rejudge(submission, nine, replace(recording, problems=("event 17 is no JSON",)))
    assert not whole.needs_review and damaged.needs_review
    assert any("17" in note for note in damaged.notes)


def test_forged_events_are_dropped_and_reported(example: Recorded, nine: Assignment) -> None:
    submission, recording = example
    forged = ({"kind": "run", "id": ["not", "text"], "cell": "x"}, {"kind": "model", "id": 3.5, "graph": "?"})
    verdict = rejudge(submission, nine, replace(recording, events=(*recording.events, *forged)))
    assert verdict.needs_review
    assert verdict.points == rejudge(submission, nine, recording).points


def test_the_job_carries_what_the_assignment_says(unlucky: Recorded, nine: Assignment) -> None:
    submission, recording = unlucky
    kernel = FakeKernel(recording)
    grade(submission, with_full_marks_at(nine, 0.5), kernel, device="cuda")
    ((asked, job),) = kernel.asked
    assert asked is submission
    assert (job.seed, job.device, job.limits) == (nine.seed, "cuda", nine.limits)
    assert job.exercise_of_cell == {1: 2, 2: 6, 3: 7}
    assert set(job.probes()) == {"circles", "blobs"}
