"""A class: who handed in what, what became of it, and what an instructor makes of it.

`Roll` is what was found on the disk, `ClassRecord` what the class page and every export are made from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from grader.model.grade import Grade


@dataclass(frozen=True)
class Student:
    """Somebody of the class, as a roster or the name of a download tells."""

    key: str
    """What the gradebook knows them by: an id of the roster or the platform, an email address, a folder's name."""
    name: str = ""
    """As people write it; empty where only the key is known."""
    email: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    """Platform or column → the id it gave: `canvas`, `moodle`, `github`, `gradescope`, `sis`, `login`, …"""


@dataclass(frozen=True)
class Handin:
    """One file that is to be graded, and whose it is."""

    student: Student
    path: Path
    """The notebook, script or evidence bundle."""
    shown: str
    """Where it came from as the instructor named it, one line: `class.zip: Ana_12_assignsubmission_file/lab.ipynb`."""
    origin: Literal["folder", "file", "moodle", "canvas", "gradescope", "github"] = "file"
    handed_in: datetime | None = None
    """With time zone, where the download tells; a file's own date is not believed."""
    late: bool | None = None
    """Where the platform marked it (Canvas does)."""
    remarks: tuple[str, ...] = ()
    """Why this file out of several, and whatever else was decided; sentences."""


@dataclass(frozen=True)
class Refused:
    """Something that was handed in and cannot be graded, or is none of the grader's business."""

    shown: str
    reason: str
    """One sentence."""
    student: Student | None = None
    """Whose it is, where that could be told: then the gradebook says why there are no points."""


@dataclass(frozen=True)
class Roll:
    """Everything that was found: nothing is dropped without a line here."""

    handins: tuple[Handin, ...]
    refused: tuple[Refused, ...] = ()
    missing: tuple[Student, ...] = ()
    """On the roster, but nothing was handed in."""
    remarks: tuple[str, ...] = ()
    """What concerns nobody in particular: files left aside, names that match no one; sentences."""


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


RowStatus = Literal["graded", "partly_graded", "not_graded", "refused", "missing"]
"""As `Grade.status`; `refused`: handed in, but no submission; `missing`: on the roster, nothing handed in."""


class ClassExercise(Record):
    """One exercise of one student, in a line."""

    number: int
    points: float | None
    """What counts: an instructor's points where there are some, else the machine's."""
    machine_points: float | None
    max_points: float
    status: str
    overridden: bool = False
    conflict: bool = False
    """The machine's points have changed since the instructor set theirs."""
    reason: str = ""
    """Why an instructor set the points."""
    codes: tuple[str, ...] = ()
    """Named mistakes, each once."""


class ClassRow(Record):
    """One student of the class."""

    key: str
    name: str
    email: str = ""
    ids: dict[str, str] = {}
    status: RowStatus
    points: float | None
    """What counts, overrides included; None where nothing could be graded or nothing was handed in."""
    machine_points: float | None
    max_points: float
    grade: float | None
    max_grade: float
    needs_review: bool = False
    late_days: int | None = None
    """Whole or begun days after the deadline; None where either date is unknown."""
    attempts: int = 0
    """How many different files the gradebook knows of this student."""
    submission: str = ""
    """Name of the file that counts."""
    shown: str = ""
    """Where it came from."""
    student_s: float = 0.0
    """Seconds that the submission's own code ran."""
    exercises: tuple[ClassExercise, ...] = ()
    codes: tuple[str, ...] = ()
    """Mistakes that concern the submission as a whole (`run-*`, `integrity-*`)."""
    comments: tuple[str, ...] = ()
    problem: str = ""
    """Why it was not graded, or refused."""
    remarks: tuple[str, ...] = ()
    report: str | None = None
    """The student's HTML report, relative to the class page."""


class Excerpt(Record):
    """Some lines of a submission."""

    first_line: int
    """Line within the cell; in a script, the line of the file."""
    text: str
    cell: int | None = None
    """Number of the code cell that holds them, counted as Jupyter does."""


class AlikePair(Record):
    """Two submissions that share more than chance and the handout explain. It is never worth points."""

    first: str
    """Key of a student."""
    second: str
    first_share: float
    """Part of the first one's own tokens (the handout's subtracted) that the second has too, 0 to 1."""
    second_share: float
    tokens: int
    """How many they share."""
    passages: tuple[tuple[Excerpt, Excerpt], ...] = ()
    """The longest of what they share, side by side."""


class MistakeInfo(Record):
    """A named mistake, for the page's list of the commonest."""

    code: str
    title: str
    """The invariant that is violated, one sentence."""
    severity: Literal["fail", "part", "warn", "info"]


class ClassRecord(Record):
    """A whole class: the class page, the JSON of the class and every gradebook import are made from it."""

    schema_version: Literal[1] = 1
    assignment_id: str
    assignment_title: str
    assignment_version: str
    grader: str
    max_points: float
    max_grade: float
    titles: dict[int, str]
    """Exercise number → title, in the assignment's order; the extra (0) is left out."""
    rows: tuple[ClassRow, ...]
    """By name, then key."""
    pairs: tuple[AlikePair, ...] = ()
    """The most alike first."""
    mistakes: tuple[MistakeInfo, ...] = ()
    """One for each code that occurs in `rows`, in the catalogue's order."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Key:
    """What a result depends on: the same key gives the same grade, so it is not computed again."""

    submission: str
    """SHA-256 over the file and what travels with it."""
    assignment: str
    """SHA-256 over everything in the assignment that can change a grade."""
    seed: int
    device: str
    grader: str
    """Version."""


@dataclass(frozen=True)
class Worked:
    """What a worker made of one submission, as it comes back: text and bytes, nothing that runs."""

    grade: Grade | None
    problem: str = ""
    """One line, where there is no grade."""
    fault: bool = False
    """The problem is the grader's own: the submission is NOT_GRADED and will be tried again."""
    same: bool = False
    """The verdict is the one that was known already (`Task.unchanged`): no reports, no evidence."""
    reports: dict[str, str] = field(default_factory=dict)
    """`html`, `json` → the report's text."""
    evidence: bytes | None = None
    """The bundle that `grade rejudge` reads."""
    seconds: float = 0.0
    """Wall time on the worker, everything in."""
    processor_s: float = 0.0
    """CPU time of the worker's own process: the grader's share."""
    worker: str = ""
    """Who: host and process."""
