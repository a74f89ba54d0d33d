"""Which kernel serves: warm and sealed wherever the machine can, ordinary where it was asked for."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from grader.errors import UsageError
from grader.execute.job import Device
from grader.execute.jupyter import JupyterKernel
from grader.execute.launcher import Comfort, Launcher, Sandbox
from grader.execute.launcher_line import Lend
from grader.execute.source import ColdSource
from grader.execute.warm import FreshSource, WarmSource
from grader.model.recording import Limits

_FORKS = sys.platform == "linux"


@contextmanager
def opened_kernel(
    limits: Limits,
    device: Device = "cpu",
    sandbox: Sandbox = "auto",
    *,
    cold: bool = False,
    spares: int = 1,
    borrowed: socket.socket | None = None,
) -> Iterator[JupyterKernel]:
    """A kernel for one submission after another; what it needs is started now and gone afterwards.

    Args:
        limits: memory, processes and disk of each submission are held to these.
        device: what the submissions compute on.
        sandbox: `auto` uses the layers that are there, `strict` demands namespaces and seccomp, `none` uses none.
        cold: start from nothing for each submission.
        spares: kernels that wait while others work.
        borrowed: a line that `shared_launcher` gave in another process; its kernels are used.

    Raises:
        UsageError: a sandbox keeps submissions from the device, or the system forks no processes, so it has no
            sandbox; on Linux that shows at the first submission.
    """
    if problem := unreachable(device, sandbox):
        raise UsageError(problem)
    comfort = _comfort(limits, device, sandbox, spares)
    if sandbox != "none" and not _FORKS:
        raise UsageError(
            "there is no sandbox on this system, so submissions could do what you can; "
            "run only ones that you trust, with --sandbox none"
        )
    if sandbox == "none" and (cold or not _FORKS):
        yield JupyterKernel(ColdSource())
    elif cold:
        yield JupyterKernel(FreshSource(comfort))
    else:
        with Launcher(comfort, borrowed) as launcher:
            launcher.start()
            yield JupyterKernel(WarmSource(launcher))


@contextmanager
def shared_launcher(limits: Limits, device: Device, sandbox: Sandbox, *, cold: bool) -> Iterator[Lend | None]:
    """One launcher for several processes, which begins to warm up now: what is yielded makes a line to it for each.

    None where kernels do not come from one; the arguments are those of `opened_kernel`.
    """
    if cold or not _FORKS or unreachable(device, sandbox):
        yield None
        return
    with Launcher(_comfort(limits, device, sandbox)) as launcher:
        launcher.start()
        yield launcher.lend


def _comfort(limits: Limits, device: Device, sandbox: Sandbox, spares: int = 1) -> Comfort:
    return Comfort(sandbox, device, spares, limits.memory_bytes, limits.processes, limits.disk_bytes)


def unreachable(device: Device, sandbox: Sandbox) -> str | None:
    """Why a submission that is held so cannot compute on a device, and what to do."""
    if device == "cuda" and sandbox != "none":
        return (
            "--device cuda: graphics cards are out of a sandbox's reach; grade on the CPU, "
            "or, only what you would run yourself, with --sandbox none"
        )
    return None
