"""The tutorial is followed to the letter: its files, its commands, and the points that it names."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parents[1] / "docs" / "tutorial-assignment.md"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", flags=re.M | re.S)
EARNED = re.compile(r"It earns ([\d.]+) of (\d+) points")


@dataclass(frozen=True)
class Step:
    """A file to write, where it has a name; otherwise commands, and what is said after them."""

    name: str
    text: str
    after: str


def steps() -> list[Step]:
    told = TUTORIAL.read_text(encoding="utf-8")
    fences = list(FENCE.finditer(told))
    ends = [*(fence.start() for fence in fences[1:]), len(told)]
    return [
        Step(fence[2] or "", fence[3], told[fence.end() : end])
        for fence, end in zip(fences, ends, strict=True)
        if fence[2] or fence[1] == "sh"
    ]


def run(line: str, folder: Path) -> Path:
    """One `grade` command; its last argument."""
    command, *arguments = shlex.split(line)
    assert command == "grade"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, "-m", "grader.cli", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
    )
    return folder / arguments[-1]


def test_it_writes_every_file_of_the_assignment_before_it_is_used() -> None:
    names = [step.name for step in steps()]
    first_command = names.index("")
    assert {"islands/assignment.toml", "islands/ex1/rubric.toml", "islands/ex2/rubric.toml"} <= set(
        names[:first_command]
    )


@pytest.mark.corpus
def test_whoever_follows_it_sees_the_points_it_names(tmp_path: Path) -> None:
    seen = 0
    for step in steps():
        if step.name:
            target = tmp_path / step.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(step.text, encoding="utf-8")
            continue
        (line,) = step.text.strip().splitlines()
        graded = run(line, tmp_path)
        if promised := EARNED.search(step.after):
            report = (
                graded.parent / f"{graded.name.removesuffix('.py').removesuffix('.evidence.zip')}.report.json"
            )
            grade = json.loads(report.read_text(encoding="utf-8"))
            assert (grade["points"], grade["max_points"]) == (float(promised[1]), float(promised[2])), line
            seen += 1
    assert seen == 3
    assert {path.suffix for path in (tmp_path / "for-students").iterdir()} == {".ipynb", ".py"}
