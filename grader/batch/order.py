"""What is asked of a run: how submissions are graded, and what is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import GraderError
from grader.execute.job import Device
from grader.execute.launcher import Sandbox
from grader.model.assignment import Assignment
from grader.model.grade import Grade
from grader.pipeline import Probe
from grader.report.audience import Audience
from grader.report.formats import FORMATS
from grader.report.language.speech import asked_for
from grader.report.lms import Scale

BUNDLE = ".evidence.zip"
USUAL = ("html", "json")
"""What is written where nothing else is asked for; of a class, also its page."""
REPORTS = tuple(FORMATS)
"""Formats of one submission's report."""
EXPORTS = ("csv", "canvas", "moodle", "feedback")
"""Formats that only a class has."""


@dataclass(frozen=True)
class Order:
    """How submissions are graded and what is written; it travels to every worker."""

    assignment: Assignment
    device: Device = "cpu"
    sandbox: Sandbox = "auto"
    cold: bool = False
    probe: Probe = "auto"
    out: Path | None = None
    """Folder for the reports; None: beside a single submission, `reports/` for several."""
    formats: tuple[str, ...] = USUAL
    audience: Audience = "instructor"
    keep_evidence: bool = False
    column: str = ""
    """What Canvas calls the assignment in its own export, `Lab 4 (12345)`; empty for the assignment's title."""
    scale: Scale = "grade"
    """What goes into a platform's gradebook: the grade, or the points without base points."""
    language: str = field(default_factory=asked_for)
    """Of the reports; as `--lang` has it."""


@dataclass(frozen=True)
class Outcome:
    """What became of one submission."""

    shown: str
    """The submission, as whoever graded it knows it."""
    grade: Grade | None
    written: tuple[Path, ...] = ()
    problem: GraderError | None = None
    """Why there is no grade."""
