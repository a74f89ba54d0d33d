"""A few files in this process: where their reports go, and that one failure stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.batch.order import Order
from grader.batch.single import grade_all, write_reports
from grader.errors import GradingFailed, UsageError
from grader.execute.job import Job
from grader.execute.kernel import FakeKernel
from grader.model.assignment import Assignment
from grader.model.recording import Recording
from grader.model.submission import Submission
from grader.pipeline import rejudge
from tests.conftest import Recorded


def script(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# Ex 1\nprint('hello')\n")
    return path


def ignore(path: Path) -> None:
    """For the callback that says which file is next."""


@pytest.fixture
def order(nine: Assignment, tmp_path: Path) -> Order:
    return Order(nine, out=tmp_path / "out", formats=("json",))


@pytest.fixture
def kernel(unlucky: Recorded) -> FakeKernel:
    return FakeKernel(lambda submission, job: unlucky[1])


def test_reports_of_one_name_take_their_folders_name_in_front(
    order: Order, kernel: FakeKernel, tmp_path: Path
) -> None:
    paths = [script(tmp_path / "ana" / "lab.py"), script(tmp_path / "ion" / "lab.py")]
    outcomes = list(grade_all(paths, order, kernel, ignore))
    names = [path.name for outcome in outcomes for path in outcome.written]
    assert names == ["ana-lab.report.json", "ion-lab.report.json"]


def test_one_failure_does_not_stop_the_rest(order: Order, unlucky: Recorded, tmp_path: Path) -> None:
    def answer(submission: Submission, job: Job) -> Recording:
        if submission.name == "b.py":
            raise GradingFailed("no kernel could be started")
        return unlucky[1]

    paths = [script(tmp_path / name) for name in ("a.py", "b.py", "c.py")]
    told: list[str] = []
    outcomes = list(grade_all(paths, order, FakeKernel(answer), lambda path: told.append(path.name)))
    assert told == ["a.py", "b.py", "c.py"]
    assert [outcome.grade is not None for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].problem, GradingFailed)


def test_the_next_file_waits_until_this_outcome_was_taken(
    order: Order, kernel: FakeKernel, tmp_path: Path
) -> None:
    paths = [script(tmp_path / name) for name in ("a.py", "b.py")]
    outcomes = grade_all(paths, order, kernel, ignore)
    next(outcomes)
    assert len(kernel.asked) == 1


def test_a_report_that_cannot_be_written_is_a_usage_error(
    order: Order, unlucky: Recorded, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    verdict = rejudge(unlucky[0], order.assignment, unlucky[1])
    with pytest.raises(UsageError, match="cannot be written"):
        write_reports(verdict, tmp_path / "file", "lab", order)
