"""A Dask scheduler and its workers as processes of this machine, to be lost, stopped and joined by more."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
LIGHT = Path(__file__).with_name("light_worker.py")
_PATIENCE_S = 60.0


def until(what: Callable[[], bool], why: str, patience_s: float = _PATIENCE_S) -> None:
    """Look again and again; fail where it does not come true."""
    end = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < end, f"waited {patience_s:g} s: {why}"
        time.sleep(0.05)


@dataclass
class Machines:
    """One scheduler, and workers as they are needed."""

    folder: Path
    protocol: str = "tcp"
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further environment of all processes."""
    preload: Path | None = LIGHT
    address: str = ""
    workers: list[psutil.Popen] = field(default_factory=list)
    scheduler: psutil.Popen | None = None

    def __enter__(self) -> Machines:
        told = self.folder / "scheduler.json"
        listen = ("--host", f"{self.protocol}://127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        self.scheduler = self._process("scheduler", *listen)
        until(lambda: told.exists() and told.read_text().endswith("}"), "the scheduler starts")
        self.address = json.loads(told.read_text())["address"]
        return self

    def __exit__(self, *_: object) -> None:
        self.staffed(0)
        if self.scheduler is not None:
            end(self.scheduler)

    def staffed(self, count: int) -> None:
        """So many workers, new ones where some were lost; they need not have joined yet."""
        self.workers = [worker for worker in self.workers if worker.is_running() and worker.poll() is None]
        while len(self.workers) > count:
            end(self.workers.pop())
        while len(self.workers) < count:
            self.hire()

    def hire(self, *options: str) -> psutil.Popen:
        """One more worker."""
        preload = ("--preload", str(self.preload)) if self.preload else ()
        told = ("--nthreads", "1", "--local-directory", str(self.folder), *preload)
        worker = self._process("worker", self.address, *told, *(options or ("--no-nanny",)))
        self.workers.append(worker)
        return worker

    def _process(self, kind: str, *options: str) -> psutil.Popen:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **self.settings}
        with (self.folder / f"{kind}.log").open("ab") as log:
            return psutil.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *options],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )


def end(process: psutil.Popen) -> None:
    """Ask it, then make it; its children with it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        process.send_signal(signal.SIGCONT)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
            process.wait(15)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait(15)
