"""Kernels that run ahead: the cells that the next save will hardly change are executed before it comes.

Nothing is copied and nothing is taken back, so nothing can differ from a full run: each execution is one ordinary
kernel that is given all cells of one submission in their order, once. Only the time at which it is given them is new.
It is begun with the cells before a place, stopped there with all its processes, and goes on with the cells of the
next save if what it has run is what that save begins with. If not, it is ended, and a fresh kernel runs everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError, Future, InvalidStateError, wait
from dataclasses import replace

from grader.commands.watching.content import companions
from grader.execute.conversation import Conversation
from grader.execute.job import Job
from grader.execute.jupyter import JupyterKernel
from grader.model.recording import Recording
from grader.model.submission import Cell, Submission

_TURN_S = 0.5


class Superseded(Exception):
    """A run was given up, for there is something newer to run."""


class AheadKernel:
    """A `Kernel` whose next run may have begun already."""

    def __init__(self, kernel: JupyterKernel) -> None:
        self._kernel = kernel
        self._waiting: Execution | None = None
        self._running: Execution | None = None
        self._last: tuple[Submission, Job] | None = None
        self._lock = threading.Lock()
        self._superseded = False
        self.saved = 0
        """Cells of the last submission that had been run before it was known."""

    def run(self, submission: Submission, job: Job) -> Recording:
        """Execute every code cell; see `Kernel.run`.

        Raises:
            Superseded: `give_up` was called.
        """
        execution = self._execution(submission, job)
        try:
            with self._lock:
                self._running = execution
                if self._superseded:
                    execution.drop()
            return execution.go_on(submission)
        except CancelledError as error:
            raise Superseded from error
        finally:
            with self._lock:
                self._running = None
            execution.drop()

    def renew(self) -> None:
        """What is run from now on is new again."""
        with self._lock:
            self._superseded = False

    def give_up(self) -> None:
        """Let `run`, now or next, raise `Superseded`; from another thread."""
        with self._lock:
            self._superseded = True
            if self._running is not None:
                self._running.drop()

    def prepare(self, number: int) -> None:
        """Begin to run the last submission once more, up to the code cell before this number."""
        if self._last is not None and number > 1:
            self._drop_waiting()
            self._waiting = Execution(self._kernel, *self._last, number - 1)

    def close(self) -> None:
        """End every kernel that is at work or waits."""
        self.give_up()
        self._drop_waiting()

    def _execution(self, submission: Submission, job: Job) -> Execution:
        """The one that waits, if it can go on with this submission, or else a fresh one."""
        waiting, self._waiting = self._waiting, None
        if self._last is None or self._last[0] is not submission:
            # Further runs of a submission, with other seeds, are not what the next save begins with.
            self._last, self.saved = (submission, job), 0
        if waiting is not None and waiting.serves(submission, job):
            self.saved = waiting.length
            return waiting
        if waiting is not None:
            waiting.drop()
        return Execution(self._kernel, submission, job, 0)

    def _drop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.drop()
            self._waiting = None


class Execution:
    """One run of a submission, in a thread of its own, which begins with `length` cells and waits for the rest."""

    def __init__(self, kernel: JupyterKernel, submission: Submission, job: Job, length: int) -> None:
        self._submission = submission
        self._job = job
        self._companions = companions(submission)
        self._first = submission.code_cells[:length]
        self._rest: Future[tuple[Cell, ...]] = Future()
        self._recording: Future[Recording] = Future()
        self._dropped = threading.Event()
        self._cancel: Callable[[], object] = lambda: None
        self.length = length
        self._thread = threading.Thread(target=self._work, args=(kernel,), name="ahead")
        self._thread.start()

    def serves(self, submission: Submission, job: Job) -> bool:
        """Whether going on with this submission is the same as running all of it."""
        return (
            not self._dropped.is_set()
            and not self._recording.done()
            and (submission.kind, submission.name) == (self._submission.kind, self._submission.name)
            and [cell.source for cell in submission.code_cells[: self.length]]
            == [cell.source for cell in self._first]
            and companions(submission) == self._companions
            and _comparable(job) == _comparable(self._job)
        )

    def go_on(self, submission: Submission) -> Recording:
        """Run the rest of the cells.

        Raises:
            CancelledError: it was dropped.
            GraderError: see `Kernel.run`.
        """
        with contextlib.suppress(InvalidStateError):
            self._rest.set_result(submission.code_cells[self.length :])
        while not self._recording.done():
            # Windows hears no Ctrl-C while it waits for ever.
            wait([self._recording], _TURN_S)
        return self._recording.result()

    def drop(self) -> None:
        """End its kernel, wherever it is; returns when it is gone."""
        self._dropped.set()
        self._cancel()
        self._rest.cancel()
        self._thread.join()

    def _work(self, kernel: JupyterKernel) -> None:
        try:
            self._recording.set_result(kernel.run_fed(self._submission, self._job, self._feed))
        except asyncio.CancelledError:
            self._recording.set_exception(CancelledError())
        # Whoever asks for the recording learns what became of it.
        except BaseException as error:
            self._recording.set_exception(error)

    async def _feed(self, conversation: Conversation) -> AsyncIterator[Cell]:
        self._be_cancelled_by_drop()
        for cell in self._first:
            yield cell
        if not self._rest.done():
            await conversation.hold()
            await asyncio.wrap_future(self._rest)
            await conversation.release()
        for cell in self._rest.result():
            yield cell

    def _be_cancelled_by_drop(self) -> None:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()

        def cancel() -> None:
            # The loop may have ended by itself meanwhile.
            with contextlib.suppress(RuntimeError):
                if task is not None:
                    loop.call_soon_threadsafe(task.cancel)

        self._cancel = cancel
        if self._dropped.is_set():
            raise asyncio.CancelledError


def _comparable(job: Job) -> Job:
    """Without the rows for models that cannot be exported: a function, which gives the same for each run."""
    return replace(job, probes=dict)
