"""Kernels from a launcher: warm, sealed, in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from grader.errors import GradingFailed
from grader.execute.job import Job
from grader.execute.launcher import Comfort, Launcher
from grader.execute.launcher_line import KernelLost, WarmKernel
from grader.execute.provisioner import NAME
from grader.execute.scratch import Scratch, filled
from grader.execute.source import bounded_context
from grader.model.submission import Submission


class WarmSource:
    """Kernels that one launcher forks, one for each submission."""

    name = "warm"

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._kernels: dict[Path, WarmKernel] = {}

    @property
    def sandbox(self) -> tuple[str, ...]:
        """The layers that hold its kernels."""
        return self._launcher.layers

    @contextmanager
    def place(self, submission: Submission, job: Job) -> Iterator[Scratch]:
        """The folder of a kernel that is waiting already; see `KernelSource.place`."""
        kernel = self._launcher.take()
        empty = Scratch(kernel.root, inside=kernel.inside)
        self._kernels[empty.root] = kernel
        try:
            yield filled(empty, submission, job)
        except GradingFailed:
            if not kernel.lost:
                raise
        finally:
            del self._kernels[empty.root]
            kernel.close()
        if kernel.lost:
            raise KernelLost("the launcher of kernels ended while a submission ran")

    async def start(self, scratch: Scratch, job: Job) -> AsyncKernelManager:
        """Let the kernel of this folder read its job; see `KernelSource.start`."""
        manager = _ForkedKernel(
            context=bounded_context(), connection_file=str(scratch.connection), shutdown_wait_time=0
        )
        manager.warm_kernel = self._kernels[scratch.root]
        await manager.start_kernel()
        return manager


class FreshSource:
    """A launcher of its own for each submission: seconds slower, and nothing in memory that another has used."""

    name = "cold"

    def __init__(self, comfort: Comfort) -> None:
        self._comfort = replace(comfort, spares=0)
        self._sources: dict[Scratch, WarmSource] = {}
        self.sandbox: tuple[str, ...] = ()

    @contextmanager
    def place(self, submission: Submission, job: Job) -> Iterator[Scratch]:
        """The folder of a kernel that is started now; see `KernelSource.place`."""
        with Launcher(self._comfort) as launcher:
            self.sandbox = launcher.layers
            source = WarmSource(launcher)
            with source.place(submission, job) as scratch:
                self._sources[scratch] = source
                yield scratch
                del self._sources[scratch]

    async def start(self, scratch: Scratch, job: Job) -> AsyncKernelManager:
        """See `WarmSource.start`."""
        return await self._sources[scratch].start(scratch, job)


class _ForkedKernel(AsyncKernelManager):
    """A kernel manager whose process exists already."""

    warm_kernel: WarmKernel

    @property
    def kernel_spec(self) -> KernelSpec:
        metadata = {"kernel_provisioner": {"provisioner_name": NAME}}
        return KernelSpec(argv=[], language="python", display_name="grader", metadata=metadata)
