"""The seccomp layer: a policy as a classic BPF program, and its installation.

Sources: seccomp(2), linux/seccomp.h, linux/filter.h, and Documentation/userspace-api/seccomp_filter.rst of Linux.
The program is built once, before any fork; a child only installs it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

from .syscalls import KILL, Answer, Decision, Machine, Question, machine_named, policy

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP = 0x05  # BPF_JMP | BPF_JA
_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K
_FARTHEST = 255
"""A conditional jump skips so many instructions at most."""
_ALL_BITS = 0xFFFFFFFF

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_MODE_FILTER = 2
_GET_ACTION_AVAIL = 2
_INSTRUCTION = struct.Struct("=HBBI")


def program(machine: str = platform.machine(), *, connect: bool = True) -> bytes:
    """The filter as an array of `struct sock_filter`.

    With `connect` false, for a process without a mount namespace, no socket file of the machine can be reached:
    no connect(2), no address in sendto(2), no datagram sockets; nor can another process be rescheduled. Modes,
    owners and dates of files, its own included, then only seem to change: copies of files are still made.

    Raises:
        ValueError: there is no table of system calls for this machine.
    """
    return translated(policy(machine_named(machine), connect=connect))


def translated(decision: Decision) -> bytes:
    """A decision tree as an array of `struct sock_filter`, in this machine's byte order."""
    translation = _Translation()
    translation.add(decision)
    return translation.program()


def install(program: bytes) -> None:
    """Hold the calling thread, and all it will start, to a program; sets no_new_privs. Cannot be undone.

    Raises:
        OSError: the kernel refused.
    """
    code = ctypes.create_string_buffer(program, len(program))
    filters = _Filters(len(program) // _INSTRUCTION.size, ctypes.addressof(code))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    # The same as seccomp(2) without flags, and has a function in libc.
    _prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(filters))


def offered() -> str | None:
    """None where a filter can be installed, else the reason it cannot, in a few words; changes nothing."""
    if not sys.platform.startswith("linux"):
        return "not Linux"
    if struct.calcsize("P") != 8:
        return "a 32-bit Python"
    try:
        machine = machine_named(platform.machine())
    except ValueError as problem:
        return str(problem)
    return _lacking_filters() or _lacking_actions(machine)


def _lacking_filters() -> str | None:
    """A kernel that takes filters finds that none lies at address zero: EFAULT (prctl(2))."""
    try:
        _prctl(_PR_SET_SECCOMP, _MODE_FILTER, 0)
    except OSError as problem:
        reasons = {errno.EFAULT: None, errno.EINVAL: "the kernel was built without filters"}
        return reasons.get(problem.errno or 0, f"prctl is refused: {problem.strerror}")
    return "something answers in the kernel's place"


def _lacking_actions(machine: Machine) -> str | None:
    """Killing a whole process came with Linux 4.14, as did the question for it."""
    action = ctypes.c_uint32(KILL.value)
    answer = _libc().syscall(machine.seccomp, _GET_ACTION_AVAIL, 0, ctypes.byref(action))
    return None if answer == 0 else f"seccomp(2) is refused: {os.strerror(ctypes.get_errno())}"


class _Filters(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.c_void_p))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, first: int, second: int = 0) -> None:
    rest = [ctypes.c_ulong(value) for value in (first, second, 0, 0)]
    if _libc().prctl(option, *rest) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class _Translation:
    """Instructions from the last to the first: whatever is jumped to is there already, and its distance known."""

    def __init__(self) -> None:
        self._backwards: list[bytes] = []
        self._places: dict[Decision, int] = {}

    def program(self) -> bytes:
        return b"".join(reversed(self._backwards))

    def add(self, decision: Decision) -> int:
        """Write a decision; its place is counted in instructions from the end."""
        match decision:
            case Answer(value):
                place = self._write(_RETURN, value)
            case Question():
                place = self._ask(decision)
        self._places[decision] = place
        return place

    def _ask(self, question: Question) -> int:
        for branch in (question.yes, question.no):
            if branch not in self._places:
                self.add(branch)
        # Reaching one branch may take an instruction more, which the other must then be jumped over.
        yes = self._near(question.yes, slack=1)
        no = self._near(question.no, slack=0)
        code = _AT_LEAST if question.at_least else _EQUAL
        here = len(self._backwards)
        self._write(code, question.value, here - yes, here - no)
        if question.mask != _ALL_BITS:
            self._write(_AND, question.mask)
        return self._write(_LOAD, question.word)

    def _near(self, decision: Decision, slack: int) -> int:
        """A place that stands for a decision and can be jumped to from the next instruction."""
        place = self._places[decision]
        if len(self._backwards) + slack - place <= _FARTHEST:
            return place
        if isinstance(decision, Answer):
            return self.add(decision)
        return self._write(_JUMP, len(self._backwards) - place)

    def _write(self, code: int, operand: int, if_true: int = 0, if_false: int = 0) -> int:
        self._backwards.append(_INSTRUCTION.pack(code, if_true, if_false, operand))
        return len(self._backwards)
