"""A class without its submissions: judged again from evidence, or its page and exports written anew."""

from __future__ import annotations

from functools import partial

from rich.console import Console
from rich.progress import Progress

from grader.batch.desk import JudgingDesk
from grader.batch.finish import ClassFiles
from grader.batch.jobs import has_room, jobs_for, patience
from grader.batch.local import LocalWorkers
from grader.batch.order import Order
from grader.batch.places import ClassFolder
from grader.batch.rejudging import Rejudged, Rejudging
from grader.commands.github import commands_off
from grader.commands.show import GRADED, INTERRUPTED, NOT_GRADED, say
from grader.errors import UsageError
from grader.gradebook.book import opened


@commands_off()
def write_class(order: Order, folder: ClassFolder, gradebook: str | None) -> None:
    """Write the page and the exports of what the gradebook holds.

    Raises UsageError.
    """
    with folder.taken(), opened(gradebook or folder.gradebook, create=False) as book:
        files = ClassFiles(order, folder, book)
        _, written = files.write()
    say(Console(stderr=True), *files.remarks)
    say(Console(), *(f"wrote {path}" for path in written))


@commands_off()
def rejudge_class(
    order: Order, folder: ClassFolder, gradebook: str | None, jobs: str, *, dry_run: bool
) -> int:
    """Judge all stored evidence again, show who changes and why, and write it unless it is a dry run.

    Raises UsageError.
    """
    errors = Console(stderr=True)
    with folder.taken(), opened(gradebook or folder.gradebook, create=False) as book:
        rejudging = Rejudging(order, folder, book)
        try:
            judged = _judged(rejudging, order, jobs)
            for one in judged:
                say(Console(), *_told(one))
            if not dry_run:
                files = ClassFiles(order, folder, book)
                for one in judged:
                    rejudging.keep(one)
                _, written = files.write()
                say(Console(), *(f"wrote {path}" for path in written))
        except KeyboardInterrupt:
            say(errors, "grade: interrupted; verdicts that were not written yet are as they were")
            return INTERRUPTED
    changed = sum(bool(one.changes) for one in judged)
    say(errors, f"{len(judged)} judged again: {changed} changed{' (nothing was written)' if dry_run else ''}")
    return NOT_GRADED if any(one.problem for one in judged) else GRADED


def _judged(rejudging: Rejudging, order: Order, jobs: str) -> list[Rejudged]:
    there, lost = rejudging.stored()
    say(
        Console(stderr=True),
        *(f"{one.name or one.student}: no evidence is left; grade it again" for one in lost),
    )
    if not there:
        raise UsageError("no stored evidence here: name the class's folder with -o")
    limits = order.assignment.limits
    count = jobs_for(jobs, len(there), limits)
    room = partial(has_room, limits)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        shown = bar.add_task("Judging …", total=len(there))
        with LocalWorkers(
            JudgingDesk(order), count, patience_s=patience(limits, 0), has_room=room
        ) as workers:
            judged = []
            for one in rejudging.judge(there, workers, lambda task: None):
                judged.append(one)
                bar.advance(shown)
    return sorted(judged, key=lambda one: (one.stored.student, one.stored.attempt))


def _told(one: Rejudged) -> list[str]:
    who = one.stored.name or one.stored.student
    if one.problem:
        return [f"{who}: {one.problem}"]
    if not one.changes or one.grade is None:
        return []
    before = "not graded" if one.stored.points is None else f"{one.stored.points:g}"
    after = "not graded" if one.grade.points is None else f"{one.grade.points:g}"
    return [f"{who}: {before} → {after} points", *(f"  {change}" for change in one.changes)]
