"""Where kernels come from: the seam between what is said to a kernel and how its process comes to be."""

from __future__ import annotations

import json
import sys
from contextlib import AbstractContextManager
from typing import Any, Protocol

import zmq
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from grader.execute.environment import kernel_environment, lend_fonts
from grader.execute.job import Job
from grader.execute.scratch import Scratch, hand_over, scratch_folder
from grader.model.recording import Limits
from grader.model.submission import Submission

_LARGEST_MESSAGE = 32 * 1024**2
"""Bytes; a longer message from the kernel is refused by the socket and never held in our memory."""


class KernelSource(Protocol):
    """Gives a scratch folder and a kernel process that works in it."""

    name: str
    """What `Recording.kernel` says: `cold` or `warm`."""

    @property
    def sandbox(self) -> tuple[str, ...]:
        """The layers that hold its kernels."""

    def place(self, submission: Submission, job: Job) -> AbstractContextManager[Scratch]:
        """A scratch folder, filled; left, it is gone, with every process that worked in it.

        Raises:
            UsageError: the machine cannot run a submission as it was asked to.
            GradingFailed: no folder or no process could be had.
        """

    async def start(self, scratch: Scratch, job: Job) -> AsyncKernelManager:
        """Start a kernel that reads `scratch.job`, which tells it about the job; the caller ends it.

        Raises:
            OSError, RuntimeError: no process could be started.
        """


class ColdSource:
    """Starts an ordinary, unprotected Python process for each kernel: works on every system, holds nothing back."""

    name = "cold"
    sandbox: tuple[str, ...] = ()

    def place(self, submission: Submission, job: Job) -> AbstractContextManager[Scratch]:
        """A folder on the machine's own disk."""
        return scratch_folder(submission, job)

    async def start(self, scratch: Scratch, job: Job) -> AsyncKernelManager:
        """A kernel process of its own session, so that it can be killed with all its children."""
        lend_fonts(scratch)
        manager = _LaunchedKernel(
            context=bounded_context(),
            transport="ipc",
            ip=str(scratch.sockets),
            connection_file=str(scratch.connection),
            shutdown_wait_time=0,
        )
        manager.command = [*_PYTHON, "-f", "{connection_file}", "--job", str(scratch.job)]
        environment = kernel_environment(scratch, job.device)
        with scratch.log.open("wb") as log:
            await manager.start_kernel(cwd=str(scratch.work), env=environment, stdout=log, stderr=log)
        return manager


def bounded_context() -> zmq.asyncio.Context:
    """A ZeroMQ context whose sockets refuse messages that are too long to be honest."""
    context = zmq.asyncio.Context()
    context.setsockopt(zmq.MAXMSGSIZE, _LARGEST_MESSAGE)
    return context


_PYTHON = [sys.executable, "-P", "-m", "grader.record.launch"]
"""`-P`: a student's `random.py` must not stand in for the real one before the kernel is up."""


class _LaunchedKernel(AsyncKernelManager):
    """A kernel manager with a command instead of an installed kernel."""

    command: list[str]

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(argv=self.command, language="python", display_name="grader")


def write_job(scratch: Scratch, submission: Submission, job: Job) -> None:
    """Tell the kernel what to do, in the form that `grader.record.launch` reads."""
    exercises = {str(cell): exercise for cell, exercise in job.exercise_of_cell.items()}
    recorder: dict[str, Any] = {
        "seed": job.seed,
        "device": job.device,
        "exercise_of_cell": exercises,
        "bytes": job.limits.recording_bytes,
        "figures": job.limits.figures,
        "probes": scratch.seen(scratch.probes),
        "operators": sorted(job.operators),
        "turns": list(job.turns),
    }
    fields = {
        "seed": job.seed,
        "device": job.device,
        "work": scratch.seen(scratch.work),
        "record": scratch.seen(scratch.record),
        "hello": scratch.seen(scratch.hello),
        "script": submission.name if submission.kind == "script" else None,
        "memory_bytes": job.limits.memory_bytes,
        "output_chars": job.limits.output_chars,
        "limits": _of_processes(job.limits),
        "recorder": recorder,
    }
    scratch.job.write_text(json.dumps(fields), encoding="utf-8")
    hand_over(scratch.job)


def _of_processes(limits: Limits) -> dict[str, float]:
    """What each process of a submission is held to, where its sandbox holds processes."""
    return {
        "processes": limits.processes,
        "file_bytes": limits.file_bytes,
        "open_files": limits.open_files,
        "cpu_s": limits.processor_s,
    }
