"""Grading or judging a few files here and now, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from grader.batch.order import BUNDLE, Order, Outcome
from grader.batch.single import grade_all
from grader.commands.github import commands_off, tell_github
from grader.commands.show import GRADED, INTERRUPTED, check_sandbox, status_of, tell
from grader.report.audience import for_audience


def grade_one(path: Path, order: Order, pass_at: float | None) -> int:
    """Run one submission, or judge one bundle, and show the whole verdict."""
    from grader.execute.choice import opened_kernel

    # Stored evidence is judged without running anything, so also where nothing could be run.
    opening: Any = nullcontext()
    if not path.name.endswith(BUNDLE):
        check_sandbox(order.sandbox)
        # The only submission needs no second kernel in waiting.
        limits = order.assignment.limits
        opening = opened_kernel(limits, order.device, order.sandbox, cold=order.cold, spares=0)
    with opening as kernel:
        return work_through([path], order, kernel, pass_at)


def work_through(files: Sequence[Path], order: Order, kernel: Any, pass_at: float | None) -> int:
    """Grade the files, show each verdict, and give the exit status that the worst of them asks for."""
    console, errors = Console(), Console(stderr=True)
    done: list[Outcome] = []
    with errors.status("Grading …") as shown:

        def begin(path: Path) -> None:
            shown.update(f"Grading {escape(path.name)} … ({len(done) + 1} of {len(files)})")

        try:
            with commands_off():
                for outcome in grade_all(files, order, kernel, begin):
                    done.append(_as_shown(outcome, order))
                    tell(done[-1], console, errors, brief=len(files) > 1)
        except KeyboardInterrupt:
            errors.print(
                f"grade: interrupted after {len(done)} of {len(files)}; the reports written so far are whole"
            )
            return INTERRUPTED
    if "github" in order.formats:
        for path, outcome in zip(files, done, strict=True):
            if outcome.grade is not None:
                tell_github(outcome.grade, path)
    return max((status_of(outcome, pass_at) for outcome in done), default=GRADED)


def _as_shown(outcome: Outcome, order: Order) -> Outcome:
    """A log can be read by whoever may read the report, and by nobody else."""
    if outcome.grade is None:
        return outcome
    return replace(outcome, grade=for_audience(outcome.grade, order.audience))
