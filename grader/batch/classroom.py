"""A class, from what was handed in to what is kept: read, graded by workers, written, recorded."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.batch.order import Order, Outcome
from grader.batch.places import ClassFolder, file_name
from grader.batch.prepare import Prepared, Unreadable, prepared
from grader.batch.single import write_texts
from grader.batch.task import Engine, Task
from grader.errors import GradingFailed, UnreadableSubmission, UsageError
from grader.files import write_bytes_atomically
from grader.gradebook.book import Gradebook
from grader.model.classroom import Handin, Key, Refused, Roll, Worked


@dataclass
class Plan:
    """What a run has to do, and what earlier runs did."""

    to_run: list[Prepared] = field(default_factory=list)
    twins: dict[Key, list[Prepared]] = field(default_factory=dict)
    """Further hand-ins with the same bytes as one that runs: graded once, recorded for each."""
    known: list[Prepared] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)

    @property
    def prepared(self) -> list[Prepared]:
        """Every hand-in that can be read."""
        return [*self.known, *self.to_run, *(twin for twins in self.twins.values() for twin in twins)]

    @property
    def tasks(self) -> list[Task]:
        """What workers are given."""
        return [
            Task(number, item.handin.path, item.expected, item.submission.notes)
            for number, item in enumerate(self.to_run)
        ]


class Classroom:
    """Grades a class into a folder and a gradebook."""

    def __init__(self, order: Order, folder: ClassFolder, book: Gradebook, *, force: bool = False) -> None:
        self._order = order
        self._folder = folder
        self._book = book
        self._run = uuid.uuid4().hex if force else ""

    def plan(self, roll: Roll) -> Plan:
        """Read every hand-in, tell the gradebook who there is, and leave out what it knows already."""
        plan, running = Plan(), set[Key]()
        for item in prepared(roll.handins, self._order):
            if isinstance(item, Unreadable):
                plan.unreadable.append(item)
            elif not self._run and self._book.done(item.key):
                plan.known.append(item)
            elif item.key in running:
                plan.twins.setdefault(item.key, []).append(item)
            else:
                running.add(item.key)
                plan.to_run.append(item)
        self._book.enrol(_readable(roll, plan), self._order.assignment)
        return plan

    def grade(self, plan: Plan, engine: Engine, started: Callable[[Handin], None]) -> Iterator[Outcome]:
        """Carry a plan out. Whatever was yielded is kept: files first, then the row that names them.

        Raises:
            UsageError: a report or the gradebook cannot be written.
        """
        for bad in plan.unreadable:
            yield Outcome(bad.handin.shown, None, problem=bad.problem)
        for item in plan.known:
            self._book.again(item.handin, item.key, sha256_of_file=item.submission.sha256)
        for task, worked in engine.run(plan.tasks, lambda task: started(plan.to_run[task.number].handin)):
            item = plan.to_run[task.number]
            yield self._keep(item, worked)
            for twin in plan.twins.get(item.key, ()):
                yield self._keep(twin, worked)

    def _keep(self, item: Prepared, worked: Worked) -> Outcome:
        student, written = item.handin.student.key, tuple[Path, ...]()
        if worked.grade is not None:
            written = write_texts(worked.reports, self._folder.students, file_name(student))
        self._book.record(
            item.handin,
            item.key,
            item.submission.sha256,
            worked,
            report=self._folder.shown(self._folder.report(student)) if worked.grade is not None else None,
            evidence=self._kept_evidence(item, worked.evidence),
            run=self._run,
        )
        return Outcome(item.handin.shown, worked.grade, written, _problem(worked))

    def _kept_evidence(self, item: Prepared, content: bytes | None) -> str | None:
        if content is None:
            return None
        target = self._folder.bundle(item.handin.student.key, item.key.submission)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(target, content)
        except OSError as error:
            where = f"{target.parent}: evidence cannot be kept here ({error.strerror or error})"
            raise UsageError(where) from error
        return self._folder.shown(target)


def _readable(roll: Roll, plan: Plan) -> Roll:
    """The roll with what turned out to be no submission among what is refused."""
    bad = tuple(Refused(b.handin.shown, str(b.problem), b.handin.student) for b in plan.unreadable)
    unread = [item.handin for item in plan.unreadable]
    good = tuple(handin for handin in roll.handins if handin not in unread)
    return replace(roll, handins=good, refused=(*roll.refused, *bad))


def _problem(worked: Worked) -> GradingFailed | UnreadableSubmission | None:
    if worked.grade is not None:
        return None
    return GradingFailed(worked.problem) if worked.fault else UnreadableSubmission(worked.problem)
