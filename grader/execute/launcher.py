"""The grader's end of a launcher: starts it, shares it with other processes, and starts another when it dies."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from grader.errors import GradingFailed
from grader.execute.environment import launcher_environment
from grader.execute.job import Device
from grader.execute.launcher_line import LauncherLine, LauncherLost, WarmKernel
from grader.execute.temporary import HeldFolder, held_folder

Sandbox = Literal["auto", "strict", "none"]
_Answer = TypeVar("_Answer")

_COMMAND = ("-P", "-m", "grader.launcher")
_END_S = 10.0


@dataclass(frozen=True)
class Comfort:
    """How a launcher is set up."""

    sandbox: Sandbox = "auto"
    device: Device = "cpu"
    spares: int = 1
    """Kernels that wait, forked and sealed, for the next submission; as many for each who borrows the launcher."""
    memory: int = 2 * 1024**3
    """Bytes for all processes of a submission together."""
    processes: int = 64
    disk: int = 512 * 1024**2
    """Bytes in a scratch folder."""


class Launcher:
    """One launcher process at a time; safe to use from several threads."""

    def __init__(self, comfort: Comfort | None = None, borrowed: socket.socket | None = None) -> None:
        """
        Args:
            comfort: how a launcher is set up that is started here.
            borrowed: what `lend` of another process's launcher gave; one is started here only if that one is lost.
        """
        self.comfort = comfort or Comfort()
        self._lock = threading.Lock()
        self._line = LauncherLine(borrowed) if borrowed is not None else None

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that hold its kernels.

        Raises:
            UsageError: the machine has no sandbox, and none was not asked for.
            GradingFailed: it did not start.
        """
        return self._heard(LauncherLine.layers)

    def start(self) -> None:
        """Begin to warm up; returns at once."""
        self._running()

    def take(self) -> WarmKernel:
        """A kernel that is ready to go.

        Raises:
            UsageError: as for `layers`.
            GradingFailed: no kernel came up, also not in a second launcher.
        """
        return self._heard(LauncherLine.take)

    def lend(self) -> socket.socket:
        """A line for another process's `Launcher`, which takes kernels from the launcher that runs here."""
        return self._running().lend()

    def close(self) -> None:
        """End the launcher and every kernel it has; of a borrowed one, only the kernels taken here."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            line.close()

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _running(self) -> LauncherLine:
        with self._lock:
            if self._line is None or self._line.lost:
                if self._line is not None:
                    self._line.close()
                self._line = _Process(self.comfort)
            return self._line

    def _heard(self, question: Callable[[LauncherLine], _Answer]) -> _Answer:
        """A launcher that something ended is no reason to leave a submission ungraded: another one is asked."""
        try:
            return question(self._running())
        except LauncherLost:
            pass
        try:
            return question(self._running())
        except LauncherLost as error:
            raise GradingFailed(f"the launcher of kernels ended by itself: {error}") from error


class _Process(LauncherLine):
    """A launcher process that was started here, and the first line to it: when that ends, so does the launcher."""

    def __init__(self, comfort: Comfort) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._home = _home()
        self._log = self._home.path / "log"
        with theirs, self._log.open("wb") as log:
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
        super().__init__(ours)

    def close(self) -> None:
        """End it and every kernel it has, whoever asked for them."""
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
        super().close()
        self._home.remove()

    def complaint(self) -> str:
        """The last thing it wrote."""
        with contextlib.suppress(OSError):
            lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return lines[-1][:300] if lines else "without a word"
        return "without a word"


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
