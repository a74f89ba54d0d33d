"""One kernel, spoken to cell by cell; everything that the student's code does to it becomes a `CellRun`."""

# mypy: allow-untyped-calls
# nbformat's constructors carry no types.

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from queue import Empty
from typing import Any, Literal

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from nbclient.client import NotebookClient
from nbclient.exceptions import CellExecutionComplete, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from grader.execute.provisioner import WarmProvisioner
from grader.execute.screen import FigureBudget, Screen
from grader.model.recording import CellRun, Limits
from grader.model.submission import Cell

Status = Literal["ok", "error", "timeout", "died", "not_run"]

FINISH_REQUEST = "grader_finish_request"
_PUBLISHED_S = 0.1
"""Within which a kernel that has replied was also heard on its publishing channel, if anything is heard there yet."""
_NEWS_S = 0.25
"""Within which the warden of a sandbox has looked at it, and been heard."""
_OF_LIMITS = {"BlockingIOError", "RuntimeError", "OSError", "MemoryError"}
"""Exceptions that a limit raises."""


@dataclass(frozen=True)
class Patience:
    """Seconds that the grader waits for a kernel, beside the assignment's limits."""

    start_s: float = 120.0
    interrupted_s: float = 5.0
    """For a cell to end after it was interrupted; then the kernel is killed."""
    finish_s: float = 60.0
    """For the recorder to write what is left after the last cell."""


@dataclass
class Transcript:
    """How a submission went."""

    cells: list[CellRun] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(cell.seconds for cell in self.cells)


class Listener(NotebookClient):
    """An nbclient that gives what the kernel publishes to a `Screen` instead of to a notebook."""

    screen: Screen

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> None:
        """Take one message of the cell that runs.

        Raises:
            CellExecutionComplete: it says that the cell is over.
        """
        content = msg.get("content")
        if not isinstance(content, Mapping):
            return
        if msg.get("msg_type") == "status" and content.get("execution_state") == "idle":
            raise CellExecutionComplete
        self.screen.take(str(msg.get("msg_type")), content)


class Conversation:
    """Runs the cells of one submission in one kernel."""

    def __init__(self, manager: AsyncKernelManager, limits: Limits, patience: Patience, folder: str) -> None:
        self._manager = manager
        self._folder = folder
        self._limits = limits
        self._patience = patience
        self._figures = FigureBudget(limits.figures)
        self._client = Listener(new_notebook(), km=manager, allow_errors=True, timeout=None)
        self._alive = True

    async def open(self) -> None:
        """Wait until the kernel answers.

        Raises:
            RuntimeError: it died, or did not in time.
        """
        self._client.kc = client = self._manager.client(context=self._manager.context)
        client.start_channels()
        client.allow_stdin = False
        deadline = time.monotonic() + self._patience.start_s
        while not await self._answers(client, deadline):
            pass

    async def _answers(self, client: AsyncKernelClient, deadline: float) -> bool:
        """Ask the kernel about itself. Returns whether both its reply and what it publishes have reached us.

        The client's own `wait_for_ready` listens for a fixed fifth of a second more.
        """
        request = client.kernel_info()
        while await _parent_of_next(client.shell_channel) != request:
            if not await self._manager.is_alive():
                raise RuntimeError(_death(self._manager))
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {self._patience.start_s:g} seconds")
        while parent := await _parent_of_next(client.iopub_channel, _PUBLISHED_S):
            if parent == request:
                return True
        return False

    def close(self) -> None:
        """Hang up."""
        if self._client.kc is not None:
            self._client.kc.stop_channels()

    async def run(self, cells: AsyncIterable[Cell]) -> Transcript:
        """Every cell in order; what follows a death or the end of the submission's time is `not_run`."""
        transcript = Transcript()
        async for cell in cells:
            number = cell.number or 0
            left = self._limits.submission_s - transcript.seconds
            if not self._alive or left <= 0:
                note = None if not self._alive else "not run: the time for the whole submission was used up"
                transcript.cells.append(CellRun(number=number, status="not_run", note=note))
                continue
            transcript.cells.append(await self._run_cell(number, cell.source, left, transcript.problems))
        return transcript

    async def hold(self) -> None:
        """Stop the kernel's processes where they are, so that nothing goes on in them between two cells."""
        if self._alive and sys.platform != "win32" and self._manager.provisioner is not None:
            await self._manager.provisioner.send_signal(signal.SIGSTOP)

    async def release(self) -> None:
        """Let them go on after `hold`."""
        if self._alive and sys.platform != "win32" and self._manager.provisioner is not None:
            await self._manager.provisioner.send_signal(signal.SIGCONT)

    async def finish(self) -> str | None:
        """Let the recorder write what is left. Returns what went wrong, if something did."""
        client = self._client.kc
        if not self._alive or client is None:
            return None
        request = client.session.msg(FINISH_REQUEST, {})
        client.shell_channel.send(request)
        deadline = time.monotonic() + self._patience.finish_s
        while time.monotonic() < deadline:
            try:
                reply = await client.shell_channel.get_msg(timeout=1)
            except Empty:
                if not await self._manager.is_alive():
                    return "the process ended before the recording was finished"
            else:
                if reply["parent_header"].get("msg_id") == request["header"]["msg_id"]:
                    problem = reply["content"].get("problem")
                    return None if problem is None else f"finishing the recording failed: {problem}"
        return "the recording was not finished in time"

    async def _run_cell(self, number: int, source: str, left: float, problems: list[str]) -> CellRun:
        screen = self._client.screen = Screen(number, self._limits, self._figures, self._folder)
        limit = min(self._limits.cell_s, left)
        started = time.monotonic()
        cell = new_code_cell(source)
        self._client.nb.cells = [cell]
        running = asyncio.ensure_future(self._client.async_execute_cell(cell, 0))
        try:
            in_time = await self._ended(running, limit)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        seconds = time.monotonic() - started
        if in_time and (failure := _failure(running)):
            problems.append(f"cell {number}: {failure}")
        status = self._status(screen, running, in_time)
        if not in_time:
            screen.note(_stopped(limit, self._limits, alive=self._alive))
        for incident in await self._incidents(screen):
            screen.note(incident)
        return CellRun(
            number=number,
            status=status,
            outputs=screen.outputs,
            error=screen.error,
            seconds=round(seconds, 3),
            note=screen.notes,
        )

    async def _incidents(self, screen: Screen) -> list[str]:
        """What outgrew the sandbox in this cell, if the kernel is in one that watches."""
        provisioner = self._manager.provisioner
        if not isinstance(provisioner, WarmProvisioner):
            return []
        if screen.error is not None and screen.error.name in _OF_LIMITS:
            # Its cause was perhaps seen, and is still on its way to us.
            await asyncio.sleep(_NEWS_S)
        return provisioner.incidents

    async def _ended(self, running: asyncio.Future[Any], limit: float) -> bool:
        """Wait for a cell, then interrupt it, then kill the kernel. Returns whether it ended by itself."""
        done, _ = await asyncio.wait({running}, timeout=limit)
        if done:
            return True
        await self._manager.interrupt_kernel()
        done, _ = await asyncio.wait({running}, timeout=self._patience.interrupted_s)
        if not done:
            self._alive = False
            await kill(self._manager)
        return False

    def _status(self, screen: Screen, running: asyncio.Future[Any], in_time: bool) -> Status:
        died = running.done() and not running.cancelled() and isinstance(running.exception(), DeadKernelError)
        if died and in_time:
            self._alive = False
            screen.note(_death(self._manager))
            return "died"
        self._alive = self._alive and not died
        if not in_time:
            return "timeout"
        if screen.error is not None and _left_on_purpose(screen):
            screen.error = None
            screen.note("`exit()` ended this cell; the grader went on with the next one")
        return "ok" if screen.error is None else "error"


async def _parent_of_next(channel: Any, seconds: float = 1.0) -> str | None:
    """Which request the next message on a channel answers; None when there is none within a time."""
    try:
        message = await channel.get_msg(timeout=seconds)
    except Empty:
        return None
    return str(message["parent_header"].get("msg_id"))


async def kill(manager: AsyncKernelManager) -> None:
    """End a kernel's whole process group, whatever state it is in."""
    provisioner = manager.provisioner
    if provisioner is not None and provisioner.has_process:
        await provisioner.kill()
        await provisioner.wait()


def _failure(running: asyncio.Future[Any]) -> str | None:
    """What went wrong in the conversation itself: the student's process can send any bytes it likes."""
    error = running.exception()
    if error is None or isinstance(error, DeadKernelError):
        return None
    return f"the kernel's messages could not be read ({type(error).__name__})"


def _left_on_purpose(screen: Screen) -> bool:
    error = screen.error
    return error is not None and error.name == "SystemExit" and error.message in ("", "0", "None")


def _stopped(limit: float, limits: Limits, *, alive: bool) -> str:
    # Not how much was left: that is a little different each time the same submission is run.
    what = (
        f"the {limits.cell_s:g} s that a cell may take"
        if limit >= limits.cell_s
        else f"what was left of the {limits.submission_s:g} s for the whole submission"
    )
    how = "interrupted" if alive else "stopped with its process, because it did not heed the interruption"
    return f"ran longer than {what} and was {how}"


def _death(manager: AsyncKernelManager) -> str:
    provisioner = manager.provisioner
    if isinstance(provisioner, WarmProvisioner):
        code = provisioner.status
    else:
        code = getattr(getattr(provisioner, "process", None), "returncode", None)
    if isinstance(code, int) and code < 0:
        return f"the Python process was ended by {signal.Signals(-code).name}"
    return "the Python process ended itself" + ("" if code is None else f" with exit status {code}")
