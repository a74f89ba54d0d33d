"""An engine without processes, for tests of what is around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from grader.batch.task import Desk, Task, in_order
from grader.model.classroom import Worked


class Here:
    """Stands in for `LocalWorkers`: works in this process, one task after another."""

    def __init__(self, desk: Desk, jobs: int, **_: object) -> None:
        self._desk = desk

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, tasks: Sequence[Task], started: Callable[[Task], None]) -> Iterator[tuple[Task, Worked]]:
        with self._desk.opened() as work:
            for task in in_order(tasks):
                started(task)
                yield task, work(task)
