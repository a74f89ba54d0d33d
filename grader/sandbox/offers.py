"""What this machine offers, found out by trying it in a child, and what a sandbox is made of then."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grader.sandbox import calls, cgroup, identity, landlock, root, seccomp
from grader.sandbox.plan import STUDENT, Ceiling, Layers, Readable

Wanted = Literal["auto", "strict", "none"]
"""How a sandbox is asked for."""


@dataclass(frozen=True)
class Offer:
    """One layer on this machine."""

    layer: str
    there: bool
    note: str
    """Why it is missing and what to do, or what it does not hold."""


_WITHOUT = {
    "namespaces": "sizes and dates of files outside can be seen, and what a submission writes to disk is not limited",
    "landlock": "files outside are held back by one fence instead of two",
    "seccomp": "submissions may try every system call of the kernel",
}
"""What the lack of a layer means where the others hold."""


class NoSandbox(RuntimeError):
    """The machine cannot hold untrusted code as it was asked to; the message says what to do."""


def offers() -> tuple[Offer, ...]:
    """Every layer, whether it works here, and what there is to say about it."""
    return (_namespaces(), _landlock(), _seccomp(), _cgroup(), Offer("rlimits", os.name == "posix", ""))


def layers_for(wanted: Wanted) -> Layers:
    """The layers that are there.

    Raises:
        NoSandbox: too little is there for what is wanted.
    """
    if wanted == "none":
        return Layers()
    there = {offer.layer: offer for offer in offers()}
    namespaces, locks, filters = (there[name] for name in ("namespaces", "landlock", "seccomp"))
    if wanted == "strict" and not (namespaces.there and filters.there):
        lacking = [offer for offer in (namespaces, filters) if not offer.there]
        raise NoSandbox(
            "--sandbox strict needs namespaces and seccomp: "
            + "; ".join(f"no {offer.layer} ({offer.note})" for offer in lacking)
        )
    if not (namespaces.there or locks.there):
        raise NoSandbox(
            f"this machine offers no sandbox (namespaces: {namespaces.note}; Landlock: {locks.note}), so submissions "
            "could do what you can; run only ones that you trust, with --sandbox none"
        )
    parent = cgroup.find() if there["cgroup"].there else None
    return Layers(namespaces.there, landlock.abi(), filters.there, parent)


def missing(found: tuple[Offer, ...]) -> tuple[str, ...]:
    """What untrusted code is held without here, a sentence for each layer with what can be done about it.

    Control groups are not among it: the sandbox counts memory and processes itself where there are none.
    """
    return tuple(
        f"no {offer.layer}, so {_WITHOUT[offer.layer]} ({offer.note})"
        for offer in found
        if offer.layer in _WITHOUT and not offer.there
    )


def _namespaces() -> Offer:
    if sys.platform != "linux":
        return Offer("namespaces", False, f"{platform.system()} has none; Linux, or WSL 2 on Windows, does")
    problem = _in_a_child(_try_namespaces)
    return Offer("namespaces", problem is None, "" if problem is None else f"{problem}; {_remedy()}")


def _landlock() -> Offer:
    version = landlock.abi()
    if not version:
        return Offer("landlock", False, "needs Linux 5.13 with landlock among the kernel's `lsm=`")
    open_still = landlock.promises(version)
    return Offer("landlock", True, f"ABI {version}; alone it leaves open: {', '.join(open_still)}")


def _seccomp() -> Offer:
    problem = seccomp.offered()
    return Offer("seccomp", problem is None, problem or "")


def _cgroup() -> Offer:
    parent, note = cgroup.offered()
    return Offer("cgroup", parent is not None, note)


def _try_namespaces() -> None:
    """All that a kernel's namespaces take, around nothing."""
    owner = identity.owner_of(os.getpid())
    flags = (
        calls.CLONE_NEWNS | calls.CLONE_NEWPID | calls.CLONE_NEWNET | calls.CLONE_NEWIPC | calls.CLONE_NEWUTS
    )
    if owner.transient:
        calls.unshare(flags)
        uid, gid = owner.uid, owner.gid
    else:
        identity.enter_user_namespace(owner, flags)
        uid = gid = STUDENT
    problem = _in_a_child(lambda: root.build(Readable(()), Ceiling(disk=1 << 20, files=100), uid, gid))
    if problem is not None:
        raise OSError(problem)


def _in_a_child(attempt: Callable[[], None]) -> str | None:
    """Try something that changes a process in a child. Returns why it failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            attempt()
            status = 0
        except OSError as error:
            place = f" at {error.filename}" if error.filename else ""
            os.write(writing, f"{error.strerror or error}{place}".encode()[:500])
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        said = answer.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return None if status == 0 else said or "it failed without a word"


def _remedy() -> str:
    """What an administrator can change so that namespaces are granted."""
    if os.geteuid() == 0:
        return "as root they take the capability SYS_ADMIN; or start as an ordinary user"
    switches = {
        "/proc/sys/user/max_user_namespaces": ("0", "sysctl user.max_user_namespaces=10000"),
        "/proc/sys/kernel/unprivileged_userns_clone": ("0", "sysctl kernel.unprivileged_userns_clone=1"),
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": (
            "1",
            "an AppArmor profile that allows `userns`, or sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    }
    for path, (off, remedy) in switches.items():
        file = Path(path)
        if file.exists() and file.read_text().strip() == off:
            return f"to change it: {remedy}"
    return "a container has to grant them: in Docker, --security-opt with seccomp=unconfined and systempaths=unconfined"
