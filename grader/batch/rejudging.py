"""A class judged again from its stored evidence, by the rubric as it is now: who changes, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.batch.keys import rejudged_key
from grader.batch.order import Order
from grader.batch.places import ClassFolder, file_name
from grader.batch.single import write_texts
from grader.batch.task import Engine, Task
from grader.gradebook.book import Gradebook
from grader.gradebook.records import Stored
from grader.model.classroom import Worked
from grader.model.grade import ExerciseResult, Grade


@dataclass(frozen=True)
class Rejudged:
    """What became of one attempt."""

    stored: Stored
    grade: Grade | None
    worked: Worked
    changes: tuple[str, ...] = ()
    """What differs, for the instructor: one line for each exercise; empty where the verdict is the same."""
    problem: str = ""


class Rejudging:
    """Judges the stored evidence of a class."""

    def __init__(self, order: Order, folder: ClassFolder, book: Gradebook) -> None:
        self._order = replace(order, keep_evidence=False)
        self._folder = folder
        self._book = book

    def stored(self) -> tuple[list[Stored], list[Stored]]:
        """The attempts whose evidence is there, and those that have none left."""
        every = [
            one for one in self._book.stored(assignment=self._order.assignment.id) if one.status != "refused"
        ]
        there, lost = list[Stored](), list[Stored]()
        for one in every:
            (there if one.evidence and self._evidence(one).is_file() else lost).append(one)
        return there, lost

    def judge(
        self, stored: Sequence[Stored], engine: Engine, started: Callable[[Task], None]
    ) -> Iterator[Rejudged]:
        """Judge each; nothing is written."""
        tasks = [
            Task(number, self._evidence(one), 1.0, unchanged=one.digest) for number, one in enumerate(stored)
        ]
        for task, worked in engine.run(tasks, started):
            one = stored[task.number]
            if worked.grade is None:
                yield Rejudged(one, None, worked, problem=worked.problem)
                continue
            changes = () if worked.same else tuple(self._changes(one, worked.grade))
            yield Rejudged(one, worked.grade, worked, changes)

    def keep(self, judged: Rejudged) -> None:
        """Let a new verdict stand: its reports, then its row."""
        key = rejudged_key(judged.stored.key, self._order.assignment)
        if judged.grade is None or (judged.worked.same and key == judged.stored.key):
            return
        report = judged.stored.report
        if judged.worked.reports:
            write_texts(judged.worked.reports, self._folder.students, file_name(judged.stored.student))
        self._book.rejudged(judged.stored, key, judged.grade, report)

    def _evidence(self, one: Stored) -> Path:
        assert one.evidence is not None
        return self._folder.root / one.evidence

    def _changes(self, one: Stored, grade: Grade) -> Iterator[str]:
        before = self._book.grade_of(one)
        if before is None:
            yield f"graded now: {_shown(grade.points)} points"
            return
        yield from differences(before, grade)


def differences(before: Grade, after: Grade) -> Iterator[str]:
    """What an instructor wants to know of two verdicts on one submission, a line for each exercise that differs."""
    earlier = {exercise.number: exercise for exercise in before.exercises}
    for exercise in after.exercises:
        old = earlier.pop(exercise.number, None)
        if old is None:
            yield f"exercise {exercise.number} is new: {_shown(exercise.points)}"
        elif why := [*_checks(old, exercise), *_codes(old, exercise)]:
            points = f"{_shown(old.points)} → {_shown(exercise.points)}"
            yield f"exercise {exercise.number}: {points} ({'; '.join(why)})"
    yield from (f"exercise {number} is no longer there" for number in earlier)


def _checks(old: ExerciseResult, new: ExerciseResult) -> Iterator[str]:
    before = {check.id: check for check in old.checks}
    for check in new.checks:
        was = before.pop(check.id, None)
        if was is None:
            yield f"{check.id} is new: {_shown(check.points)} of {check.max_points:g}"
        elif (was.points, was.max_points) != (check.points, check.max_points):
            yield (
                f"{check.id} {_shown(was.points)} of {was.max_points:g} → "
                f"{_shown(check.points)} of {check.max_points:g}"
            )
    yield from (f"{name} is no longer there" for name in before)


def _codes(old: ExerciseResult, new: ExerciseResult) -> Iterator[str]:
    before, after = ({diagnosis.code for diagnosis in exercise.diagnoses} for exercise in (old, new))
    yield from (f"named now: {code}" for code in sorted(after - before))
    yield from (f"no longer named: {code}" for code in sorted(before - after))


def _shown(points: float | None) -> str:
    return "not graded" if points is None else f"{points:g}"
