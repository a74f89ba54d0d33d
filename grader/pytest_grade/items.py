"""One submission as pytest sees it: a file, and in it a test for each check of the rubric."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import pytest

from grader.batch.order import BUNDLE
from grader.errors import GraderError
from grader.execute.bundle import read_bundle
from grader.load.submission import load_submission
from grader.model.assignment import Assignment, CheckSpec
from grader.model.grade import CheckResult, Grade, Outcome
from grader.pytest_grade.verdicts import Verdict
from grader.report.sentences import at, exact, remarks
from grader.report.text import number, one_line


class Grading(Protocol):
    """What tests ask for the verdict they are part of."""

    assignment: Assignment

    def verdict(self, file: Path) -> Verdict:
        """What became of a file; it is graded when this is first asked."""


class GradedFile(pytest.File):
    """A submission; nothing of it is imported or run to collect it."""

    grading: Grading

    def collect(self) -> Iterable[pytest.Item]:
        """A test for each check, known before anything is run.

        Raises:
            CollectError: the file cannot be graded.
        """
        try:
            _read(self.path)
        except GraderError as error:
            raise self.CollectError(str(error)) from error
        for exercise in self.grading.assignment.exercises:
            for check in exercise.checks:
                yield CheckTest.from_parent(self, name=check.id, spec=check)


class CheckTest(pytest.Item):
    """One check of the rubric."""

    def __init__(self, *, spec: CheckSpec, **others: Any) -> None:
        super().__init__(**others)
        self.spec = spec
        self.result: CheckResult | None = None

    def setup(self) -> None:
        """Grade the file, if no test has done so; what is not graded is an error of ours, never a failure."""
        assert isinstance(self.parent, GradedFile)
        verdict = self.parent.grading.verdict(self.path)
        if verdict.grade is None:
            pytest.fail(one_line(verdict.problem), pytrace=False)
        self.result = _result(verdict.grade, self.spec.id)
        self.user_properties += _properties(self.result)
        if self.result.status is Outcome.NOT_GRADED:
            pytest.fail(f"not graded, which costs nothing: {one_line(self.result.message)}", pytrace=False)

    def runtest(self) -> None:
        """Pass, fail or be skipped, as the check did."""
        assert self.result is not None
        if self.result.status is Outcome.SKIPPED:
            pytest.skip(one_line(self.result.message))
        if self.result.status is not Outcome.PASSED:
            pytest.fail(self._told(self.result), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it stands, and its heading."""
        return self.path, None, f"{self.name}: {one_line(self.spec.title)}"

    def _told(self, result: CheckResult) -> str:
        kind = "script" if self.path.suffix == ".py" else "notebook"
        points = f"{number(result.points)} of {number(result.max_points)} points"
        return "\n".join((f"{points}: {one_line(result.message)}{at(result.where, kind)}", *remarks(result)))


def _read(path: Path) -> None:
    if path.name.endswith(BUNDLE):
        read_bundle(path)
    else:
        load_submission(path)


def _result(grade: Grade, check_id: str) -> CheckResult:
    return next(check for exercise in grade.exercises for check in exercise.checks if check.id == check_id)


def _properties(result: CheckResult) -> list[tuple[str, object]]:
    """What JUnit XML says of this test beside its outcome; points that are not known are left out."""
    known = [] if result.points is None else [("points", exact(result.points))]
    return [("status", result.status.value), *known, ("max_points", exact(result.max_points))]
