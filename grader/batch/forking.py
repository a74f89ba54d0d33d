"""Where worker processes come from: a process that has imported everything, and forks one whenever it is asked."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from multiprocessing.util import Finalize, get_temp_dir
from pathlib import Path

from grader.errors import UsageError
from grader.execute.temporary import held_folder

_LONGEST_BASE = 54
"""Characters of the temporary folder: a socket's path may have about 104, and 52 are added here."""
_AFTER_ITS_OWN = -200
"""Exit priority: Python removes its own folder, at -100, first."""


def forking(preloaded: Sequence[str]) -> BaseContext:
    """A context whose processes are forked where `preloaded` is imported and no threads are; elsewhere, spawned.

    Raises:
        UsageError: there is no place for temporary files.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preloaded))
    try:
        _house_sockets()
        _start()
    except OSError as error:
        base = tempfile.gettempdir()
        raise UsageError(f"{base}: no worker can be started from here ({error.strerror or error})") from error
    return context


def _house_sockets() -> None:
    """Let Python's folder for the server's socket lie in one that the next run removes if this one is killed."""
    base = Path(tempfile.gettempdir()).resolve()
    home = held_folder("fork", base if len(str(base)) <= _LONGEST_BASE else Path("/tmp"))
    before, tempfile.tempdir = tempfile.tempdir, str(home.path)
    try:
        made = get_temp_dir()
    finally:
        tempfile.tempdir = before
    if Path(made).parent == home.path:
        Finalize(None, home.remove, exitpriority=_AFTER_ITS_OWN)
    else:  # an earlier call in this process made it
        home.remove()


def _start() -> None:
    from multiprocessing import forkserver, resource_tracker

    # Whoever starts it lets signals through afterwards, so it comes before they are kept waiting.
    resource_tracker.ensure_running()
    with _ctrl_c_waiting():
        forkserver.ensure_running()


@contextmanager
def _ctrl_c_waiting() -> Iterator[None]:
    """What is started meanwhile does not hear it: half-way through its imports it would end with a traceback."""
    if sys.platform == "win32":
        yield
        return
    import signal

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
