"""Where a worker grades: its own kernels, the whole way from a file to the text of its reports."""

from __future__ import annotations

import logging
import os
import platform
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader.batch.order import BUNDLE, REPORTS, Order
from grader.batch.task import Desk, Desks, Task, Work
from grader.errors import GraderError, GradingFailed, UsageError
from grader.execute.bundle import bundle_bytes, read_bundle
from grader.execute.kernel import Kernel
from grader.execute.launcher_line import Lend
from grader.load.submission import load_submission
from grader.model.classroom import Worked
from grader.model.grade import Grade, verdict_digest
from grader.pipeline import Graded, grade, rejudge
from grader.report.formats import FORMATS
from grader.report.language.speech import take_over

_log = logging.getLogger("grader")


@dataclass(frozen=True)
class GradingDesk(Desk):
    """Grades by real kernels."""

    order: Order
    lend: Lend | None = None
    """Of a launcher that warms up already; it does not travel."""
    line: socket.socket | None = None
    """To a launcher that it shares with others."""

    @contextmanager
    def opened(self) -> Iterator[Work]:
        """See `Desk.opened`."""
        from grader.execute.choice import opened_kernel

        order = self.order
        with opened_kernel(
            order.assignment.limits, order.device, order.sandbox, cold=order.cold, borrowed=self.line
        ) as kernel:
            yield _work(order, kernel)

    @contextmanager
    def shared(self) -> Iterator[Desks]:
        """One launcher imports everything once, while the workers do the same; see `Desk.shared`."""
        with nullcontext(self.lend) if self.lend is not None else launcher_for(self.order) as lend:

            @contextmanager
            def desk() -> Iterator[Desk]:
                with lend() if lend is not None else nullcontext() as line:
                    yield replace(self, lend=None, line=line)

            yield desk


def launcher_for(order: Order) -> AbstractContextManager[Lend | None]:
    """Where the kernels of several workers on this machine come from; it begins to warm up."""
    from grader.execute.choice import shared_launcher

    return shared_launcher(order.assignment.limits, order.device, order.sandbox, cold=order.cold)


@dataclass(frozen=True)
class JudgingDesk(Desk):
    """Judges stored evidence; runs nothing."""

    order: Order

    @contextmanager
    def opened(self) -> Iterator[Work]:
        """See `Desk.opened`."""
        yield _work(self.order, None)


def _work(order: Order, kernel: Kernel | None) -> Work:
    take_over(order.language)
    return lambda task: worked(task, lambda: graded(task.path, order, kernel, task.notes), order)


def graded(path: Path, order: Order, kernel: Kernel | None, notes: tuple[str, ...] | None = None) -> Graded:
    """A file's verdict: stored evidence is judged, anything else is run; `notes` stand for the loader's own.

    Raises GraderError.
    """
    if path.name.endswith(BUNDLE):
        submission, recording = read_bundle(path)
        return Graded(rejudge(submission, order.assignment, recording), submission, recording)
    assert kernel is not None
    submission = load_submission(path)
    if notes is not None:
        submission = replace(submission, notes=notes)
    return grade(submission, order.assignment, kernel, order.device, order.probe)


def report_text(verdict: Grade, form: str, order: Order) -> str:
    """One of `REPORTS` for the order's audience."""
    return FORMATS[form].write(verdict, order.audience)


def worked(task: Task, grading: Callable[[], Graded], order: Order) -> Worked:
    """What became of a submission, whatever happens to it or to us on the way."""
    wall, processor = time.perf_counter(), time.process_time()
    fields: dict[str, Any] = {"grade": None}
    try:
        fields = _fields(grading(), task, order)
    except (GradingFailed, UsageError) as error:
        fields |= {"problem": str(error), "fault": True}
    except GraderError as error:
        fields |= {"problem": str(error)}
    except Exception as error:  # a fault of ours in one submission must not stop the others
        _log.error("%s: %s: %s", task.path, type(error).__name__, error, exc_info=error)
        fields |= {"problem": fault_of_ours(error), "fault": True}
    return Worked(
        **fields,
        seconds=round(time.perf_counter() - wall, 3),
        processor_s=round(time.process_time() - processor, 3),
        worker=f"{platform.node()}:{os.getpid()}",
    )


def fault_of_ours(error: Exception) -> str:
    """An error that nobody planned, in one line of bounded length."""
    return f"not graded: the grader itself failed ({type(error).__name__}: {error})"[:500]


def _fields(verdict: Graded, task: Task, order: Order) -> dict[str, Any]:
    if task.unchanged and verdict_digest(verdict.grade) == task.unchanged:
        return {"grade": verdict.grade, "same": True}
    wanted = [form for form in order.formats if form in REPORTS]
    evidence = bundle_bytes(verdict.submission, verdict.recording) if order.keep_evidence else None
    reports = {form: report_text(verdict.grade, form, order) for form in wanted}
    return {"grade": verdict.grade, "reports": reports, "evidence": evidence}
