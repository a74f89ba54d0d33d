"""A class, from what was handed in to what is kept: read, graded by workers, written, recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from grader.batch.keys import Key
from grader.batch.order import Order, Outcome
from grader.batch.places import ClassFolder, file_name
from grader.batch.prepare import Prepared, Unreadable, prepared
from grader.batch.single import write_texts
from grader.batch.task import Engine, Task
from grader.errors import GradingFailed, UnreadableSubmission, UsageError
from grader.gradebook.book import Gradebook
from grader.model.classroom import Handin, Roll, Worked
from grader.report.files import write_bytes_atomically


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
        return [Task(number, item.handin.path, item.expected) for number, item in enumerate(self.to_run)]


def plan_for(roll: Roll, order: Order, book: Gradebook, *, force: bool = False) -> Plan:
    """Read every hand-in and leave out what the gradebook knows already, unless told to do all again."""
    plan, running = Plan(), set[Key]()
    for item in prepared(roll.handins, order):
        if isinstance(item, Unreadable):
            plan.unreadable.append(item)
        elif not force and book.done(item.key):
            plan.known.append(item)
        elif item.key in running:
            plan.twins.setdefault(item.key, []).append(item)
        else:
            running.add(item.key)
            plan.to_run.append(item)
    return plan


class Classroom:
    """Grades a class into a folder and a gradebook."""

    def __init__(self, order: Order, folder: ClassFolder, book: Gradebook) -> None:
        self._order = order
        self._folder = folder
        self._book = book

    def grade(self, plan: Plan, engine: Engine, started: Callable[[Handin], None]) -> Iterator[Outcome]:
        """Carry a plan out. Whatever was yielded is kept: files first, then the row that names them.

        Raises:
            UsageError: a report or the gradebook cannot be written.
        """
        yield from (self._not_read(item) for item in plan.unreadable)
        yield from (self._known(item) for item in plan.known)
        results = engine.run(plan.tasks, lambda task: started(plan.to_run[task.number].handin))
        for task, worked in results:
            item = plan.to_run[task.number]
            yield self._keep(item, worked)
            for twin in plan.twins.get(item.key, ()):
                yield self._keep(twin, worked)

    def _not_read(self, item: Unreadable) -> Outcome:
        worked = Worked(None, str(item.problem))
        self._book.record(item.handin, None, worked, report=None, evidence=None)
        return Outcome(item.handin.shown, None, problem=item.problem)

    def _known(self, item: Prepared) -> Outcome:
        grade = self._book.again(item.handin, item.key)
        return Outcome(item.handin.shown, grade, known=True)

    def _keep(self, item: Prepared, worked: Worked) -> Outcome:
        student = item.handin.student.key
        written = ()
        evidence = None
        if worked.grade is not None:
            written = write_texts(worked.reports, self._folder.students, file_name(student))
        if worked.evidence is not None:
            evidence = self._kept_evidence(student, item.key.submission, worked.evidence)
        self._book.record(item.handin, item.key, worked, evidence=evidence)
        return Outcome(item.handin.shown, worked.grade, written, _problem(worked))

    def _kept_evidence(self, student: str, digest: str, content: bytes) -> str:
        target = self._folder.bundle(student, digest)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes_atomically(target, content)
        except OSError as error:
            raise UsageError(
                f"{target.parent}: evidence cannot be kept here ({error.strerror or error})"
            ) from error
        return target.relative_to(self._folder.root).as_posix()


def _problem(worked: Worked) -> GradingFailed | UnreadableSubmission | None:
    if worked.grade is not None:
        return None
    return GradingFailed(worked.problem) if worked.fault else UnreadableSubmission(worked.problem)
