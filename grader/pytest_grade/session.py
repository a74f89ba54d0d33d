"""One run of pytest that grades: what is collected, what reports carry, and the points at its end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from grader.api import configured
from grader.batch.order import BUNDLE, USUAL, Order
from grader.errors import BadAssignment, UsageError
from grader.model.grade import Diagnosis, Grade
from grader.pytest_grade.items import CheckTest, GradedFile
from grader.pytest_grade.verdicts import Verdict, Verdicts
from grader.report.audience import for_audience
from grader.report.sentences import STANDINGS, mistake
from grader.report.text import number, one_line

_SHARED = "grade_shared"


class GradingSession:
    """The hooks of a run with `--grade`.

    Raises:
        pytest.UsageError: the assignment's folder holds none, or this machine has no such sandbox.
    """

    def __init__(self, config: pytest.Config, files: Sequence[Path]) -> None:
        self._config = config
        self._files = files
        self._shared: Path | None = None
        self._lines: dict[str, list[str]] = {}
        order = _order(config)
        self.assignment = order.assignment
        worker = getattr(config, "workerinput", None)
        if worker is None and not config.option.collectonly:
            _check_sandbox(files, order)
        shared = worker and worker.get(_SHARED)
        self._verdicts = Verdicts(order, files, Path(shared) if shared else None)

    def verdict(self, file: Path) -> Verdict:
        """See `Grading`."""
        return self._verdicts.of(file.resolve())

    def pytest_report_header(self) -> list[str]:
        """What is graded, and by which assignment."""
        title = f"{one_line(self.assignment.title, 200)} ({number(self.assignment.max_points)} points)"
        return [f"grade: {one_line(file.name, 200)}, {title}" for file in self._files]

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> Generator[None, Any, Any]:
        """A graded file is ours alone: other collectors would import a script outside of its sandbox."""
        found = yield
        if file_path.resolve() not in self._files:
            return found
        file: GradedFile = GradedFile.from_parent(parent, path=file_path)
        file.grading = self
        return [file]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """A test's report carries the whole file's result to the process that prints the summary."""
        report = yield
        if isinstance(item, CheckTest) and item.result is not None and report.when == "setup":
            verdict = self.verdict(item.path)
            if verdict.grade is not None:
                report.grade_lines = [item.path.name, *_summary(verdict.grade, verdict.written)]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what the reports say of the files."""
        if lines := getattr(report, "grade_lines", None):
            self._lines[report.nodeid.split("::")[0]] = lines

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The points of each file, and what concerns it as a whole."""
        if self._lines:
            terminalreporter.section("points")
        for name, score, *others in self._lines.values():
            terminalreporter.write_line(f"{one_line(name, 200)}: {score}", bold=True)
            for line in others:
                terminalreporter.write_line(f"  {line}")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Of pytest-xdist: tell a worker where verdicts are shared."""
        self._shared = self._shared or Path(tempfile.mkdtemp(prefix="grade-pytest-"))
        node.workerinput[_SHARED] = str(self._shared)

    def pytest_unconfigure(self) -> None:
        """Leave no kernel and no folder behind."""
        self._verdicts.close()
        if self._shared is not None:
            shutil.rmtree(self._shared, ignore_errors=True)


def _order(config: pytest.Config) -> Order:
    option, here = config.option, config.invocation_params.dir
    folder = here / option.grade_assignment if option.grade_assignment else None
    try:
        assignment = configured(folder)
    except BadAssignment as error:
        raise pytest.UsageError(str(error)) from error
    report = here / option.grade_report if option.grade_report else None
    formats = USUAL if report is not None else ()
    return Order(assignment, sandbox=option.grade_sandbox, out=report, formats=formats, audience="student")


def _check_sandbox(files: Sequence[Path], order: Order) -> None:
    if all(file.name.endswith(BUNDLE) for file in files):
        return
    from grader.commands.show import check_sandbox

    try:
        check_sandbox(order.sandbox)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def _summary(grade: Grade, written: Sequence[str]) -> Iterator[str]:
    points = f"{number(grade.points)} of {number(grade.max_points)} points"
    yield f"{points}, grade {number(grade.grade)} of {number(grade.max_grade)}"
    if STANDINGS[grade.status]:
        yield STANDINGS[grade.status]
    for diagnosis in _open(grade):
        yield mistake(diagnosis, grade.submission.kind)
    yield from (f"wrote {one_line(path)}" for path in written)


def _open(grade: Grade) -> tuple[Diagnosis, ...]:
    return for_audience(grade, "student").diagnoses
