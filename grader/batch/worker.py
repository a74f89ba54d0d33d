"""The worker's side of `grader.batch.local`: a process that grades one file after another until it is let go."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from types import FrameType

from grader.batch.task import Desk, Task
from grader.model.classroom import Worked

PRELOADED = ("grader.evidence.reader", "grader.batch.desk")
"""What the process that workers are forked from has imported: with torch and scikit-learn, some seconds' worth."""


def serve(line: Connection, desk: Desk) -> None:
    """Answer each task that comes over `line` with a `Worked`; end when nobody is at its other end."""
    # Ctrl-C reaches the whole terminal group; the coordinator hears it and ends its workers in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _hear_signals()
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_follow_parent, name="parent", daemon=True).start()
    with desk.opened() as work:
        while (task := _next(line)) is not None and _told(line, work(task)):
            pass


def _hear_signals() -> None:
    """The process that it was forked from keeps Ctrl-C waiting; kernels, which inherit that, are interrupted by it."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _next(line: Connection) -> Task | None:
    try:
        task: Task | None = line.recv()
    except (EOFError, ConnectionError):
        return None
    return task


def _told(line: Connection, answer: Worked) -> bool:
    """Whether anybody was there to hear it: a coordinator that is interrupted hangs up on those at work."""
    try:
        line.send(answer)
    except ConnectionError:
        return False
    return True


def _leave(signal_number: int, frame: FrameType | None) -> None:
    """Unwind, so that kernels are ended and their folders removed."""
    raise SystemExit(128 + signal_number)


def _follow_parent() -> None:
    """A coordinator that is killed takes its workers with it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
