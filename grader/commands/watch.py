"""Grading one's own work again at each save, and saying what the last change did."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from rich.console import Console
from rich.text import Text

from grader.batch.order import BUNDLE, Order
from grader.batch.single import write_reports
from grader.commands.show import GRADED, check_sandbox, complain, say
from grader.commands.watching.ahead import AheadKernel, Superseded
from grader.commands.watching.content import first_difference
from grader.commands.watching.saves import Saves
from grader.errors import GraderError, GradingFailed, UnreadableSubmission, UsageError
from grader.execute.choice import opened_kernel
from grader.execute.jupyter import JupyterKernel
from grader.load.submission import load_submission
from grader.model.grade import Grade, Outcome
from grader.model.submission import Submission
from grader.pipeline import grade
from grader.report.audience import for_audience
from grader.report.changes import Line, changes
from grader.report.terminal_report import to_terminal

_log = logging.getLogger("grader")

_STYLES = {"better": "green", "worse": "red", "plain": "", "quiet": "dim"}
_HALF_WRITTEN_S = 1.0
"""For an editor to finish a file that cannot be read as it is."""


def watch(path: Path, order: Order) -> int:
    """Grade now, and again at each save, until Ctrl-C; gives the exit status.

    Raises:
        UsageError: it is nothing that is edited, or there is no such sandbox.
        UnreadableSubmission: there is no such file, or no notebook or script in it.
    """
    if path.name.endswith(BUNDLE) or path.is_dir():
        raise UsageError(f"{path}: watch a notebook (.ipynb) or a script (.py)")
    first = load_submission(path)
    check_sandbox(order.sandbox)
    opening = opened_kernel(order.assignment.limits, order.device, order.sandbox)
    with _quiet_about_ended_kernels(), opening as kernel, _ending_all(kernel) as ahead:
        session = _Watch(path, order, ahead)
        with _ended_by_interrupt(session):
            session.until_ended(first)
    return GRADED


@contextmanager
def _quiet_about_ended_kernels() -> Iterator[None]:
    """nbclient warns of kernels that die; those that are given up do so, and a student's is in the verdict."""
    log = logging.getLogger("traitlets")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _ended_by_interrupt(session: _Watch) -> Iterator[None]:
    """The first Ctrl-C ends the session where nothing is half done; a second one ends it at once."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        # A handler runs in the midst of anything, also of what holds a lock.
        threading.Thread(target=session.end).start()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _ending_all(kernel: JupyterKernel) -> Iterator[AheadKernel]:
    ahead = AheadKernel(kernel)
    try:
        yield ahead
    finally:
        ahead.close()


class _Watch:
    """One session: what was graded last, and what has been saved since."""

    def __init__(self, path: Path, order: Order, kernel: AheadKernel) -> None:
        self._path = path
        self._order = order
        self._kernel = kernel
        self._console, self._errors = Console(), Console(stderr=True)
        self._news: SimpleQueue[Submission | UnreadableSubmission] = SimpleQueue()
        self._over = threading.Event()
        self._graded: tuple[Submission, Grade] | None = None

    def until_ended(self, first: Submission) -> None:
        """Grade `first`, then whatever is saved, until `end`."""
        with Saves(self._path, first, self._saved):
            self._take(first)
            while not self._over.is_set():
                if found := self._next():
                    self._take(found)
        say(self._errors, "grade: no longer watching")

    def end(self) -> None:
        """Give up what is under way; from another thread."""
        self._over.set()
        self._kernel.give_up()

    def _saved(self, found: Submission | UnreadableSubmission) -> None:
        """From the watching thread: what is newer ends what is under way, before it can be taken for that."""
        if isinstance(found, Submission):
            self._kernel.give_up()
        self._news.put(found)

    def _next(self) -> Submission | UnreadableSubmission | None:
        """What was saved last; a file that cannot be read is given some time to be written to its end."""
        found = self._newest(None)
        if isinstance(found, UnreadableSubmission):
            return self._newest(found)
        return found

    def _newest(
        self, found: Submission | UnreadableSubmission | None
    ) -> Submission | UnreadableSubmission | None:
        """The last of what comes within a while, or else `found`."""
        with suppress(Empty):
            found = self._news.get(timeout=_HALF_WRITTEN_S)
            while True:
                found = self._news.get_nowait()
        return found

    def _take(self, found: Submission | UnreadableSubmission) -> None:
        if isinstance(found, UnreadableSubmission):
            complain(self._errors, found)
            return
        self._kernel.renew()
        if self._over.is_set():
            return
        began = time.perf_counter()
        try:
            with self._errors.status("Grading …"):
                verdict = self._verdict(found)
        except Superseded:
            return
        except GraderError as error:
            complain(self._errors, error)
            return
        except Exception as error:  # a fault of ours in one grading must not end the session
            _log.error("%s: %s: %s", self._path, type(error).__name__, error, exc_info=error)
            complain(
                self._errors, GradingFailed("not graded: the grader itself failed; the next change is graded")
            )
            return
        self._show(verdict, time.perf_counter() - began)
        place = self._place_of_work(found, verdict)
        self._graded = found, verdict
        if not self._over.is_set():
            self._kernel.prepare(place)

    def _verdict(self, submission: Submission) -> Grade:
        order = self._order
        made = grade(submission, order.assignment, self._kernel, order.device, order.probe)
        write_reports(made.grade, order.out or self._path.parent, self._path.stem, order)
        return for_audience(made.grade, order.audience)

    def _show(self, verdict: Grade, seconds: float) -> None:
        took = f"{time.strftime('%H:%M:%S')}, {seconds:.1f} s"
        if self._kernel.saved:
            took += f", {self._kernel.saved} unchanged cells had been run before"
        self._console.print()
        if self._graded is None:
            to_terminal(verdict, self._console)
        else:
            for line in changes(self._graded[1], verdict):
                self._say(line)
        self._say(Line(f"{took}; waiting for the next save, Ctrl-C ends", "quiet"))

    def _say(self, line: Line) -> None:
        self._console.print(Text(line.text, style=_STYLES[line.tone]), highlight=False, soft_wrap=True)

    def _place_of_work(self, submission: Submission, verdict: Grade) -> int:
        """Number of the code cell that the next save will probably change first: as last time, or what lost points."""
        if self._graded is not None:
            changed = first_difference(self._graded[0], submission)
            if 1 < changed <= len(submission.code_cells):
                return changed
        return _first_cell_to_mend(verdict)


def _first_cell_to_mend(verdict: Grade) -> int:
    """Of the first exercise that lost points, or of the last one; 1 where no cell is known to be any exercise's."""
    with_cells = [exercise for exercise in verdict.exercises if exercise.cells and exercise.graded]
    lossy = [exercise for exercise in with_cells if exercise.status is not Outcome.PASSED]
    chosen = (lossy[:1] or with_cells[-1:]) if with_cells else []
    return min(chosen[0].cells) if chosen else 1
