"""What a class adds up to: counts, means, and who made which mistake."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from grader.model.classroom import ClassExercise, ClassRecord, ClassRow, MistakeInfo

_NEGLIGIBLE = 1e-9
"""Points; sums of tenths are not exact."""


@dataclass(frozen=True)
class Counts:
    """How many students; each is one of graded, not graded, refused and missing."""

    students: int
    graded: int
    partly: int
    """Of the graded ones."""
    not_graded: int
    refused: int
    missing: int
    needs_review: int


@dataclass(frozen=True)
class Middle:
    """Where the middle of some numbers lies."""

    count: int
    mean: float
    median: float


@dataclass(frozen=True)
class ExerciseNumbers:
    """How one exercise went; each student with points counts in one of full, part and none."""

    number: int
    title: str
    mean: float | None
    """None where nobody has points."""
    max_points: float
    full: int
    part: int
    none: int
    unjudged: int
    """Students whose exercise could not be graded."""

    @property
    def judged(self) -> int:
        return self.full + self.part + self.none

    def share(self, count: int) -> float:
        """`count` of those with points, 0 to 1."""
        return count / self.judged if self.judged else 0.0


@dataclass(frozen=True)
class MistakeNumbers:
    """A mistake, and those who made it."""

    info: MistakeInfo
    students: tuple[ClassRow, ...]


def counts(record: ClassRecord) -> Counts:
    """Everybody of `record`, once."""
    status = Counter(row.status for row in record.rows)
    return Counts(
        students=len(record.rows),
        graded=status["graded"] + status["partly_graded"],
        partly=status["partly_graded"],
        not_graded=status["not_graded"],
        refused=status["refused"],
        missing=status["missing"],
        needs_review=sum(row.needs_review for row in record.rows),
    )


def middle(values: list[float]) -> Middle | None:
    """Mean and median of `values`, None where there are none."""
    if not values:
        return None
    return Middle(len(values), statistics.fmean(values), statistics.median(values))


def exercise_numbers(record: ClassRecord) -> tuple[ExerciseNumbers, ...]:
    """One for each of the assignment's exercises, in its order."""
    done: dict[int, list[ClassExercise]] = defaultdict(list)
    for row in record.rows:
        for exercise in row.exercises:
            done[exercise.number].append(exercise)
    return tuple(_of_exercise(number, title, done[number]) for number, title in record.titles.items())


def _of_exercise(number: int, title: str, done: list[ClassExercise]) -> ExerciseNumbers:
    points = [one.points for one in done if one.points is not None]
    levels = Counter(map(level, done))
    return ExerciseNumbers(
        number=number,
        title=title,
        mean=statistics.fmean(points) if points else None,
        max_points=max((one.max_points for one in done), default=0.0),
        full=levels["full"],
        part=levels["part"],
        none=levels["none"],
        unjudged=levels["unjudged"],
    )


def level(exercise: ClassExercise) -> str:
    """How much of its points an exercise has: `full`, `part`, `none`, or `unjudged`."""
    if exercise.points is None:
        return "unjudged"
    if exercise.points >= exercise.max_points - _NEGLIGIBLE:
        return "full"
    return "part" if exercise.points > _NEGLIGIBLE else "none"


def commonest(record: ClassRecord) -> tuple[MistakeNumbers, ...]:
    """The named mistakes, those of most students first, then in the catalogue's order."""
    made: dict[str, list[ClassRow]] = defaultdict(list)
    for row in record.rows:
        for code in codes(row):
            made[code].append(row)
    found = [MistakeNumbers(info, tuple(made[info.code])) for info in record.mistakes if made[info.code]]
    return tuple(sorted(found, key=lambda mistake: -len(mistake.students)))


def codes(row: ClassRow) -> tuple[str, ...]:
    """Every mistake of a student, each once."""
    return tuple(dict.fromkeys((*row.codes, *(code for one in row.exercises for code in one.codes))))


def reasons(row: ClassRow) -> Iterator[tuple[int | None, tuple[str, ...]]]:
    """What asks for a look at this student: (exercise, codes), or (None, codes) of the whole submission."""
    if row.codes:
        yield None, row.codes
    for exercise in row.exercises:
        suspicious = tuple(code for code in exercise.codes if code.startswith("integrity-"))
        if suspicious:
            yield exercise.number, suspicious


def changes(record: ClassRecord) -> Iterator[tuple[ClassRow, ClassExercise]]:
    """What instructors decided, by name and exercise."""
    for row in record.rows:
        yield from ((row, exercise) for exercise in row.exercises if exercise.overridden)


def slowest(record: ClassRecord, count: int) -> tuple[ClassRow, ...]:
    """The `count` students whose code ran longest, where it ran at all."""
    ran = (row for row in record.rows if row.student_s > 0)
    return tuple(sorted(ran, key=lambda row: -row.student_s)[:count])
