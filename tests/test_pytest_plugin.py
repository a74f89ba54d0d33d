"""`pytest --grade`: checks as tests, one grading for all of them, and nothing of the student's run by pytest itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from grader.batch.desk import graded
from grader.batch.order import Order
from grader.errors import GradingFailed
from grader.execute.job import Job
from grader.execute.kernel import FakeKernel
from grader.model.assignment import Assignment
from grader.model.grade import CheckResult, Grade, Outcome
from grader.model.recording import CellRun, Recording
from grader.model.submission import Submission
from grader.pytest_grade.session import GradingSession  # noqa: F401 - see `verdict`
from grader.pytest_plugin import graded_alone
from tests.conftest import FILES, Recorded

pytest_plugins = ("pytester",)

EXAMPLE = FILES / "example.evidence.zip"
NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "submission.ipynb"
TRAP = "from pathlib import Path\nPath(__file__).with_name('sprung').touch()\n"

WORDS = {
    Outcome.PASSED: "passed",
    Outcome.PARTIAL: "failed",
    Outcome.FAILED: "failed",
    Outcome.NOT_ATTEMPTED: "failed",
    Outcome.SKIPPED: "skipped",
    Outcome.NOT_GRADED: "error",
}


@pytest.fixture(scope="module", autouse=True)
def verdict(nine: Assignment) -> Grade:
    """What `grade` says of the example. Made before pytest runs in pytest: that forgets what it imported, and
    NumPy cannot be imported twice."""
    return graded(EXAMPLE, Order(nine), None).grade


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], FakeKernel]:
    """Gives the plugin a kernel that answers at once."""

    def install(answer: Any) -> FakeKernel:
        kernel = FakeKernel(answer)
        monkeypatch.setattr("grader.execute.choice.opened_kernel", lambda *_, **__: nullcontext(kernel))
        monkeypatch.setattr("grader.commands.show.check_sandbox", lambda _: None)
        return kernel

    return install


def run(pytester: pytest.Pytester, *arguments: object) -> pytest.RunResult:
    """pytest with the plugin, in this process."""
    return pytester.runpytest_inprocess(*_loaded(), *map(str, arguments))


def _loaded() -> tuple[str, ...]:
    """What makes pytest load the plugin, where it is not installed as one."""
    installed = any(point.value == "grader.pytest_plugin" for point in entry_points(group="pytest11"))
    return () if installed else ("-p", "grader.pytest_plugin")


def checks(grade: Grade) -> dict[str, CheckResult]:
    return {check.id: check for exercise in grade.exercises for check in exercise.checks}


def outcomes(xml: Path) -> dict[str, str]:
    """What JUnit XML says of each test."""
    found = {}
    for case in ElementTree.parse(xml).iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        found[case.get("name", "")] = {"failure": "failed"}.get(*kinds, *kinds) if kinds else "passed"
    return found


def properties(xml: Path) -> dict[str, dict[str, str]]:
    return {
        case.get("name", ""): {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
        for case in ElementTree.parse(xml).iter("testcase")
    }


# ---------------------------------------------------------------- agreement with `grade`


def test_each_check_is_a_test_with_its_outcome_and_points(pytester: pytest.Pytester, verdict: Grade) -> None:
    grade = verdict
    result = run(pytester, "--grade", EXAMPLE, "--junitxml=out.xml")
    assert outcomes(pytester.path / "out.xml") == {
        name: WORDS[check.status] for name, check in checks(grade).items()
    }
    told = properties(pytester.path / "out.xml")
    assert {name: float(fields["points"]) for name, fields in told.items()} == pytest.approx(
        {name: check.points for name, check in checks(grade).items()}
    )
    assert sum(float(fields["max_points"]) for fields in told.values()) == pytest.approx(grade.max_points)
    result.stdout.fnmatch_lines(["*0 of 0.1 points: The learning rate is 0.01; 0.1 was asked for.*"])
    result.stdout.fnmatch_lines([f"example.evidence.zip: {grade.points:g} of 9 points, grade *of 10"])


def test_nothing_attempted_fails_and_what_depends_on_it_is_skipped(
    pytester: pytest.Pytester, fake: Callable[[Any], FakeKernel], example: Recorded
) -> None:
    nothing = replace(example[1], cells=(CellRun(number=1, status="ok"),), events=(), tensors={}, reruns=())
    fake(lambda submission, job: nothing)
    pytester.makefile(".py", empty="print('hello')")
    run(pytester, "--grade", "empty.py", "--junitxml=out.xml")
    found = set(outcomes(pytester.path / "out.xml").values())
    assert "failed" in found and found <= {"failed", "skipped"}


# ---------------------------------------------------------------- once


def test_a_file_is_graded_once_and_only_when_a_test_runs(
    pytester: pytest.Pytester, fake: Callable[[Any], FakeKernel], example: Recorded
) -> None:
    kernel = fake(lambda submission, job: example[1])
    shutil.copyfile(NOTEBOOK, pytester.path / "a.ipynb")
    listed = run(pytester, "--grade", "a.ipynb", "--collect-only", "-q")
    assert "a.ipynb::ex3.layers" in listed.stdout.lines and not kernel.asked
    run(pytester, "--grade", "a.ipynb", "-k", "ex3")
    assert len(kernel.asked) == 1


def test_a_test_can_be_run_by_its_id(
    pytester: pytest.Pytester, fake: Callable[[Any], FakeKernel], example: Recorded
) -> None:
    fake(lambda submission, job: example[1])
    shutil.copyfile(NOTEBOOK, pytester.path / "a.ipynb")
    run(pytester, "--grade", "a.ipynb", "a.ipynb::ex3.layers").assert_outcomes(passed=1)


def test_workers_share_one_grading(pytester: pytest.Pytester, verdict: Grade) -> None:
    pytester.makepyfile(
        counting="""
        import grader.pytest_grade.verdicts as verdicts
        from pathlib import Path
        graded = verdicts.grade_all
        def counted(paths, *others):
            with Path(__file__).with_name("count").open("a") as file:
                file.write("graded\\n")
            return graded(paths, *others)
        verdicts.grade_all = counted
        """
    )
    pytester.syspathinsert()
    result = pytester.runpytest_subprocess(
        *_loaded(), "-p", "counting", "-n", "2", "--grade", str(EXAMPLE), "--junitxml=out.xml"
    )
    assert (pytester.path / "count").read_text() == "graded\n"
    assert outcomes(pytester.path / "out.xml") == {
        name: WORDS[check.status] for name, check in checks(verdict).items()
    }
    result.stdout.fnmatch_lines([f"example.evidence.zip: {verdict.points:g} of 9 points*"])


# ---------------------------------------------------------------- faults


def test_a_fault_of_ours_is_an_error_and_never_a_failure(
    pytester: pytest.Pytester, fake: Callable[[Any], FakeKernel]
) -> None:
    def broken(submission: Submission, job: Job) -> Recording:
        raise GradingFailed("no kernel came up")

    fake(broken)
    pytester.makefile(".py", mine="print('hello')")
    result = run(pytester, "--grade", "mine.py", "-k", "ex3")
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(["*no kernel came up*"])


def test_a_check_that_could_not_be_made_is_an_error(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(case: object, options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("grader.check.judge.VOCABULARY", _with(broken))
    result = run(pytester, "--grade", EXAMPLE, "-k", "ex3.layers")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Partly graded*"])


def _with(check: Callable[..., None]) -> dict[str, Any]:
    from grader.check.vocabulary import VOCABULARY

    words: dict[str, Any] = dict(VOCABULARY)
    words["model.linear-layers"] = check
    return words


def test_an_unreadable_file_is_one_error_at_collection(pytester: pytest.Pytester) -> None:
    pytester.makefile(".ipynb", broken='{"cells": [')
    result = run(pytester, "--grade", "broken.ipynb")
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_folder_without_an_assignment_is_wrong_usage(pytester: pytest.Pytester) -> None:
    pytester.makefile(".py", mine="print('hello')")
    assert run(pytester, "--grade", "mine.py", "--grade-assignment", ".").ret == pytest.ExitCode.USAGE_ERROR


# ---------------------------------------------------------------- whose code runs where


def test_a_graded_script_is_not_imported(
    pytester: pytest.Pytester, fake: Callable[[Any], FakeKernel], example: Recorded
) -> None:
    fake(lambda submission, job: example[1])
    pytester.makepyfile(test_mine=TRAP + "def test_free_points(): pass\n")
    listed = run(
        pytester, "--grade", "test_mine.py", "test_mine.py", "--doctest-modules", "--collect-only", "-q"
    )
    assert not (pytester.path / "sprung").exists()
    assert "test_mine.py::test_free_points" not in listed.stdout.lines


def test_no_conftest_beside_the_submission_is_loaded(
    pytester: pytest.Pytester, fake: Callable[[Any], FakeKernel], example: Recorded
) -> None:
    fake(lambda submission, job: example[1])
    pytester.makeconftest(TRAP)
    pytester.makepyfile(test_others=TRAP)
    shutil.copyfile(NOTEBOOK, pytester.path / "a.ipynb")
    assert run(pytester, "--grade", "a.ipynb", "-k", "ex3").ret == pytest.ExitCode.OK
    assert run(pytester, "--grade", "a.ipynb", "a.ipynb::ex3.layers").ret == pytest.ExitCode.OK
    assert not (pytester.path / "sprung").exists()


def test_other_tests_run_where_they_are_named(
    pytester: pytest.Pytester, fake: Callable[[Any], FakeKernel], example: Recorded
) -> None:
    fake(lambda submission, job: example[1])
    pytester.makepyfile(test_others="def test_other(): pass")
    shutil.copyfile(NOTEBOOK, pytester.path / "a.ipynb")
    result = run(pytester, "--grade", "a.ipynb", "test_others.py", "-k", "other or ex3.layers")
    result.assert_outcomes(passed=2)


def test_what_is_asked_for_beside_the_graded_files(tmp_path: Path) -> None:
    graded_file = tmp_path / "a.ipynb"
    assert graded_alone([f"{graded_file}::ex1.shapes"], [graded_file])
    assert graded_alone([], [graded_file])
    assert not graded_alone([str(tmp_path)], [graded_file])


# ---------------------------------------------------------------- reports, and without --grade


def test_reports_are_written_where_asked(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--grade", EXAMPLE, "--grade-report", "out", "-k", "ex3.layers")
    assert {path.name for path in (pytester.path / "out").iterdir()} == {
        "example.report.html",
        "example.report.json",
    }
    result.stdout.fnmatch_lines(["*wrote *example.report.html"])


def test_two_files_of_one_name_have_reports_of_their_own(pytester: pytest.Pytester) -> None:
    for name in ("ana", "ben"):
        (pytester.path / name).mkdir()
        shutil.copyfile(EXAMPLE, pytester.path / name / EXAMPLE.name)
    paths = [f"{name}/{EXAMPLE.name}" for name in ("ana", "ben")]
    run(pytester, "--grade", paths[0], "--grade", paths[1], "--grade-report", "out", "-k", "ex3.layers")
    found = {
        path.relative_to(pytester.path / "out").parts[0] for path in (pytester.path / "out").rglob("*.html")
    }
    assert found == {"ana", "ben"}


def test_without_grade_nothing_is_imported(tmp_path: Path) -> None:
    heavy = "{'torch', 'pydantic', 'sklearn', 'grader.api', 'grader.pytest_grade', 'filelock', 'typer'}"
    code = (
        "import sys, pytest; pytest.main(['-q', *sys.argv[1:]]);"
        f"print('grader.pytest_plugin' in sys.modules, *({heavy} & {{*sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *_loaded()], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1].split() == ["True"]


# ---------------------------------------------------------------- the four submissions, in real kernels

FOUR = ("sequential-only", "two-omissions", "cell-does-not-parse", "integrity-tampering.records-that-flatter")


@pytest.mark.corpus
@pytest.mark.parametrize("case", FOUR)
def test_pytest_agrees_with_grade(
    case: str, pytester: pytest.Pytester, nine: Assignment, kernel: Any
) -> None:
    (folder,) = Path(__file__).parent.glob(f"corpus/**/{case}")
    (submission,) = folder.glob("submission*")
    grade = graded(submission, Order(nine), kernel).grade
    run(pytester, "--grade", submission, "--junitxml=out.xml")
    expected = {name: WORDS[check.status] for name, check in checks(grade).items()}
    assert outcomes(pytester.path / "out.xml") == expected
    told = properties(pytester.path / "out.xml")
    assert sum(float(fields["points"]) for fields in told.values()) == pytest.approx(grade.points)
