"""From the launcher to a sealed process: a keeper outside, a warden inside, and what they are put around.

With namespaces: launcher → keeper → warden (first process of the pid namespace) → the student's process. Without
them the keeper is the warden as well. The warden ends the student's processes when it is told to or when they
outgrow their sandbox, says how the kernel ended, and takes everything with it when it goes.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from grader.sandbox import calls, identity, members, root, seccomp
from grader.sandbox.confinement import rules_for
from grader.sandbox.identity import Owner
from grader.sandbox.landlock import restrict
from grader.sandbox.plan import STUDENT, Plan
from grader.sandbox.watch import INTERVAL_S, Watch, held_by

LONGEST_MESSAGE = 65536
"""Bytes of one message between the processes of a lineage."""
_BROKEN = 70
"""Exit status of a process of ours that failed before the student's code."""
_NAMESPACES = (
    calls.CLONE_NEWNS | calls.CLONE_NEWPID | calls.CLONE_NEWNET | calls.CLONE_NEWIPC | calls.CLONE_NEWUTS
)


@dataclass(frozen=True)
class Room:
    """What the innermost process is given."""

    plan: Plan
    line: socket.socket
    """To the launcher; to be closed before the student's code."""

    def say(self, message: dict[str, Any], *descriptors: int) -> None:
        """Tell the launcher something."""
        socket.send_fds(self.line, [json.dumps(message).encode()], descriptors)


Body = Callable[[Room], None]


@dataclass(frozen=True)
class Kept:
    """A lineage as its launcher knows it."""

    keeper: int
    line: socket.socket
    """Messages come out of it, each JSON with `say`; it ends when warden and keeper have ended."""

    def tell(self, **order: Any) -> None:
        """Give the warden an order: `signal=N` for the kernel's process group, or `kill=True` for everything."""
        with contextlib.suppress(OSError):
            self.line.send(json.dumps(order).encode())


def spawn(plan: Plan, body: Body) -> Kept:
    """Fork a lineage; `body` runs in its innermost process once every layer is closed around it.

    The caller has one thread and reaps orphans (`calls.PR_SET_CHILD_SUBREAPER`).
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    launcher = os.getpid()
    keeper = os.fork()
    if keeper == 0:
        with _never_returning(theirs):
            ours.close()
            _keep(plan, theirs, body, launcher)
    theirs.close()
    return Kept(keeper, ours)


def _keep(plan: Plan, line: socket.socket, body: Body, launcher: int) -> NoReturn:
    """The keeper: opens the namespaces, or does without them."""
    os.umask(0o022)
    owner = identity.owner_of(os.getpid()) if plan.sealed else Owner(os.getuid(), os.getgid())
    if plan.layers.cgroup is not None:
        # The launcher moves this process into its group first.
        line.recv(LONGEST_MESSAGE)
    if not plan.layers.namespaces:
        _serve_on_disk(plan, owner, line, body)
    _end_with(launcher)
    if owner.transient:
        calls.unshare(_NAMESPACES)
    else:
        identity.enter_user_namespace(owner, _NAMESPACES)
    warden = os.fork()
    if warden == 0:
        with _never_returning(line):
            _serve_in_namespaces(plan, owner, line, body)
    line.close()
    identity.become(owner)
    identity.seal()
    identity.hide()
    _end_with(launcher)
    os.waitpid(warden, 0)
    os._exit(0)


def _serve_in_namespaces(plan: Plan, owner: Owner, line: socket.socket, body: Body) -> NoReturn:
    calls.prctl(calls.PR_SET_PDEATHSIG, signal.SIGKILL)
    seen = owner if owner.transient else Owner(STUDENT, STUDENT)
    root.build(plan.readable, plan.ceiling, seen.uid, seen.gid)
    kernel = _fork_kernel(plan, owner, line, body)
    identity.become(owner)
    identity.seal()
    identity.hide()
    _guard(plan, kernel, line, members.all_but_me)
    # With the first process of the namespace everything in it ends.
    os._exit(0)


def _serve_on_disk(plan: Plan, owner: Owner, line: socket.socket, body: Body) -> NoReturn:
    assert plan.scratch is not None
    if owner.transient:
        os.chown(plan.scratch, owner.uid, owner.gid)
    root.make_folders(plan.scratch, owner.uid, owner.gid)
    calls.prctl(calls.PR_SET_CHILD_SUBREAPER, 1)
    kernel = _fork_kernel(plan, owner, line, body)
    identity.become(owner)
    if plan.sealed:
        identity.hide()
    orphaned = _guard(plan, kernel, line, members.descendants)
    members.kill(members.descendants)
    if orphaned:
        # Else the launcher removes it, once the grader has read what was recorded.
        shutil.rmtree(plan.scratch, ignore_errors=True)
    os._exit(0)


def _fork_kernel(plan: Plan, owner: Owner, line: socket.socket, body: Body) -> int:
    kernel = os.fork()
    if kernel == 0:
        with _never_returning(line):
            _close_in(plan, owner)
            _keep_descriptors(line.fileno(), plan.inside / "kernel.log")
            body(Room(plan, line))
            os._exit(0)
    return kernel


def _close_in(plan: Plan, owner: Owner) -> None:
    """Every layer, from the outside in; what comes after is the student's."""
    os.setsid()
    if not plan.sealed:
        calls.prctl(calls.PR_SET_PDEATHSIG, signal.SIGKILL)
        return
    os.umask(0o077)
    identity.become(owner)
    if owner.transient and plan.layers.namespaces:
        # A machine that grants root no user namespace still has the transient user.
        with contextlib.suppress(OSError):
            identity.enter_user_namespace(owner)
    calls.prctl(calls.PR_SET_DUMPABLE, 1)
    identity.seal()
    if plan.layers.landlock:
        restrict(rules_for(plan), plan.layers.landlock)
    if plan.program:
        seccomp.install(plan.program)


def _guard(plan: Plan, kernel: int, line: socket.socket, of: members.Members) -> bool:
    """Wait for the kernel's end, for orders, and for what is too much. Returns whether the launcher was lost."""
    watch = Watch(of, kernel, plan.ceiling, held_by(kernel), plan.scratch if plan.sealed else None)
    process = os.pidfd_open(kernel)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.register(line, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(int(INTERVAL_S * 1000))}
        if line.fileno() in ready:
            message = line.recv(LONGEST_MESSAGE)
            if not message or _is_the_end(message, kernel):
                return not message
        if process in ready:
            _, status = os.waitpid(kernel, 0)
            members.kill(of)
            _say(line, {"say": "over", "status": os.waitstatus_to_exitcode(status)})
            return False
        members.reap(kernel)
        if incident := watch.look():
            _say(line, {"say": "incident", "what": incident})


def _is_the_end(message: bytes, kernel: int) -> bool:
    """Carry out one order; the one to end everything is left to the caller."""
    order = json.loads(message)
    if order.get("kill"):
        return True
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(kernel, int(order["signal"]))
    return False


def _say(line: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        line.send(json.dumps(message).encode())


def _end_with(parent: int) -> None:
    """Die with the process that forked this one, also when it is gone already."""
    calls.prctl(calls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(_BROKEN)


def _keep_descriptors(line: int, log: Path) -> None:
    """Nothing that the launcher had open stays so; what the kernel complains goes into the scratch folder."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    complaints = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(complaints, 1)
    os.dup2(complaints, 2)
    os.closerange(3, line)
    os.closerange(line + 1, 1 << 16)


@contextlib.contextmanager
def _never_returning(line: socket.socket) -> Any:
    """A forked process ends here, whatever happens; a failure is told first."""
    try:
        yield
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
        _say(line, {"say": "failed", "why": reason[:500], "trace": traceback.format_exc()[-3000:]})
    finally:
        sys.stdout.flush()
        os._exit(_BROKEN)
