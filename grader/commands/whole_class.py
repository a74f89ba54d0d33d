"""Grading a class: what is shown while it goes on, and how it ends, also when it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from grader.batch.classroom import Classroom, Plan, plan_for
from grader.batch.desk import GradingDesk
from grader.batch.finish import ClassFiles
from grader.batch.jobs import has_room, jobs_for, patience
from grader.batch.local import LocalWorkers
from grader.batch.order import Order
from grader.batch.places import ClassFolder
from grader.batch.task import Engine
from grader.commands.progress import ClassProgress
from grader.commands.show import GRADED, INTERRUPTED, check_sandbox, status_of, tell
from grader.gradebook.book import Gradebook, opened
from grader.load.handins import find_handins
from grader.model.classroom import ClassRecord, Roll

_RUNS_BESIDES_RERUNS = 2
"""The first, and the one on turned data."""


@dataclass(frozen=True)
class ClassSettings:
    """What only a class has to be told."""

    folder: ClassFolder
    gradebook: str | None = None
    roster: Path | None = None
    jobs: str = "auto"
    cluster: str | None = None
    force: bool = False
    pass_at: float | None = None


def grade_class(paths: Sequence[Path], order: Order, settings: ClassSettings) -> int:
    """Grade what is new, keep every result, write the class's files; gives the exit status."""
    if settings.cluster is None:
        check_sandbox(order.sandbox)
    folder, errors = settings.folder, Console(stderr=True)
    with folder.taken() as unpacked, opened(settings.gradebook or folder.gradebook) as book:
        try:
            with errors.status("Reading what was handed in …"):
                roll = find_handins(paths, unpacked, settings.roster)
                book.enrol(roll, order.assignment)
                plan = plan_for(roll, order, book, force=settings.force)
            status = _graded(plan, order, settings, book)
            with errors.status("Comparing submissions and writing the class page …"):
                record, written = ClassFiles(order, folder, book).write(plan.prepared, roll.remarks)
        except KeyboardInterrupt:
            _say(errors, "grade: interrupted; what was graded is kept. The same command goes on from here.")
            return INTERRUPTED
    _sum_up(roll, plan, record, errors)
    _say(Console(), *(f"wrote {path}" for path in written))
    return status


def _graded(plan: Plan, order: Order, settings: ClassSettings, book: Gradebook) -> int:
    results, classroom = [GRADED], Classroom(order, settings.folder, book)
    with ClassProgress(plan) as progress, _engine(plan, order, settings) as engine:
        # One console for both where both are the terminal: the bar stays below what is said.
        console = progress.console if progress.console.is_terminal and Console().is_terminal else Console()
        begin = progress.started
        for outcome in classroom.grade(plan, engine, lambda handin: begin(handin.shown)):
            progress.ended(outcome)
            results.append(status_of(outcome, settings.pass_at))
            if not outcome.known:
                tell(outcome, console, progress.console, brief=True)
    return max(results)


@contextmanager
def _engine(plan: Plan, order: Order, settings: ClassSettings) -> Iterator[Engine]:
    limits = order.assignment.limits
    runs = _RUNS_BESIDES_RERUNS + int(order.assignment.thresholds.get("extra_runs", 2))
    if settings.cluster is not None:
        from grader.batch.cluster import DaskWorkers

        with DaskWorkers(GradingDesk(order), settings.cluster, patience_s=patience(limits, runs)) as cluster:
            yield cluster
        return
    jobs = jobs_for(settings.jobs, len(plan.to_run), limits)
    with LocalWorkers(
        GradingDesk(order), jobs, patience_s=patience(limits, runs), has_room=partial(has_room, limits)
    ) as workers:
        yield workers


def _sum_up(roll: Roll, plan: Plan, record: ClassRecord, console: Console) -> None:
    """What was not graded and why; nothing is dropped in silence."""
    _say(console, *(f"left aside: {refused.shown}: {refused.reason}" for refused in roll.refused))
    _say(console, *roll.remarks)
    counts = {status: sum(row.status == status for row in record.rows) for status in _WORDS}
    parts = [f"{count} {_WORDS[status]}" for status, count in counts.items() if count]
    if plan.known:
        parts.append(f"{len(plan.known)} of them known from earlier runs")
    if review := sum(row.needs_review for row in record.rows):
        parts.append(f"{review} to be looked at")
    _say(console, f"{len(record.rows)} students: {', '.join(parts)}")


_WORDS = {
    "graded": "graded",
    "partly_graded": "graded in part",
    "not_graded": "not graded",
    "refused": "handed in nothing that can be graded",
    "missing": "handed in nothing",
}


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(escape(line), highlight=False, soft_wrap=True)
