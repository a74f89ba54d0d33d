"""The worker's side of `grader.batch.cluster`: a desk in the memory of a Dask worker.

A post lives as long as somebody wants its future: Dask drops it when the coordinator leaves, whether it says
goodbye or is killed, and with it go the kernels. The work is done by a process of its own
(`grader.batch.local`), so that a submission that takes a process with it does not take the Dask worker, whose
heart goes on beating meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import platform
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from distributed import get_worker

import grader
from grader.batch.local import LocalWorkers
from grader.batch.parcel import DeskParcel, Parcel
from grader.batch.task import Task
from grader.errors import UsageError
from grader.execute.temporary import held_folder
from grader.model.classroom import Worked

_LOOK_S = 0.5
"""How often a post looks whether anybody still waits for its answer."""


def versions() -> dict[str, str]:
    """What must be the same on every machine for grades to be."""
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = "none"
    python = ".".join(platform.python_version_tuple()[:2])
    return {"grader": grader.__version__, "torch": torch, "Python": python}


def opened_post(parcel: DeskParcel, patience_s: float, wanted: dict[str, str]) -> Post:
    """A post, where this worker has the coordinator's versions.

    Raises:
        UsageError: it has not; one line.
    """
    here = versions()
    others = [
        f"{name} {here.get(name)} instead of {wanted[name]}"
        for name in wanted
        if here.get(name) != wanted[name]
    ]
    if others:
        raise UsageError(f"it has {', '.join(others)}")
    return Post(parcel, patience_s)


def answer_of(post: Post, task: Task, parcel: Parcel, topic: str) -> Worked:
    """What a Dask worker runs for each submission; says when it begins, and never raises."""
    worker = get_worker()
    key = str(worker.get_current_task())
    worker.log_event(topic, key)
    with _given_up_unless_wanted(worker, key, post):
        return post.work(task, parcel)


class Post:
    """A desk, opened when it is first needed; copied to another worker, it is a closed one there."""

    def __init__(self, parcel: DeskParcel, patience_s: float) -> None:
        self._parcel = parcel
        self._patience = patience_s
        self._lock = threading.Lock()
        self._opened = ExitStack()
        self._workers: LocalWorkers | None = None
        self._folder = Path()
        weakref.finalize(self, _close, self._opened)

    def __reduce__(self) -> tuple[Any, ...]:
        return Post, (self._parcel, self._patience)

    def work(self, task: Task, parcel: Parcel) -> Worked:
        """Grade one submission; a fault of the machine is an answer as well."""
        with self._lock:
            try:
                return self._work(task, parcel)
            except Exception as error:  # also what `give_up` pulls away from under it
                problem = f"not graded: its worker failed ({type(error).__name__}: {error})"
                return Worked(None, problem[:500], fault=True, worker=f"{platform.node()}:{os.getpid()}")

    def give_up(self) -> None:
        """End the process that is at work, and its kernels; may be called while `work` waits for it."""
        if self._workers is not None:
            self._workers.__exit__()

    def _work(self, task: Task, parcel: Parcel) -> Worked:
        if self._workers is None:
            self._workers = self._open()
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as folder:
            here = replace(task, path=parcel.unpacked(Path(folder)))
            for _, worked in self._workers.run([here], lambda task: None):
                return worked
        return Worked(None, "not graded: nobody waited for it any more", fault=True)

    def _open(self) -> LocalWorkers:
        # Nannies mark their workers as daemons, which may have no children; ours are ended in order.
        multiprocessing.current_process().daemon = False
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self._folder = self._opened.enter_context(held_folder("parcel"))
        support = self._folder / "support"
        support.mkdir()
        desk = self._parcel.unpacked(support)
        return self._opened.enter_context(LocalWorkers(desk, 1, patience_s=self._patience, tries=1))


def _close(opened: ExitStack) -> None:
    """Where Dask drops a post on its event loop, kernels are ended beside it: other tasks go on."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        opened.close()
    else:
        loop.run_in_executor(None, opened.close)


@contextmanager
def _given_up_unless_wanted(worker: Any, key: str, post: Post) -> Iterator[None]:
    """Dask cannot end a thread; this ends what the thread waits for, once the task is cancelled."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_S):
            state = worker.state.tasks.get(key)
            if state is None or state.state == "cancelled":
                # Again each time: the thread may have been about to start a process.
                with contextlib.suppress(Exception):  # whatever it is, `work` answers for it
                    post.give_up()

    thread = threading.Thread(target=watch, name="grade-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
