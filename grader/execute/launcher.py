"""The grader's end of a launcher: asks for kernels, hears how they end, and starts a new launcher when one dies."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from grader.errors import GradingFailed, UsageError
from grader.execute.environment import launcher_environment
from grader.execute.job import Device
from grader.execute.temporary import HeldFolder, held_folder

Sandbox = Literal["auto", "strict", "none"]

_COMMAND = ("-P", "-m", "grader.launcher")
_LONGEST_MESSAGE = 65536
_START_S = 180.0
"""For a launcher to import everything, on a machine that is busy."""
_END_S = 10.0


@dataclass(frozen=True)
class Comfort:
    """How a launcher is set up."""

    sandbox: Sandbox = "auto"
    device: Device = "cpu"
    spares: int = 1
    """Kernels that wait, forked and sealed, for the next submission."""
    memory: int = 2 * 1024**3
    """Bytes for all processes of a submission together."""
    processes: int = 64
    disk: int = 512 * 1024**2
    """Bytes in a scratch folder."""


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
    launcher: Launcher
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
        self.launcher.ask("signal", kernel=self.number, signal=number)

    def end(self) -> None:
        """End all of its processes, whatever they do."""
        if not self.gone.done():
            self.launcher.ask("kill", kernel=self.number)

    def close(self) -> None:
        """End it, wait until nothing is left, and let its folder vanish."""
        self.end()
        with contextlib.suppress(TookTooLong):
            self.gone.result(_END_S)
        os.close(self.folder)
        os.close(self.starter)
        self.launcher.ask("forget", kernel=self.number)


class Launcher:
    """One launcher process at a time; safe to use from several threads."""

    def __init__(self, comfort: Comfort | None = None) -> None:
        self.comfort = comfort or Comfort()
        self._lock = threading.Lock()
        self._process: _Process | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that hold its kernels.

        Raises:
            UsageError: the machine has no sandbox, and none was not asked for.
            GradingFailed: it did not start.
        """
        return self._running().layers()

    def start(self) -> None:
        """Begin to warm up; returns at once."""
        self._running()

    def take(self) -> WarmKernel:
        """A kernel that is ready to go.

        Raises:
            UsageError: as for `layers`.
            GradingFailed: no kernel came up, also not in a second launcher.
        """
        try:
            return self._running().take(self)
        except _Lost:
            # A launcher that something ended is no reason to leave a submission ungraded.
            return self._take_again()

    def ask(self, what: str, **order: Any) -> None:
        """Pass an order on; a launcher that is gone has ended its kernels already."""
        process = self._process
        if process is not None:
            process.ask(what, **order)

    def close(self) -> None:
        """End the launcher and every kernel it has."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.close()

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> _Process:
        with self._lock:
            if self._process is None or self._process.lost:
                if self._process is not None:
                    self._process.close()
                self._process = _Process(self.comfort)
            return self._process

    def _take_again(self) -> WarmKernel:
        try:
            return self._running().take(self)
        except _Lost as error:
            raise GradingFailed(f"the launcher of kernels ended by itself: {error}") from error


class KernelLost(GradingFailed):
    """A kernel ended with its launcher; the submission may be run again."""


class _Lost(Exception):
    """A launcher ended while something was expected of it."""


class _Process:
    """One launcher process and the thread that hears it."""

    def __init__(self, comfort: Comfort) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._home = _home()
        self._hello: Future[dict[str, Any]] = Future()
        self._waiting: dict[int, Future[WarmKernel]] = {}
        self._kernels: dict[int, WarmKernel] = {}
        self._lock = threading.Lock()
        self._asked = 0
        self._owner: Launcher | None = None
        self.lost = False
        self._log = self._home.path / "log"
        with self._log.open("wb") as log:
            self._log.chmod(0o600)
            self._child = subprocess.Popen(
                [sys.executable, *_COMMAND, str(theirs.fileno()), _config(comfort, self._home.path)],
                pass_fds=[theirs.fileno()],
                env=launcher_environment(self._home.path, comfort.device),
                cwd=self._home.path,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the grader, which then ends what it started.
                start_new_session=True,
            )
        theirs.close()
        self._listener = threading.Thread(target=self._listen, name="launcher", daemon=True)
        self._listener.start()

    def layers(self) -> tuple[str, ...]:
        hello = self._greeting()
        return tuple(str(layer) for layer in hello["layers"])

    def take(self, launcher: Launcher) -> WarmKernel:
        self._greeting()
        with self._lock:
            if self.lost:
                raise _Lost(self._complaint())
            self._owner = launcher
            self._asked += 1
            number, answer = self._asked, Future[WarmKernel]()
            self._waiting[number] = answer
        self.ask("kernel", id=number)
        try:
            return answer.result(_START_S)
        except TookTooLong as error:
            raise GradingFailed(f"no kernel was ready within {_START_S:g} s") from error

    def ask(self, what: str, **order: Any) -> None:
        with contextlib.suppress(OSError):
            self._control.send(json.dumps({"ask": what, **order}).encode())

    def close(self) -> None:
        if not self._hello.done():
            # It imports still, hears nothing, and has no kernels yet.
            self._child.kill()
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        try:
            self._child.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._listener.join()
        self._control.close()
        self._home.remove()

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
        assert self._owner is not None
        kernel = WarmKernel(
            said["kernel"], folder, Path(said["inside"]), said["connection"], starter, self._owner
        )
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
        lost = _Lost(self._complaint())
        if not self._hello.done():
            self._hello.set_exception(lost)
        for answer in self._waiting.values():
            answer.set_exception(lost)
        for kernel in self._kernels.values():
            kernel.lost = True
            _finish(kernel)

    def _complaint(self) -> str:
        """The last thing it wrote."""
        with contextlib.suppress(OSError):
            lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return lines[-1][:300] if lines else "without a word"
        return "without a word"


def _finish(kernel: WarmKernel) -> None:
    if not kernel.over.done():
        kernel.over.set_result(-9)
    kernel.gone.set_result(None)


def _home() -> HeldFolder:
    """A folder for a launcher; kernels without namespaces have theirs in it, and may pass through to them.

    Raises:
        GradingFailed: it cannot be made.
    """
    try:
        home = held_folder("warm")
        home.path.chmod(0o711)
    except OSError as error:
        raise GradingFailed(f"no folder could be made for the launcher of kernels: {error}") from error
    return home


def _config(comfort: Comfort, home: Path) -> str:
    ceiling = {"memory": comfort.memory, "processes": comfort.processes, "disk": comfort.disk}
    fields = {"sandbox": comfort.sandbox, "spares": comfort.spares, "home": str(home), "ceiling": ceiling}
    return json.dumps(fields)
