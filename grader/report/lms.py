"""What a learning platform may be told: whose grade counts, and under which id the platform knows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from grader.model.classroom import ClassExercise, ClassRecord, ClassRow
from grader.report.text import one_line

Scale = Literal["grade", "points"]
"""What the platform's gradebook holds: the grade (base points in it), or the points alone."""


@dataclass(frozen=True)
class GradeImport:
    """A file that a platform's gradebook reads."""

    text: str
    students: int
    """How many of them get a grade from it."""
    remarks: tuple[str, ...] = ()
    """Who does not, and why; sentences for the instructor."""


@dataclass(frozen=True)
class Matched:
    """The students that a platform will find again."""

    rows: tuple[tuple[str, ClassRow], ...]
    """The platform's id, and whose it is."""
    remarks: tuple[str, ...]


def matched(record: ClassRecord, platform: str, id_of: Callable[[ClassRow], str]) -> Matched:
    """The rows of `record` with an id on `platform` that nobody else has; the remarks name the others."""
    known = [(id_of(row), row) for row in record.rows]
    uses = Counter(name for name, _ in known if name)
    absent = told(f"Not known to {platform} by an id, so left out", (row for name, row in known if not name))
    shared = told(
        f"Left out, since several students have the same {platform} id",
        (row for name, row in known if uses[name] > 1),
    )
    return Matched(tuple((name, row) for name, row in known if uses[name] == 1), absent + shared)


def counted(row: ClassRow, scale: Scale) -> float | None:
    """What the platform should hold for this student; None as long as a part waits to be graded.

    A sum without that part would count it as zero, and a fault of the grader costs nobody points.
    """
    value = row.grade if scale == "grade" else row.points
    return None if any(map(_waits, row.exercises)) else value


def maximum(record: ClassRecord, scale: Scale) -> float:
    """The most that `counted` can be."""
    return record.max_grade if scale == "grade" else record.max_points


def told(what: str, rows: Iterable[ClassRow]) -> tuple[str, ...]:
    """A sentence that names the students of `rows`, or nothing where there are none."""
    names = ", ".join(f"{_who(row)} ({row.status.replace('_', ' ')})" for row in rows)
    return (f"{what}: {names}.",) if names else ()


def _waits(exercise: ClassExercise) -> bool:
    # Exercise 0 is the extra, which carries no points.
    not_graded = exercise.points is None or exercise.status == "not_graded"
    return not_graded and exercise.number != 0 and not exercise.overridden


def _who(row: ClassRow) -> str:
    return one_line(row.name, 80) or one_line(row.key, 80)
