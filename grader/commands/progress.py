"""A class's progress on a terminal: done, running, failed, rate, time left. In a pipe it says nothing."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from grader.batch.classroom import Plan
from grader.batch.order import Outcome

_MOST_NAMES = 4
_LONGEST_NAME = 24


class ClassProgress:
    """Shown on standard error while a plan is carried out."""

    def __init__(self, plan: Plan) -> None:
        self.console = Console(stderr=True)
        self._costs = {item.handin.shown: item.expected for item in plan.to_run}
        self._count = len(plan.to_run)
        self._running: list[str] = []
        self._done = self._failed = 0
        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.fields[done]} of {task.fields[count]} graded{task.fields[failed]}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[running]}"),
            console=self.console,
            disable=not self.console.is_terminal or not self._count,
            transient=True,
        )
        self._task = self._bar.add_task("", total=sum(self._costs.values()), **self._fields())

    def __enter__(self) -> ClassProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._bar.stop()

    def started(self, shown: str) -> None:
        """A worker has begun with this submission."""
        if shown not in self._running:
            self._running.append(shown)
        self._bar.update(self._task, **self._fields())

    def ended(self, outcome: Outcome) -> None:
        """This one is done, however it ended; what was never begun does not count."""
        if outcome.shown in self._running:
            self._running.remove(outcome.shown)
            self._done += 1
            self._failed += outcome.grade is None
            self._bar.update(self._task, advance=self._costs.get(outcome.shown, 0.0), **self._fields())

    def _fields(self) -> dict[str, Any]:
        elapsed = self._bar.tasks[0].elapsed if self._bar.tasks else None
        rate = f"{60 * self._done / elapsed:.1f} a minute" if elapsed and self._done else ""
        names = [escape(name[-_LONGEST_NAME:]) for name in self._running[:_MOST_NAMES]]
        more = len(self._running) - len(names)
        return {
            "done": str(self._done),
            "count": str(self._count),
            "failed": f", [red]{self._failed} failed[/red]" if self._failed else "",
            "rate": rate,
            "running": ", ".join(names) + (f" and {more} more" if more > 0 else ""),
        }
