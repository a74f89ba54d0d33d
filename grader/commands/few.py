"""Grading or judging a few files here and now, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from grader.batch.order import BUNDLE, Order
from grader.batch.single import grade_all
from grader.commands.show import GRADED, INTERRUPTED, check_sandbox, status_of, tell


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
    results: list[int] = []
    with errors.status("Grading …") as shown:

        def begin(path: Path) -> None:
            shown.update(f"Grading {escape(path.name)} … ({len(results) + 1} of {len(files)})")

        try:
            for outcome in grade_all(files, order, kernel, begin):
                tell(outcome, console, errors, brief=len(files) > 1)
                results.append(status_of(outcome, pass_at))
        except KeyboardInterrupt:
            errors.print(
                f"grade: interrupted after {len(results)} of {len(files)}; the reports written so far are whole"
            )
            return INTERRUPTED
    return max(results, default=GRADED)
