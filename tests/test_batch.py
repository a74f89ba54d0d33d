"""Several submissions: which files are graded, where their reports go, and that one failure stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.batch import Order, find_submissions, grade_all, write_reports
from grader.errors import GradingFailed, UnreadableSubmission, UsageError
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
def order(nine: Assignment, unlucky: Recorded, tmp_path: Path) -> Order:
    return Order(
        nine, FakeKernel(lambda submission, job: unlucky[1]), out=tmp_path / "out", formats=("json",)
    )


# ---------------------------------------------------------------- finding


def test_notebooks_of_a_folder_are_found_and_scripts_beside_them_are_helpers(tmp_path: Path) -> None:
    for name in ("b.ipynb", "a.ipynb", "tools.py", ".hidden.ipynb", "notes.txt"):
        script(tmp_path / name)
    script(tmp_path / "deeper" / "c.ipynb")
    assert [path.name for path in find_submissions([tmp_path])] == ["a.ipynb", "b.ipynb"]


def test_scripts_are_found_where_there_is_no_notebook(tmp_path: Path) -> None:
    script(tmp_path / "lab.py")
    assert [path.name for path in find_submissions([tmp_path])] == ["lab.py"]


def test_the_files_of_a_folder_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number in range(40):
        script(tmp_path / f"{number * 17 % 40:02}.ipynb")
    assert [path.stem for path in find_submissions([tmp_path])] == [f"{number:02}" for number in range(40)]


def test_a_file_that_is_named_twice_is_graded_once(tmp_path: Path) -> None:
    path = script(tmp_path / "lab.py")
    assert find_submissions([path, tmp_path, path]) == [path]


def test_a_folder_without_submissions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSubmission, match="without any notebook or script"):
        find_submissions([tmp_path])


# ---------------------------------------------------------------- grading


def test_reports_of_one_name_take_their_folders_name_in_front(order: Order, tmp_path: Path) -> None:
    paths = [script(tmp_path / "ana" / "lab.py"), script(tmp_path / "ion" / "lab.py")]
    outcomes = list(grade_all(paths, order, ignore))
    names = [path.name for outcome in outcomes for path in outcome.written]
    assert names == ["ana-lab.report.json", "ion-lab.report.json"]


def test_one_failure_does_not_stop_the_rest(nine: Assignment, unlucky: Recorded, tmp_path: Path) -> None:
    def answer(submission: Submission, job: Job) -> Recording:
        if submission.name == "b.py":
            raise GradingFailed("no kernel could be started")
        return unlucky[1]

    paths = [script(tmp_path / name) for name in ("a.py", "b.py", "c.py")]
    told: list[str] = []
    order = Order(nine, FakeKernel(answer), out=tmp_path / "out", formats=("json",))
    outcomes = list(grade_all(paths, order, lambda path: told.append(path.name)))
    assert told == ["a.py", "b.py", "c.py"]
    assert [outcome.grade is not None for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1].problem, GradingFailed)


def test_the_next_file_waits_until_this_outcome_was_taken(order: Order, tmp_path: Path) -> None:
    paths = [script(tmp_path / name) for name in ("a.py", "b.py")]
    outcomes = grade_all(paths, order, ignore)
    next(outcomes)
    assert isinstance(order.kernel, FakeKernel) and len(order.kernel.asked) == 1


def test_a_report_that_cannot_be_written_is_a_usage_error(
    order: Order, unlucky: Recorded, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    verdict = rejudge(unlucky[0], order.assignment, unlucky[1])
    with pytest.raises(UsageError, match="cannot be written"):
        write_reports(verdict, tmp_path / "file", "lab", order)
