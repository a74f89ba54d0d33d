"""A desk for tests, which a worker of a cluster can import: no torch, no test tools."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.batch.task import Desk, Task, Work
from grader.model.classroom import Worked

FOREVER_S = 600.0


@dataclass(frozen=True)
class OddDesk(Desk):
    """Does what the name of a task's file says."""

    folder: Path
    """For marks that outlive a worker."""

    @contextmanager
    def opened(self) -> Iterator[Work]:
        mark = self.folder / f"open-{os.getpid()}"
        mark.touch()
        try:
            yield self._work
        finally:
            mark.unlink()

    def _work(self, task: Task) -> Worked:
        name, parent = task.path.stem, multiprocessing.parent_process()
        assert parent is not None and parent.pid is not None
        with (self.folder / f"{name}.begun").open("a") as mark:
            mark.write(f"{parent.pid}\n")
        count = len((self.folder / f"{name}.begun").read_text().split())
        if name.startswith("loses-its-worker") and count == 1:
            os.kill(parent.pid, signal.SIGKILL)
            time.sleep(FOREVER_S)
        if name.startswith("stops-its-worker") and count == 1:
            os.kill(parent.pid, signal.SIGSTOP)
            time.sleep(FOREVER_S)
        if name.startswith("ends"):
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith("hangs"):
            time.sleep(FOREVER_S)
        beside = sorted(path.name for path in task.path.parent.iterdir())
        return Worked(None, problem=f"did {name} of {beside}", worker=str(parent.pid))
