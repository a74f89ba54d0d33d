"""Every submission of the corpus, executed in a real kernel, gets what its expectation says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from grader.execute.kernel import Kernel
from grader.load.submission import load_submission
from grader.pipeline import grade
from tests.agreement import assert_formats_agree
from tests.expectations import assignment_for, cases, departures, expectation, mutants, shown, submission_file

UNMUTATED = [case for case in cases() if case not in mutants()]
GRADED = [case for case in UNMUTATED if expectation(case).exit_status == 0]
REFUSED = [case for case in UNMUTATED if expectation(case).exit_status == 2]


@pytest.mark.corpus
@pytest.mark.parametrize("case", GRADED, ids=lambda case: case.name)
def test_graded_as_expected(case: Path, kernel: Kernel) -> None:
    expected = expectation(case)
    assignment = assignment_for(expected)
    before = {path.name for path in case.iterdir()}
    graded = grade(load_submission(submission_file(case)), assignment, kernel)
    found = departures(expected, graded.grade)
    assert not found, f"{expected.about}\n{shown(found)}"
    assert {path.name for path in case.iterdir()} == before, "grading left something beside the submission"
    json.loads(graded.grade.model_dump_json())
    assert_formats_agree(graded.grade)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_refused_with_one_line(case: Path, tmp_path: Path) -> None:
    expected = expectation(case)
    command = [sys.executable, "-m", "grader.cli", "--out", str(tmp_path), str(submission_file(case))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and expected.message in done.stderr
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())
