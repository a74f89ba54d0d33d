"""A conversation with a launcher: kernels are asked for and handed over, and how they end is heard."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.errors import GradingFailed, UsageError

Lend = Callable[[], socket.socket]
"""Makes one more line to a launcher, for a process that shares it."""

_LONGEST_MESSAGE = 65536
_START_S = 180.0
"""For a launcher to import everything, on a machine that is busy."""
_END_S = 10.0


@dataclass
class WarmKernel:
    """A kernel process that a launcher forked; it waits until `go`."""

    number: int
    folder: int
    """Descriptor of its scratch folder."""
    inside: Path
    """The same folder as the kernel itself sees it."""
    connection: dict[str, Any]
    starter: int
    line: LauncherLine
    over: Future[int] = field(default_factory=Future)
    """How the kernel's process ended: its status, or minus the signal."""
    gone: Future[None] = field(default_factory=Future)
    """Done when no process of it is left."""
    lost: bool = False
    """It ended because its launcher did: a fault of ours, and nobody's points."""
    incidents: list[str] = field(default_factory=list)
    """What outgrew its sandbox, sentences for the report."""

    @property
    def root(self) -> Path:
        """The scratch folder, as a path for this process."""
        return Path(f"/proc/{os.getpid()}/fd/{self.folder}")

    def go(self) -> None:
        """The job lies in the folder: serve it."""
        os.write(self.starter, b"!")

    def signal(self, number: int) -> None:
        """Send a signal to the kernel and to what shares its process group."""
        self.line.ask("signal", kernel=self.number, signal=number)

    def end(self) -> None:
        """End all of its processes, whatever they do."""
        if not self.gone.done():
            self.line.ask("kill", kernel=self.number)

    def close(self) -> None:
        """End it, wait until nothing is left, and let its folder vanish."""
        self.end()
        with contextlib.suppress(TookTooLong):
            self.gone.result(_END_S)
        os.close(self.folder)
        os.close(self.starter)
        self.line.ask("forget", kernel=self.number)


class KernelLost(GradingFailed):
    """A kernel ended with its launcher; the submission may be run again."""


class LauncherLost(Exception):
    """A launcher ended while something was expected of it."""


class LauncherLine:
    """One end of a socket with a launcher at the other, and the thread that hears it."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._hello: Future[dict[str, Any]] = Future()
        self._waiting: dict[int, Future[WarmKernel]] = {}
        self._kernels: dict[int, WarmKernel] = {}
        self._lock = threading.Lock()
        self._asked = 0
        self.lost = False
        """Nobody is at the other end any more."""
        self._listener = threading.Thread(target=self._listen, name="launcher", daemon=True)
        self._listener.start()

    def layers(self) -> tuple[str, ...]:
        """The layers that hold its kernels.

        Raises:
            UsageError: the machine has no sandbox, and none was not asked for.
            GradingFailed: nothing was heard for too long.
            LauncherLost: it ended instead.
        """
        hello = self._greeting()
        return tuple(str(layer) for layer in hello["layers"])

    def take(self) -> WarmKernel:
        """A kernel that is ready to go; raises as `layers` does."""
        self._greeting()
        with self._lock:
            if self.lost:
                raise LauncherLost(self.complaint())
            self._asked += 1
            number, answer = self._asked, Future[WarmKernel]()
            self._waiting[number] = answer
        self.ask("kernel", id=number)
        try:
            return answer.result(_START_S)
        except TookTooLong as error:
            raise GradingFailed(f"no kernel was ready within {_START_S:g} s") from error

    def lend(self) -> socket.socket:
        """The near end of a further line; the launcher gets the far one, at once or when it is warm."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, contextlib.suppress(OSError):
            socket.send_fds(self._control, [json.dumps({"ask": "line"}).encode()], [theirs.fileno()])
        return ours

    def ask(self, what: str, **order: Any) -> None:
        """Pass an order on; a launcher that is gone has ended its kernels already."""
        with contextlib.suppress(OSError):
            self._control.send(json.dumps({"ask": what, **order}).encode())

    def close(self) -> None:
        """Hang up, which ends every kernel that was asked for here."""
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._listener.join()
        self._control.close()

    def complaint(self) -> str:
        """Why nobody is there any more, as far as that is known here."""
        return "another process of the grader saw to it"

    def _greeting(self) -> dict[str, Any]:
        try:
            hello = self._hello.result(_START_S)
        except TookTooLong as error:
            raise GradingFailed(f"the launcher of kernels was not ready within {_START_S:g} s") from error
        if hello["tell"] == "refused":
            raise UsageError(str(hello["why"]))
        return hello

    def _listen(self) -> None:
        """Hear the launcher until it hangs up; its own thread."""
        while True:
            try:
                message, descriptors, _, _ = socket.recv_fds(self._control, _LONGEST_MESSAGE, 4)
            except OSError:
                message, descriptors = b"", []
            if not message:
                self._lose()
                return
            self._hear(json.loads(message), descriptors)

    def _hear(self, said: dict[str, Any], descriptors: list[int]) -> None:
        if said["tell"] in ("hello", "refused"):
            self._hello.set_result(said)
        elif said["tell"] == "kernel":
            self._hand_over(said, descriptors)
        elif said["tell"] == "failed":
            self._waiting.pop(said["id"]).set_exception(
                GradingFailed(f"no sandboxed kernel could be started: {said['why']}")
            )
        elif kernel := self._kernels.get(said.get("kernel", -1)):
            self._tell_kernel(kernel, said)

    def _hand_over(self, said: dict[str, Any], descriptors: list[int]) -> None:
        folder, starter = descriptors
        inside = Path(said["inside"])
        kernel = WarmKernel(said["kernel"], folder, inside, said["connection"], starter, self)
        self._kernels[kernel.number] = kernel
        self._waiting.pop(said["id"]).set_result(kernel)

    def _tell_kernel(self, kernel: WarmKernel, said: dict[str, Any]) -> None:
        if said["tell"] == "incident":
            kernel.incidents.append(str(said["what"]))
        elif said["tell"] == "over":
            kernel.over.set_result(int(said["status"]))
        elif said["tell"] == "gone":
            del self._kernels[kernel.number]
            _finish(kernel)

    def _lose(self) -> None:
        """The launcher is gone, and with it every kernel."""
        with self._lock:
            self.lost = True
        lost = LauncherLost(self.complaint())
        if not self._hello.done():
            self._hello.set_exception(lost)
        for answer in self._waiting.values():
            answer.set_exception(lost)
        for kernel in self._kernels.values():
            kernel.lost = True
            _finish(kernel)


def _finish(kernel: WarmKernel) -> None:
    if not kernel.over.done():
        kernel.over.set_result(-9)
    kernel.gone.set_result(None)
