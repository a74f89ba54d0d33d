"""A jupyter_client provisioner whose kernels are forked by a launcher instead of started from nothing.

nbclient and any other front end drive such a kernel as they do others: a kernel spec names it in its metadata,
`{"kernel_provisioner": {"provisioner_name": "grader-warm"}}`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from grader.execute.launcher import Launcher
from grader.execute.launcher_line import WarmKernel

NAME = "grader-warm"


class WarmProvisioner(KernelProvisionerBase):
    """Lives and dies with one warm kernel.

    A manager may carry the kernel it is for as its attribute `warm_kernel`; without one, a launcher of the
    provisioner's own gives a kernel, in the sandbox that `--sandbox auto` would choose.
    """

    kernel: WarmKernel | None = None
    _launcher: Launcher | None = None

    @property
    def has_process(self) -> bool:
        """Whether a kernel was launched and has not been waited for."""
        return self.kernel is not None

    @property
    def incidents(self) -> list[str]:
        """What outgrew the sandbox since this was last asked."""
        if self.kernel is None:
            return []
        told, self.kernel.incidents = self.kernel.incidents, []
        return told

    @property
    def status(self) -> int | None:
        """The kernel's exit status, minus the signal that ended it; None while it runs."""
        if self.kernel is None:
            return 0
        return self.kernel.over.result() if self.kernel.over.done() else None

    async def poll(self) -> int | None:
        """See `status`."""
        return self.status

    async def wait(self) -> int | None:
        """Wait until no process of the kernel is left."""
        kernel = self.kernel
        if kernel is None:
            return 0
        await asyncio.wrap_future(kernel.gone)
        self.kernel = None
        return kernel.over.result()

    async def send_signal(self, signum: int) -> None:
        """To the kernel's process group."""
        if self.kernel is not None:
            self.kernel.signal(signum)

    async def kill(self, restart: bool = False) -> None:
        """End every process of the kernel."""
        if self.kernel is not None:
            self.kernel.end()

    async def terminate(self, restart: bool = False) -> None:
        """Ask the kernel to end."""
        await self.send_signal(signal.SIGTERM)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Take a kernel; where to reach it is known with that."""
        self.kernel = getattr(self.parent, "warm_kernel", None) or await self._own_kernel()
        known = self.kernel.connection
        info: Any = known | {"ip": str(self.kernel.root / "k"), "key": known["key"].encode()}
        self.connection_info = info
        return await super().pre_launch(cmd=[sys.executable], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Let the kernel serve the job that lies in its folder."""
        assert self.kernel is not None
        self.kernel.go()
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of a launcher of this provisioner's own."""
        if self._launcher is not None and not restart:
            await asyncio.to_thread(self._launcher.close)
            self._launcher = None

    async def _own_kernel(self) -> WarmKernel:
        self._launcher = self._launcher or Launcher()
        kernel = await asyncio.to_thread(self._launcher.take)
        (kernel.root / "job.json").write_text(json.dumps(_PLAIN), encoding="utf-8")
        return kernel


_PLAIN: dict[str, Any] = {"limits": {}}
"""A job that asks for an ordinary kernel: nothing recorded, nothing limited but by the sandbox."""
