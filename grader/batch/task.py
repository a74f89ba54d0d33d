"""What a worker is given, and where workers come from: the seam between a class and the machines that grade it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grader.model.classroom import Worked


@dataclass(frozen=True)
class Task:
    """One file to grade."""

    number: int
    """Its place in the class."""
    path: Path
    expected: float
    """How long it will take, in any unit: the longest go first, so that none is left over at the end."""
    notes: tuple[str, ...] = ()
    """What the loader had to say where the file was handed in: elsewhere its neighbours are not there."""
    unchanged: str = ""
    """Digest of an earlier verdict (`verdict_digest`); one that is the same again needs no reports."""


Work = Callable[[Task], Worked]
"""Grades one file. A submission that cannot be graded is an answer as well; it never raises."""


class Desk(Protocol):
    """A place to work at; it travels to a worker, which opens it there and keeps it open for many tasks."""

    def opened(self) -> AbstractContextManager[Work]:
        """Everything that grading needs: kernels in waiting, the sandbox, the assignment."""

    def shared(self) -> AbstractContextManager[Desks]:
        """What several desks on one machine have in common, made ready by whoever hires the workers."""
        return nullcontext(lambda: nullcontext(self))


Desks = Callable[[], AbstractContextManager[Desk]]
"""A desk for one more worker; leave it once it has travelled."""


class Engine(Protocol):
    """Workers, wherever they are."""

    def run(self, tasks: Sequence[Task], started: Callable[[Task], None]) -> Iterator[tuple[Task, Worked]]:
        """Grade every file, the longest first; results come as they are ready, each once.

        A worker that dies or falls silent costs no submission its result: it is given to another, and where that
        does not help, `Worked.fault` says so.

        Args:
            tasks: what is to be graded.
            started: told of each task when a worker begins it; of one that is begun anew, again.
        """


def in_order(tasks: Sequence[Task]) -> list[Task]:
    """The longest first; equals as they came."""
    return sorted(tasks, key=lambda task: (-task.expected, task.number))
