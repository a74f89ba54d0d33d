"""Repositories as students push them: a submission of each kind, and one that would like to be trusted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import FILES
from tests.expectations import CORPUS

MARK = "STOLEN"


@dataclass(frozen=True)
class Kind:
    """A submission of the corpus, and what it earns."""

    case: str
    lowest: float
    highest: float
    words: str
    """Something that its report says."""


KINDS = {
    "correct": Kind("functional-relu-full-batch", 9.0, 9.0, "9"),
    "wrong": Kind("no-zero-grad", 8.595, 8.605, "loop-no-zero-grad"),
    "broken": Kind("every-cell-raises", 0.0, 0.0, "run-error"),
    "tampering": Kind("mutants/integrity-tampering.records-that-flatter", 7.3, 8.9, "9"),
}


def repository(folder: Path, case: str) -> Path:
    """A student's repository: the corpus' submission, and a read-me."""
    folder.mkdir(parents=True)
    shutil.copyfile(CORPUS / case / "submission.ipynb", folder / "submission.ipynb")
    (folder / "README.md").write_text("# My work\n")
    return folder


def stored(folder: Path) -> Path:
    """The same with stored evidence, which is judged without running anything."""
    folder.mkdir(parents=True)
    shutil.copyfile(FILES / "example.evidence.zip", folder / "submission.evidence.zip")
    return folder


def arm(folder: Path) -> Path:
    """Put into a repository whatever could be taken for the grader's own; gives the file that a success would make."""
    stolen = folder.parent / MARK
    theft = f"open({str(stolen)!r}, 'a').write(__name__ + chr(10))\n"
    for module in (
        "sitecustomize",
        "usercustomize",
        "torch",
        "json",
        "typer",
        "matplotlib",
        "conftest",
        "pip",
    ):
        (folder / f"{module}.py").write_text(theft)
    package = folder / "grader"
    package.mkdir()
    (package / "__init__.py").write_text(theft + "__version__ = '9'\n")
    (package / "cli.py").write_text(theft + "def main(): print('9 of 9 points')\n")
    _rubric(folder / "exercises")
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-p conftest'\n")
    (folder / "setup.py").write_text(theft)
    (folder / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/simple\n")
    (folder / ".env").write_text(f"PYTHONPATH={folder}\n")
    (folder / "matplotlibrc").write_text("backend: module://sitecustomize\n")
    (folder / "constraints.txt").write_text("torch==0\n")
    for place in ("integrations/ci", ".github/workflows"):
        (folder / place).mkdir(parents=True)
    for name in ("install.sh", "grade.sh"):
        script = folder / "integrations" / "ci" / name
        script.write_text(f"#!/bin/sh\necho stolen >{stolen}\n")
        script.chmod(0o755)
    (folder / ".github" / "workflows" / "grade.yml").write_text("on: push\njobs: {}\n")
    reports = folder / "grade-reports"
    reports.mkdir()
    (reports / "submission.report.json").write_text('{"points": 9}')
    return stolen


def _rubric(folder: Path) -> None:
    """An assignment that asks for nothing."""
    exercise = folder / "ex1"
    exercise.mkdir(parents=True)
    (folder / "assignment.toml").write_text('id = "pytorch-classification"\ntitle = "Easy"\nversion = "9"\n')
    (exercise / "rubric.toml").write_text('title = "Nothing"\n')
