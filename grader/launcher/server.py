"""The launcher's loop: keeps kernels ready, hands them out, passes orders on, and reports how they end."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grader.launcher.kernel import serve
from grader.launcher.lineage import LONGEST_MESSAGE, Kept, spawn
from grader.sandbox import calls, members
from grader.sandbox.cgroup import Cgroup
from grader.sandbox.plan import Plan

_LOOK_S = 1.0
"""How often the loop looks whether its own parent is still there."""
_OUT_OF_MEMORY = "its processes held more memory together than a submission may, and were ended"
_THREADS = 64
"""Of a Jupyter kernel, its keeper and its warden."""
_PATIENCE_S = 3.0
"""For a warden to end its kernel before it is ended with it."""


@dataclass
class Held:
    """One kernel and what is known of it."""

    number: int
    kept: Kept
    group: Cgroup | None
    process: int
    """Descriptor of its keeper, readable when that has ended."""
    ready: dict[str, Any] | None = None
    descriptors: list[int] = field(default_factory=list)
    """The scratch folder and the pipe that starts it, until they are handed out."""
    client: socket.socket | None = None
    """The line it was handed out on."""
    ending: float | None = None
    """Since when it is to end."""
    buried: bool = False
    """Its descriptors are closed; what was found ready along with its end is heard no more."""


class Server:
    """Everything the launcher does after it has warmed up; one thread."""

    def __init__(self, control: socket.socket, plan: Plan, folder: Path, spares: int) -> None:
        self._control = control
        self._plan = plan
        self._folder = folder
        self._spares = spares
        self._clients = {control}
        """Whoever may ask: the process that started this one, and those to which it lends its kernels."""
        self._held: dict[int, Held] = {}
        self._asked: list[tuple[socket.socket, int]] = []
        self._folders: dict[int, Path] = {}
        """Scratch folders on disk, until the client has read them."""
        self._count = 0
        self._parent = os.getppid()
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until the first client hangs up, then end every kernel."""
        calls.prctl(calls.PR_SET_CHILD_SUBREAPER, 1)
        try:
            self._admit(self._control)
            while os.getppid() == self._parent:
                self._fill_up()
                for key, _ in self._selector.select(_LOOK_S):
                    key.data()
                self._press_on()
        except _HungUp:
            pass
        finally:
            self._end_all()

    # ------------------------------------------------------------ clients

    def _admit(self, line: socket.socket) -> None:
        self._clients.add(line)
        self._selector.register(line, selectors.EVENT_READ, lambda: self._hear_client(line))
        self._tell(line, tell="hello", layers=self._plan.layers.names() if self._plan.sealed else [])

    def _hear_client(self, line: socket.socket) -> None:
        if line not in self._clients:
            return
        try:
            message, descriptors, _, _ = socket.recv_fds(line, LONGEST_MESSAGE, 1)
        except ConnectionError:
            message, descriptors = b"", []
        if not message:
            self._dismiss(line)
            return
        order = json.loads(message)
        held = self._held.get(order.get("kernel", -1))
        if order["ask"] == "kernel":
            self._asked.append((line, order["id"]))
            self._hand_out()
        elif order["ask"] == "line":
            self._admit(socket.socket(fileno=descriptors[0]))
        elif held is not None and order["ask"] == "signal":
            held.kept.tell(signal=order["signal"])
        elif held is not None and order["ask"] == "kill":
            self._end(held)
        elif order["ask"] == "forget":
            self._remove_folder(order["kernel"])

    def _hand_out(self) -> None:
        """Give those who wait what is ready."""
        for held in self._held.values():
            if self._asked and held.ready is not None and held.client is None and held.ending is None:
                line, number = self._asked.pop(0)
                held.client = line
                answer = {"tell": "kernel", "id": number, "kernel": held.number, **held.ready}
                try:
                    socket.send_fds(line, [json.dumps(answer).encode()], held.descriptors)
                except OSError:
                    self._dismiss(line)
                self._let_go(held)

    def _tell(self, line: socket.socket, **message: Any) -> None:
        try:
            line.send(json.dumps(message).encode())
        except OSError:
            self._dismiss(line)

    def _dismiss(self, line: socket.socket) -> None:
        """A client is gone: nobody waits for its kernels. Without the first one, there is nothing left to do."""
        if line is self._control:
            raise _HungUp
        if line not in self._clients:
            return
        self._clients.discard(line)
        self._selector.unregister(line)
        line.close()
        self._asked = [asked for asked in self._asked if asked[0] is not line]
        for held in self._held.values():
            if held.client is line:
                self._end(held)

    # ------------------------------------------------------------ kernels

    def _fill_up(self) -> None:
        """As many as are asked for, and spares for each who borrows, or for the one who does not lend."""
        waiting = sum(held.client is None and held.ending is None for held in self._held.values())
        spares = self._spares * max(1, len(self._clients) - 1)
        for _ in range(len(self._asked) + spares - waiting):
            self._spawn()

    def _spawn(self) -> None:
        self._count += 1
        plan, scratch = self._plan, None
        if not plan.layers.namespaces:
            scratch = Path(tempfile.mkdtemp(prefix="", dir=self._folder)).resolve()
            plan = replace(plan, scratch=scratch)
        kept = spawn(plan, serve)
        group = self._grouped(kept)
        held = Held(self._count, kept, group, os.pidfd_open(kept.keeper))
        if scratch is not None:
            self._folders[held.number] = scratch
        self._held[held.number] = held
        self._selector.register(kept.line, selectors.EVENT_READ, lambda: self._hear_kernel(held))
        self._selector.register(held.process, selectors.EVENT_READ, lambda: self._bury(held))

    def _grouped(self, kept: Kept) -> Cgroup | None:
        """Put a keeper, which waits for it, into a control group, where there are any."""
        parent, ceiling = self._plan.layers.cgroup, self._plan.ceiling
        if parent is None:
            return None
        # The scratch folder is memory as well; threads count as processes, and two of the processes are ours.
        room = ceiling.memory + ceiling.disk
        group = Cgroup.make(parent, f"grade-{kept.keeper}", room, 2 * ceiling.processes + _THREADS)
        group.enter(kept.keeper)
        kept.tell()
        return group

    def _hear_kernel(self, held: Held) -> None:
        if held.buried:
            return
        message, descriptors, _, _ = socket.recv_fds(held.kept.line, LONGEST_MESSAGE, 4)
        if not message:
            self._selector.unregister(held.kept.line)
            return
        said = json.loads(message)
        if said["say"] == "ready":
            held.descriptors = descriptors
            held.ready = {"connection": said["connection"], "inside": said["inside"]}
            self._hand_out()
        elif said["say"] == "failed" and held.client is None:
            self._fail(said["why"])
        elif said["say"] in ("over", "incident"):
            if held.group is not None and held.group.events()["oom_kill"]:
                self._tell_of(held, tell="incident", what=_OUT_OF_MEMORY)
            self._tell_of(held, tell=said.pop("say"), **said)

    def _tell_of(self, held: Held, **message: Any) -> None:
        if held.client in self._clients:
            self._tell(held.client, kernel=held.number, **message)

    def _fail(self, why: str) -> None:
        """A kernel did not come up: whoever waits is told, and no other is tried until somebody asks again."""
        self._spares = 0
        if self._asked:
            line, number = self._asked.pop(0)
            self._tell(line, tell="failed", id=number, why=why)

    def _end(self, held: Held) -> None:
        held.kept.tell(kill=True)
        held.ending = held.ending or time.monotonic()

    def _press_on(self) -> None:
        for held in self._held.values():
            if held.ending is not None and time.monotonic() - held.ending > _PATIENCE_S:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(held.kept.keeper, signal.SIGKILL)

    def _bury(self, held: Held) -> None:
        """All of a lineage is gone: take leave of it and of what it left."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(held.kept.keeper, 0)
        self._drain(held)
        for source in (held.kept.line, held.process):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(source)
        held.buried = True
        held.kept.line.close()
        os.close(held.process)
        self._let_go(held)
        del self._held[held.number]
        self._sweep(held)
        if held.client is not None:
            self._tell_of(held, tell="gone")
        elif held.ending is None:
            self._fail("a kernel ended before it was asked for anything")

    def _drain(self, held: Held) -> None:
        """Hear what it said last."""
        held.kept.line.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError, KeyError):
            while held.kept.line in {key.fileobj for key in self._selector.get_map().values()}:
                self._hear_kernel(held)

    def _sweep(self, held: Held) -> None:
        """Orphans of a keeper that was ended from outside have become ours; so has its folder."""
        if held.group is not None:
            _remove(held.group)
        known = {other.kept.keeper for other in self._held.values()}
        members.kill_children_but(known)
        if held.client not in self._clients:
            self._remove_folder(held.number)

    def _remove_folder(self, kernel: int) -> None:
        if folder := self._folders.pop(kernel, None):
            shutil.rmtree(folder, ignore_errors=True)

    def _let_go(self, held: Held) -> None:
        for descriptor in held.descriptors:
            os.close(descriptor)
        held.descriptors = []

    def _end_all(self) -> None:
        for held in list(self._held.values()):
            held.kept.tell(kill=True)
            held.kept.line.close()
        deadline = time.monotonic() + _PATIENCE_S
        for held in list(self._held.values()):
            self._await_end(held, deadline)
        members.kill_children_but(set())
        for held in self._held.values():
            if held.group is not None:
                _remove(held.group)
        for kernel in list(self._folders):
            self._remove_folder(kernel)

    def _await_end(self, held: Held, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(held.process, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                os.kill(held.kept.keeper, signal.SIGKILL)
        os.waitpid(held.kept.keeper, 0)


def _remove(group: Cgroup) -> None:
    # One that does not empty itself stays behind; nothing can be done about it from here.
    with contextlib.suppress(OSError):
        group.kill()
        group.remove()


class _HungUp(Exception):
    """Nobody is at the other end."""
