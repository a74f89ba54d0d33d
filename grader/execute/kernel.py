"""The one seam between the grader and the execution of code that it did not write."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from grader.execute.job import Job
from grader.model.recording import Recording
from grader.model.submission import Submission


class Kernel(Protocol):
    """Runs one submission from its first cell to its last."""

    def run(self, submission: Submission, job: Job) -> Recording:
        """Execute every code cell in a process of its own.

        Whatever the student's code does, also to its own process, comes back as a recording.

        Raises:
            UsageError: the job asks for a device that is not there.
            GradingFailed: no kernel could be started.
        """


class FakeKernel:
    """A kernel without a process: gives ready recordings, one for each run, and remembers what was asked."""

    def __init__(self, recordings: Recording | Iterable[Recording] | Callable[[Submission, Job], Recording]):
        self._ready = [recordings] if isinstance(recordings, Recording) else recordings
        self._waiting = None if callable(self._ready) else iter(self._ready)
        self.asked: list[tuple[Submission, Job]] = []

    def run(self, submission: Submission, job: Job) -> Recording:
        """The next recording.

        Raises:
            LookupError: there are no more of them.
        """
        self.asked.append((submission, job))
        if callable(self._ready):
            return self._ready(submission, job)
        assert self._waiting is not None
        recording = next(self._waiting, None)
        if recording is None:
            raise LookupError(f"no recording is left for run {len(self.asked)}")
        return recording
