"""The GitLab job, carried out by the shell commands it contains."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.handed_in import KINDS, arm, repository, stored
from tests.integrations.hosted import ROOT, read, reference_at

FILE = ROOT / "integrations" / "gitlab-ci.yml"
WHO = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def committed(folder: Path) -> Path:
    """Make a folder a git repository with all that is in it."""
    for command in (("init", "-q"), ("add", "-A", "-f"), (*WHO, "commit", "-q", "-m", "all")):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return folder


def job(tmp_path: Path, checkout: Path, **given: str) -> subprocess.CompletedProcess[str]:
    """The job's commands, joined as GitLab's runner does, in the student's checkout."""
    told = read(FILE)
    reference = committed(reference_at(tmp_path / "reference"))
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=reference, capture_output=True, text=True, check=True
    )
    variables = {
        **{name: str(value) for name, value in told["variables"].items()},
        "GRADER_REPOSITORY": f"file://{reference}",
        "GRADER_COMMIT": head.stdout.strip(),
        "GRADER_PYTHON": sys.executable,
        **given,
    }
    (tmp_path / "tmp").mkdir()
    place = {"CI_PROJECT_DIR": str(checkout), "TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "home")}
    pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    script = "\n".join(["set -eo pipefail", *told["grade"]["before_script"], *told["grade"]["script"]])
    return subprocess.run(
        ["bash", "-c", script],
        cwd=checkout,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "CI": "true", **pip, **place, **variables},
        capture_output=True,
        text=True,
        timeout=900,
    )


def points(checkout: Path) -> float:
    (path,) = (checkout / "grade-reports").glob("*.report.json")
    told = json.loads(path.read_text())
    assert isinstance(told["points"], float)
    return told["points"]


def test_reports_take_the_place_of_what_was_committed(tmp_path: Path) -> None:
    folder = stored(tmp_path / "ana")
    stolen = arm(folder)
    (folder / ".grader-downloads").mkdir()
    (folder / ".grader-downloads" / "torch.whl").write_text("poison")
    shutil.rmtree(folder / "grade-reports")
    (folder / "grade-reports").symlink_to(tmp_path / "elsewhere")
    checkout = committed(folder)
    done = job(
        tmp_path, checkout, GRADE_PATH="submission.evidence.zip", GRADE_PASS_AT="8.5", PYTHONPATH=str(folder)
    )
    assert done.returncode == 1, done.stderr
    assert points(checkout) == 8.45 and not (checkout / "grade-reports").is_symlink()
    assert not stolen.exists() and not (checkout / ".grader-downloads").exists()
    assert list((checkout / "grade-reports").glob("*.report.junit.xml"))
    assert not list((tmp_path / "tmp").iterdir())


def test_what_cannot_be_graded_fails_the_job(tmp_path: Path) -> None:
    checkout = committed(repository(tmp_path / "ana", "truncated-notebook"))
    done = job(tmp_path, checkout)
    assert done.returncode == 2 and "JSON" in done.stderr


def test_the_file_pins_and_reports() -> None:
    told = read(FILE)
    assert told["grade"]["artifacts"]["reports"]["junit"] == "grade-reports/*.report.junit.xml"
    assert told["grade"]["artifacts"]["when"] == "always"
    assert re.search(r"fetch .*\"\$GRADER_COMMIT\"", "\n".join(told["grade"]["before_script"]))


@pytest.mark.corpus
@pytest.mark.parametrize("kind", KINDS)
def test_a_push_is_graded(tmp_path: Path, kind: str) -> None:
    expected = KINDS[kind]
    checkout = committed(repository(tmp_path / "ana", expected.case))
    done = job(tmp_path, checkout)
    assert done.returncode == 0, done.stderr
    assert expected.lowest <= points(checkout) <= expected.highest
