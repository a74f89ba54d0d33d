"""The pre-commit hook: what it declares, and its entry by pre-commit itself where that is installed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import FILES
from tests.integrations.hosted import ROOT


def hook() -> dict[str, Any]:
    (declared,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert isinstance(declared, dict)
    return declared


def entry() -> str:
    """The hook's command, by the Python that runs the tests."""
    program, *arguments = shlex.split(hook()["entry"])
    assert program == "grade", "the script that an install brings"
    return shlex.join([sys.executable, "-I", "-m", "grader.cli", *arguments])


def test_it_looks_at_notebooks_before_a_push() -> None:
    declared = hook()
    assert (declared["id"], declared["language"]) == ("grade", "python")
    assert re.search(declared["files"], "lab/ana.ipynb") and not re.search(declared["files"], "ana.py")
    assert "pre-commit" not in declared["stages"]


@pytest.mark.parametrize(("goal", "status"), [("8.4", 0), ("8.5", 1)])
def test_its_entry_fails_below_the_goal(tmp_path: Path, goal: str, status: int) -> None:
    shutil.copy(FILES / "example.evidence.zip", tmp_path)
    command = [*shlex.split(entry()), "--pass-at", goal, "example.evidence.zip"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"example.evidence.zip", ".grade"}


@pytest.mark.corpus
def test_pre_commit_runs_it(tmp_path: Path) -> None:
    program = shutil.which("pre-commit")
    if program is None:
        pytest.skip("pre-commit is not installed")
    declared = {**hook(), "language": "system", "entry": entry()}
    declared.pop("minimum_pre_commit_version")
    (tmp_path / "cut.ipynb").write_text('{"cells": [')
    (tmp_path / ".pre-commit-config.yaml").write_text(
        yaml.safe_dump({"repos": [{"repo": "local", "hooks": [declared]}]})
    )
    for command in (("init", "-q"), ("add", "-A")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    done = subprocess.run(
        [program, "run", "--all-files", "--hook-stage", "pre-push"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1 and "cut.ipynb" in done.stdout and "JSON" in done.stdout
