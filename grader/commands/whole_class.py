"""Grading a class: what is shown while it goes on, and how it ends, also when it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from grader.batch.classroom import Classroom, Plan
from grader.batch.desk import GradingDesk, JudgingDesk, launcher_for
from grader.batch.finish import ClassFiles
from grader.batch.jobs import has_room, jobs_for, patience
from grader.batch.local import LocalWorkers
from grader.batch.order import BUNDLE, Order
from grader.batch.places import ClassFolder
from grader.batch.task import Engine
from grader.commands.github import commands_off
from grader.commands.progress import ClassProgress
from grader.commands.show import BELOW, GRADED, INTERRUPTED, NOT_GRADED, USAGE, check_sandbox, say, tell
from grader.execute.launcher_line import Lend
from grader.gradebook.book import opened
from grader.load.handins import find_handins
from grader.model.classroom import ClassRecord, ClassRow, Roll

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


@commands_off()
def grade_class(paths: Sequence[Path], order: Order, settings: ClassSettings) -> int:
    """Grade what is new, keep every result, write the class's files; gives the exit status."""
    runs_here = settings.cluster is None and not all(path.name.endswith(BUNDLE) for path in paths)
    if runs_here:
        check_sandbox(order.sandbox)
    folder, errors = settings.folder, Console(stderr=True)
    with (
        folder.taken() as unpacked,
        # It takes seconds to come up, and does so while everything is read.
        launcher_for(order) if runs_here else nullcontext() as lend,
        opened(settings.gradebook or folder.gradebook) as book,
    ):
        try:
            classroom, files = (
                Classroom(order, folder, book, force=settings.force),
                ClassFiles(order, folder, book),
            )
            with errors.status("Reading what was handed in …"):
                roll = find_handins(paths, unpacked, settings.roster, order.assignment.id)
                plan = classroom.plan(roll)
            _grade(plan, classroom, _desk(plan, order, lend), settings)
            with errors.status("Comparing submissions and writing the class page …"):
                record, written = files.write(plan.prepared, roll.remarks)
        except KeyboardInterrupt:
            say(
                errors, "grade: interrupted; what was graded is kept, and the same command goes on from there"
            )
            return INTERRUPTED
    say(errors, *_left_aside(roll), *files.remarks, _summed_up(plan, record))
    say(Console(), *(f"wrote {path}" for path in written))
    return _status(roll, record, settings.pass_at)


def _grade(
    plan: Plan, classroom: Classroom, desk: GradingDesk | JudgingDesk, settings: ClassSettings
) -> None:
    with ClassProgress(plan) as progress, _engine(plan, desk, settings) as engine:
        # One console for both where both are the terminal: the bar stays below what is said.
        console = progress.console if progress.console.is_terminal and Console().is_terminal else Console()
        for outcome in classroom.grade(plan, engine, lambda handin: progress.started(handin.shown)):
            progress.ended(outcome)
            tell(outcome, console, progress.console, brief=True)


@contextmanager
def _engine(plan: Plan, desk: GradingDesk | JudgingDesk, settings: ClassSettings) -> Iterator[Engine]:
    limits, thresholds = desk.order.assignment.limits, desk.order.assignment.thresholds
    runs = _RUNS_BESIDES_RERUNS + int(thresholds.get("extra_runs", 2))
    if settings.cluster is not None:
        from grader.batch.cluster import DaskWorkers

        with DaskWorkers(
            desk,
            settings.cluster,
            patience_s=patience(limits, runs),
            jobs=settings.jobs,
            say=partial(say, Console(stderr=True)),
        ) as cluster:
            yield cluster
        return
    jobs = jobs_for(settings.jobs, len(plan.to_run), limits)
    with LocalWorkers(
        desk, jobs, patience_s=patience(limits, runs), has_room=partial(has_room, limits)
    ) as workers:
        yield workers


def _desk(plan: Plan, order: Order, lend: Lend | None) -> GradingDesk | JudgingDesk:
    """Stored evidence is judged without running anything, so also where nothing could be run."""
    stored = all(item.handin.path.name.endswith(BUNDLE) for item in plan.to_run)
    return JudgingDesk(order) if stored else GradingDesk(order, lend=lend)


def _left_aside(roll: Roll) -> Iterator[str]:
    """Nothing that was handed in is dropped in silence."""
    yield from roll.remarks
    yield from (f"left aside: {refused.shown}: {refused.reason}" for refused in roll.refused)


_WORDS = {
    "graded": "graded",
    "partly_graded": "graded in part",
    "not_graded": "not graded",
    "refused": "with nothing that can be graded",
    "missing": "handed in nothing",
}


def _summed_up(plan: Plan, record: ClassRecord) -> str:
    counts = {status: sum(row.status == status for row in record.rows) for status in _WORDS}
    parts = [f"{count} {_WORDS[status]}" for status, count in counts.items() if count]
    if plan.known:
        parts.append(f"{len(plan.known)} known from an earlier run")
    if review := sum(row.needs_review for row in record.rows):
        parts.append(f"{review} to be looked at")
    return f"{len(record.rows)} students: {', '.join(parts)}"


def _status(roll: Roll, record: ClassRecord, pass_at: float | None) -> int:
    """The highest that any of those asks for who handed in something now."""
    now = {handin.student.key for handin in roll.handins}
    now |= {refused.student.key for refused in roll.refused if refused.student is not None}
    return max((_status_of_row(row, pass_at) for row in record.rows if row.key in now), default=GRADED)


def _status_of_row(row: ClassRow, pass_at: float | None) -> int:
    if row.status == "refused":
        return USAGE
    if row.status != "graded":
        return NOT_GRADED
    return BELOW if pass_at is not None and (row.points or 0.0) < pass_at else GRADED
