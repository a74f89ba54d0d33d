"""Who a sandboxed process is: nobody that owns anything, with no capability and no way to get one."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from grader.sandbox import calls
from grader.sandbox.plan import FIRST_UID, STUDENT


@dataclass(frozen=True)
class Owner:
    """The user and group, as the machine counts them, that a sandbox runs as."""

    uid: int
    gid: int

    @property
    def transient(self) -> bool:
        """Whether it was made up for one sandbox, which only root can do."""
        return self.uid >= FIRST_UID


def owner_of(process: int) -> Owner:
    """Whom the sandbox of a keeper becomes: as root somebody who owns nothing at all, else the same user."""
    made_up = FIRST_UID + process
    if os.geteuid() == 0 and _is_mapped("uid_map", made_up) and _is_mapped("gid_map", made_up):
        return Owner(made_up, made_up)
    return Owner(os.getuid(), os.getgid())


def _is_mapped(file: str, number: int) -> bool:
    """Whether an id means anything here: the root of a rootless container has few beside its own."""
    lines = Path("/proc/self", file).read_text(encoding="ascii").splitlines()
    spans = [[int(word) for word in line.split()] for line in lines]
    return any(first <= number < first + length for first, _, length in spans)


def become(owner: Owner) -> None:
    """Give up root for good; for an ordinary user nothing changes."""
    if not owner.transient:
        return
    os.setgroups([])
    os.setresgid(owner.gid, owner.gid, owner.gid)
    os.setresuid(owner.uid, owner.uid, owner.uid)


def enter_user_namespace(owner: Owner, flags: int = 0) -> None:
    """A user namespace, and others with it, in which this user is the student and nobody else exists.

    Raises:
        OSError: the machine grants none.
    """
    # Changing the user took this away, and the maps below belong to root without it.
    calls.prctl(calls.PR_SET_DUMPABLE, 1)
    calls.unshare(calls.CLONE_NEWUSER | flags)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{STUDENT} {owner.uid} 1")
    Path("/proc/self/gid_map").write_text(f"{STUDENT} {owner.gid} 1")


def seal() -> None:
    """No capabilities, no new privileges, no keys, first in line when memory runs out, gone with its parent."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    calls.leave_keyrings()
    calls.drop_capabilities()
    calls.prctl(calls.PR_SET_NO_NEW_PRIVS, 1)
    # After the change of user, which would have cleared it.
    calls.prctl(calls.PR_SET_PDEATHSIG, signal.SIGKILL)


def hide() -> None:
    """Nobody of the same user may look into this process or write to it."""
    calls.prctl(calls.PR_SET_DUMPABLE, 0)
