"""What a sandboxed process may ask of the kernel: names and numbers in `syscalls.toml`, arguments here.

A policy is a decision tree over `struct seccomp_data` (linux/seccomp.h): questions about one 32-bit word of it,
answers at the leaves. Constants are those of Linux's uapi headers: audit.h, seccomp.h, sched.h, prctl.h, stat.h.
"""

from __future__ import annotations

import errno
import stat
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

X32 = 0x40000000
"""First number of the x32 ABI on x86-64."""
NUMBER = 0
ARCHITECTURE = 4
_FIRST_ARGUMENT = 16
_WHOLE = 0xFFFFFFFF


@dataclass(frozen=True)
class Answer:
    """What the kernel does: a SECCOMP_RET_… value."""

    value: int


@dataclass(frozen=True)
class Question:
    """Whether a word, masked, equals a value, or for `at_least` is no smaller (unsigned)."""

    word: int
    """Offset in struct seccomp_data, in bytes."""
    value: int
    yes: Decision
    no: Decision
    mask: int = _WHOLE
    at_least: bool = False


Decision: TypeAlias = Answer | Question

KILL = Answer(0x80000000)
ALLOW = Answer(0x7FFF0000)


def refused(error: int) -> Answer:
    """The call is not made and fails with this errno."""
    return Answer(0x00050000 | error)


PRETENDED = refused(0)
"""The call is not made and seems to have worked."""
ABSENT = refused(errno.ENOSYS)
"""As on a kernel that does not know the call: libraries fall back."""
FORBIDDEN = refused(errno.EPERM)
NO_NETWORK = refused(errno.EAFNOSUPPORT)
"""As on a kernel without that network: a resolver and its callers give up at once, without a retry."""
NO_INTERFACES = refused(errno.EOPNOTSUPP)
"""For netlink, which getifaddrs(3) asks: libzmq aborts the process unless it is told this or EINVAL."""
UNKNOWN_OPTION = refused(errno.EINVAL)

AF_UNIX = 1
AF_NETLINK = 16
SOCK_STREAM = 1
SOCK_SEQPACKET = 5
_SOCK_TYPE_MASK = 0xF
_CLONE_PARENT = 0x00008000
_CLONE_NEW = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; clone(2) has no bit for NEWTIME."""
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C
_PERSONALITY_READ = 0xFFFFFFFF
_PRIO_PROCESS = 0
_SCHED_OTHER = 0

_PR_SET_DUMPABLE = 4
_PR_ALLOWED = (
    *(1, 2, 3),  # parent-death signal (torch's spawned workers set it), reading dumpable
    *(7, 8, 15, 16),  # keeping capabilities that are not there, thread names
    *(21, 22, 23, 24, 27, 29, 30),  # seccomp, bounding set, securebits read, timer slack
    *(36, 37, 38, 39, 41, 42, 47),  # child subreaper, no new privileges, huge pages, ambient set
    *(50, 51, 52, 63, 64),  # SVE vector length, speculation read, SME vector length
    *(55, 56, 65, 66),  # tagged addresses, memory that is never both written and run
    0x53564D41,  # PR_SET_VMA: glibc and allocators name their memory
)
_PR_FORBIDDEN = (35, 59, 0x59616D61)
"""PR_SET_MM, PR_SET_SYSCALL_USER_DISPATCH, PR_SET_PTRACER."""


@dataclass(frozen=True)
class Machine:
    """One architecture."""

    column: int
    """Which of the numbers in `syscalls.toml` are its own."""
    audit: int
    """AUDIT_ARCH_… as the kernel reports it."""
    first_foreign: int
    """Numbers from here on belong to another ABI, or are none."""
    seccomp: int
    """The number of seccomp(2) itself."""


_X86_64 = Machine(column=0, audit=0xC000003E, first_foreign=X32, seccomp=317)
_AARCH64 = Machine(column=1, audit=0xC00000B7, first_foreign=1 << 32, seccomp=277)


def machine_named(name: str) -> Machine:
    """The machine that `platform.machine()` names.

    Raises:
        ValueError: there is no table for it.
    """
    match name:
        case "x86_64":
            return _X86_64
        case "aarch64" | "arm64":
            return _AARCH64
    raise ValueError(f"no table of system calls for {name or 'this machine'}")


def policy(machine: Machine, *, connect: bool) -> Decision:
    """The whole decision for one architecture; `connect` as in `seccomp.program`."""
    spans = [(0, ABSENT), *_spans(decisions(machine, connect=connect)), (machine.first_foreign, KILL)]
    known = _search([span for span in spans if span[0] <= _WHOLE])
    return Question(ARCHITECTURE, machine.audit, yes=known, no=KILL)


def decisions(machine: Machine, *, connect: bool) -> dict[int, Decision]:
    """Number to decision for every call that is named."""
    examined = _examined(connect=connect)
    attributes = ALLOW if connect else PRETENDED
    whole: Mapping[str, Decision] = {
        "allow": ALLOW,
        "attributes": attributes,
        "refuse": FORBIDDEN,
        "absent": ABSENT,
    }
    found = {}
    for group, calls in _tables().items():
        for name, numbers in calls.items():
            if numbers[machine.column] >= 0:
                found[numbers[machine.column]] = examined[name] if group == "examine" else whole[group]
    return found


def _tables() -> Mapping[str, Mapping[str, list[int]]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _spans(known: Mapping[int, Decision]) -> list[tuple[int, Decision]]:
    """First numbers of stretches with one decision, what lies between named calls included."""
    spans: list[tuple[int, Decision]] = []
    for number in range(max(known) + 2):
        decision = known.get(number, ABSENT)
        if not spans or spans[-1][1] != decision:
            spans.append((number, decision))
    return spans


def _search(spans: list[tuple[int, Decision]]) -> Decision:
    """Halving: some eight comparisons for a call, where a list would need hundreds."""
    if len(spans) == 1:
        return spans[0][1]
    middle = len(spans) // 2
    later = _search(spans[middle:])
    return Question(NUMBER, spans[middle][0], later, _search(spans[:middle]), at_least=True)


# ---------------------------------------------------------------- questions about arguments


def _examined(*, connect: bool) -> Mapping[str, Decision]:
    """Decisions that look at arguments.

    An `int` argument is what the kernel makes of it: the low half. Pointers are looked at whole.
    """
    own = ALLOW if connect else _is(0, 0, ALLOW, FORBIDDEN)
    return {
        "clone": _bits(0, _CLONE_NEW | _CLONE_PARENT, FORBIDDEN, ALLOW),
        "socket": _family(connect),
        "socketpair": _family(connect),
        "connect": ALLOW if connect else FORBIDDEN,
        "sendto": ALLOW if connect else _zero(4, ALLOW, FORBIDDEN),
        "ioctl": _one_of(1, (_TIOCSTI, _TIOCLINUX), FORBIDDEN, ALLOW),
        "prctl": _prctl(),
        "personality": _is(0, _PERSONALITY_READ, ALLOW, FORBIDDEN),
        "mknod": _plain_node(1),
        "mknodat": _plain_node(2),
        # Landlock does not keep limits and scheduling apart: without namespaces they could be another process's.
        "prlimit64": _is(0, 0, ALLOW, _zero(2, ALLOW, FORBIDDEN)),
        "setpriority": ALLOW if connect else _is(0, _PRIO_PROCESS, _is(1, 0, ALLOW, FORBIDDEN), FORBIDDEN),
        "sched_setaffinity": own,
        "sched_setparam": own,
        # The ordinary policy can be given to any thread: libzmq gives it to its own, and aborts where it may not.
        "sched_setscheduler": _is(1, _SCHED_OTHER, ALLOW, own),
        "sched_setattr": own,
    }


def _family(connect: bool) -> Decision:
    """Local sockets; without `connect` only kinds whose peer is fixed: a datagram names its own by sendmsg."""
    kinds = ALLOW if connect else _one_of(1, (SOCK_STREAM, SOCK_SEQPACKET), ALLOW, FORBIDDEN, _SOCK_TYPE_MASK)
    return _is(0, AF_UNIX, kinds, _is(0, AF_NETLINK, NO_INTERFACES, NO_NETWORK))


def _prctl() -> Decision:
    """A core dump may be handed to a program of the machine, so a process may only give dumps up."""
    dumpable = _is(0, _PR_SET_DUMPABLE, _zero(1, ALLOW, FORBIDDEN), UNKNOWN_OPTION)
    return _one_of(0, _PR_ALLOWED, ALLOW, _one_of(0, _PR_FORBIDDEN, FORBIDDEN, dumpable))


def _plain_node(argument: int) -> Decision:
    """Named pipes and files (no type means file as well), never a device."""
    kinds = (stat.S_IFIFO, stat.S_IFREG, 0)
    return _one_of(argument, kinds, ALLOW, FORBIDDEN, stat.S_IFMT(0xFFFF))


def _is(argument: int, value: int, yes: Decision, no: Decision, mask: int = _WHOLE) -> Decision:
    """Compare the low half of an argument."""
    return Question(_FIRST_ARGUMENT + 8 * argument, value, yes, no, mask)


def _one_of(
    argument: int, values: Iterable[int], yes: Decision, no: Decision, mask: int = _WHOLE
) -> Decision:
    for value in values:
        no = _is(argument, value, yes, no, mask)
    return no


def _bits(argument: int, bits: int, some: Decision, none: Decision) -> Decision:
    return _is(argument, 0, none, some, bits)


def _zero(argument: int, yes: Decision, no: Decision) -> Decision:
    """Both halves of a 64-bit argument are zero."""
    high = Question(_FIRST_ARGUMENT + 8 * argument + 4, 0, yes, no)
    return _is(argument, 0, high, no)
