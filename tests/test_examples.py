"""What the project ships grades as it says: the reference, the tutorial's assignment, the example submission."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.api import configured
from grader.execute.bundle import read_bundle, write_bundle
from grader.execute.kernel import Kernel
from grader.load.submission import load_submission
from grader.model.grade import Grade
from grader.pipeline import Graded, grade, rejudge

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.corpus


def _graded(kernel: Kernel, file: str, folder: str | None = None) -> Graded:
    assignment = configured(None if folder is None else ROOT / folder)
    return grade(load_submission(ROOT / file), assignment, kernel)


def _mistakes(verdict: Grade) -> list[tuple[int, str]]:
    return [(exercise.number, found.code) for exercise in verdict.exercises for found in exercise.diagnoses]


@pytest.mark.parametrize("file", ["reference/solution.ipynb", "reference/solution.py"])
def test_the_reference_earns_everything(file: str, kernel: Kernel) -> None:
    verdict = _graded(kernel, file).grade
    assert (verdict.points, verdict.grade, verdict.status) == (9.0, 10.0, "graded")
    assert not _mistakes(verdict) and not verdict.diagnoses and not verdict.needs_review


def test_another_assignment_grades_the_tutorial(kernel: Kernel) -> None:
    verdict = _graded(kernel, "examples/tutorial/solution.py", "examples/tutorial").grade
    assert verdict.points == verdict.max_points == 5.0
    assert not _mistakes(verdict)


def test_the_example_shows_its_three_mistakes_and_can_be_judged_again(tmp_path: Path, kernel: Kernel) -> None:
    graded = _graded(kernel, "examples/submission.ipynb")
    assert graded.grade.points == pytest.approx(8.45)
    assert _mistakes(graded.grade) == [(4, "optimizer-wrong-rate"), (5, "metric-broadcast")]
    bundle = tmp_path / "submission.evidence.zip"
    write_bundle(bundle, graded.submission, graded.recording)
    submission, recording = read_bundle(bundle)
    again = rejudge(submission, configured(None), recording)
    same_time = {"timing": graded.grade.timing}
    assert again.model_copy(update=same_time) == graded.grade
