"""The verdict: what every report and export is made from, and nothing else.

`Grade` is the JSON of version 1; `Grade.model_json_schema()` is the published schema.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from grader.model.submission import Where

SCHEMA_VERSION: Literal[1] = 1


class Outcome(StrEnum):
    """How a check, or a whole exercise, came out."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Depends on a check that failed: its points are lost there, its blame is not repeated."""
    NOT_ATTEMPTED = "not_attempted"
    NOT_GRADED = "not_graded"
    """Our fault; points are null."""


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckResult(Record):
    """One line of the rubric, judged."""

    id: str
    """Stable id, `ex3.layers`."""
    title: str
    """What holds when it passes, one clause."""
    status: Outcome
    points: float | None
    """Points earned; None when it was not graded."""
    max_points: float
    message: str
    """One sentence for the student: what was seen, and what it means."""
    expected: str | None = None
    actual: str | None = None
    hint: str | None = None
    where: Where | None = None


class Diagnosis(Record):
    """A named mistake, at the place where it was made."""

    code: str
    """From the catalogue, `loop-no-zero-grad`."""
    severity: Literal["fail", "part", "warn", "info"]
    message: str
    """The invariant that was seen violated, in plain words."""
    hint: str | None = None
    where: Where | None = None
    link: str | None = None
    """Where to read more."""


class Lesson(Record):
    """What a named mistake means, for whoever made it: its paragraph of `docs/diagnoses.md`."""

    code: str
    seen: str
    """The invariant that is violated, one sentence."""
    why: str
    """Why it matters."""
    mend: str
    """What to do."""
    example: str
    """Python, as learners write it; the mended line after `# better:`."""
    read: str
    """Address of where to read more."""


class SourceExcerpt(Record):
    """Some of the student's lines, for the report to show beside a verdict."""

    cell: int
    first_line: int
    """Line number of the first line of `text` (within the cell, or within the script)."""
    text: str
    highlight: tuple[int, ...] = ()
    """Line numbers, counted as `first_line`, that a finding points at."""


class OutputExcerpt(Record):
    """Something the student's code printed or drew in this exercise."""

    cell: int
    kind: Literal["text", "image", "error"]
    text: str = ""
    """The text, control sequences removed, shortened in the middle when long."""
    png_base64: str | None = None


class Curve(Record):
    """A learning curve, as recomputed by the grader."""

    label: str
    epochs: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...] = ()
    """The reference's band, same length as `epochs`, or empty."""
    high: tuple[float, ...] = ()


class Boundary(Record):
    """A decision map, recomputed by the grader from the trained model."""

    title: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    classes: tuple[tuple[int, ...], ...]
    """Class of each grid point: rows from low y to high y, columns from low x to high x."""
    points: tuple[tuple[float, float, int], ...] = ()
    """Some rows of the data: x, y, label."""


class ModelStage(Record):
    """One operation of a model, in the order of the data."""

    kind: Literal["input", "linear", "activation", "norm", "dropout", "other", "output"]
    label: str
    """`Linear 2 → 10`, `ReLU`."""
    width: int | None = None
    """Features that leave this stage."""


class Pictures(Record):
    """Data for what a report draws for an exercise; never an image made by the student."""

    curves: tuple[Curve, ...] = ()
    boundaries: tuple[Boundary, ...] = ()
    model: tuple[ModelStage, ...] = ()


class Override(Record):
    """Points that an instructor set; they outrank the machine's."""

    machine_points: float | None
    """What the machine gives, as it is now; None where it could not grade."""
    points: float
    reason: str
    who: str
    when: str
    """UTC, `2026-11-21T18:07:22Z`."""


class Comment(Record):
    """What an instructor says to the student."""

    text: str
    who: str
    when: str
    """UTC, `2026-11-21T18:07:22Z`."""
    exercise: int | None = None
    """Number of the exercise; None where it is about the submission as a whole."""


class ExerciseResult(Record):
    number: int
    title: str
    status: Outcome
    points: float | None
    max_points: float
    graded: bool = True
    """False for an exercise that is reported but carries no points (`extra`)."""
    cells: tuple[int, ...] = ()
    """Numbers of the code cells whose events belong to this exercise."""
    needs_review: bool = False
    """An `integrity-*` diagnosis asks an instructor to look; it costs nothing by itself."""
    attribution: str = ""
    """How the events were given to this exercise: markers, source lines or meaning; one sentence."""
    summary: str = ""
    """One sentence for the student."""
    checks: tuple[CheckResult, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    source: tuple[SourceExcerpt, ...] = ()
    outputs: tuple[OutputExcerpt, ...] = ()
    pictures: Pictures = Pictures()
    override: Override | None = None
    """Where an instructor set the points: `points` and `status` are theirs then, `checks` the machine's."""


class SubmissionInfo(Record):
    name: str
    sha256: str
    kind: Literal["notebook", "script"]


class AssignmentInfo(Record):
    id: str
    title: str
    version: str


class Environment(Record):
    seed: int
    device: str
    python: str
    torch: str
    grader: str
    platform: str = ""
    sandbox: tuple[str, ...] = ()
    """The layers that held the student's process; empty where it ran unprotected."""
    kernel: str = "cold"
    """`cold`: an ordinary Jupyter kernel; `warm`: forked from a pool; `stored`: not run, judged again."""


class Timing(Record):
    """Seconds; the only part of a grade that differs between two gradings of one file."""

    total_s: float
    student_s: float


class Grade(Record):
    schema_version: Literal[1] = SCHEMA_VERSION
    submission: SubmissionInfo
    assignment: AssignmentInfo
    environment: Environment
    status: Literal["graded", "partly_graded", "not_graded"]
    points: float | None
    """Sum over the graded exercises; None when nothing could be graded."""
    max_points: float
    grade: float | None
    """`base_points` + points."""
    max_grade: float
    needs_review: bool = False
    exercises: tuple[ExerciseResult, ...]
    diagnoses: tuple[Diagnosis, ...] = ()
    """Those that concern the submission as a whole: `run-*`, `integrity-*`."""
    lessons: tuple[Lesson, ...] = ()
    """One for each code that is named anywhere above, in the catalogue's order."""
    notes: tuple[str, ...] = ()
    """What the grader had to do differently: mended files, neutralised magics, missing sandbox layers."""
    comments: tuple[Comment, ...] = ()
    """Of instructors, in the order in which they were made."""
    timing: Timing = Field(default=Timing(total_s=0.0, student_s=0.0))


def verdict_digest(grade: Grade) -> str:
    """SHA-256, equal for verdicts that say the same: what they took and which grader said it are left out."""
    said = grade.model_dump_json(exclude={"timing": True, "environment": {"grader"}})
    return hashlib.sha256(said.encode()).hexdigest()
