"""Landlock: which files, TCP ports, abstract sockets and processes a process may still reach.

Sources: landlock(7), landlock_add_rule(2), the kernel's Documentation/userspace-api/landlock.rst and linux/landlock.h.
No library: landlockpy 0.2 and py-landlock 0.1 are young and give files rights that only folders may have, and
the student's process is to hold the standard library alone where a hundred lines do.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from grader.sandbox import calls

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same on x86-64 and arm64: system calls since 424 have one number everywhere."""
_ASK_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK = 1 << 6, 1 << 7, 1 << 8, 1 << 9
_MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = 1 << 10, 1 << 11, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1

_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
"""Rights a rule about one file may have; the kernel refuses a rule with others."""
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_REMOVE = _REMOVE_DIR | _REMOVE_FILE
_MAKE = _MAKE_DIR | _MAKE_REG | _MAKE_SOCK | _MAKE_FIFO | _MAKE_SYM
_WRITE = _READ | _WRITE_FILE | _REMOVE | _MAKE | _REFER | _TRUNCATE
_USE = _READ_FILE | _WRITE_FILE | _READ_DIR | _IOCTL_DEV

_FILE_RIGHTS = (
    # (first ABI, rights that are refused from then on unless a rule gives them)
    (1, _READ | _WRITE_FILE | _REMOVE | _MAKE | _MAKE_CHAR | _MAKE_BLOCK),
    (2, _REFER),
    (3, _TRUNCATE),
    (5, _IOCTL_DEV),
)
_TCP_ABI = 4
_SCOPES_ABI = 6

_LEFT_OPEN = (
    # (first ABI that holds it, or None, what is meant)
    (1, "files outside"),
    (3, "emptying files outside (truncate)"),
    (4, "TCP"),
    (5, "ioctl on readable devices"),
    (6, "abstract sockets"),
    (6, "signals to others"),
    (None, "sockets with a path"),
    (None, "UDP"),
    (None, "sizes and dates of files outside (stat)"),
    (None, "modes, owners and dates of own files outside (chmod, chown, utime)"),
)


@dataclass(frozen=True)
class Rules:
    """What stays within reach; all else is refused. Symlinks are followed, what is missing is skipped."""

    read: tuple[Path, ...] = ()
    """Files and trees: read, execute, list."""
    write: tuple[Path, ...] = ()
    """Trees: everything but device nodes."""
    devices: tuple[Path, ...] = ()
    """Device files, or folders of them: read, write, ioctl."""
    listed: tuple[Path, ...] = ()
    """Trees whose names may be listed though not read, all the way down: imports list what `without` took apart."""

    def rights(self) -> tuple[tuple[Path, int], ...]:
        """Each path with the rights that it is meant to have."""
        kinds = ((self.read, _READ), (self.write, _WRITE), (self.devices, _USE), (self.listed, _READ_DIR))
        return tuple((path, rights) for paths, rights in kinds for path in paths)


@dataclass(frozen=True)
class Ruleset:
    """Rules that the kernel has taken in and that hold nobody yet."""

    descriptor: int

    def enforce(self) -> None:
        """Hold the calling thread and all its children from now on; sets no_new_privs. Mounting ends with this.

        Raises:
            OSError: the kernel refused (E2BIG: sixteen rulesets hold this thread already).
        """
        calls.prctl(calls.PR_SET_NO_NEW_PRIVS, 1)
        _call(_libc(), _RESTRICT_SELF, self.descriptor, 0)

    def close(self) -> None:
        """Let go of the descriptor; whom it holds stays held."""
        os.close(self.descriptor)


def abi() -> int:
    """The version of Landlock that the kernel offers; 0 for none."""
    if sys.platform != "linux":
        return 0
    try:
        return _call(_libc(), _CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def promises(abi: int) -> tuple[str, ...]:
    """What a Landlock of this version does not hold, in a few words each.

    Before version 2 it holds too much instead: no file can be moved to another folder (EXDEV).
    """
    return tuple(words for first, words in _LEFT_OPEN if first is None or abi < first)


def prepare(rules: Rules, abi: int) -> Ruleset:
    """Give the kernel the rules, as far as version `abi` has them; TCP is refused altogether.

    Raises:
        OSError: there is no Landlock, or only an older one.
    """
    library = _libc()
    handled = _handled(abi)
    attributes = _attributes(abi)
    ruleset = Ruleset(_call(library, _CREATE_RULESET, attributes, len(attributes), 0))
    try:
        for path, rights in rules.rights():
            _add(library, ruleset.descriptor, path, rights & handled)
    except BaseException:
        ruleset.close()
        raise
    return ruleset


def restrict(rules: Rules, version: int = 0) -> None:
    """Hold the calling thread and its children by these rules, with the kernel's ABI or an older `version`.

    Raises:
        OSError: there is no Landlock, or the kernel refused; the thread is not held then.
    """
    ruleset = prepare(rules, version or abi())
    try:
        ruleset.enforce()
    finally:
        ruleset.close()


def without(tree: Path, hidden: tuple[Path, ...]) -> tuple[Path, ...]:
    """What together gives all of `tree` but `hidden`: Landlock adds rights on the way down and never takes any.

    The folders on the way to something hidden are not among it, so they cannot be listed (see `Rules.listed`).
    Symlinks are left out: following one needs no right, and it might lead to what is hidden.
    """
    return _around(tree.resolve(), tuple(path.resolve() for path in hidden))


def _around(tree: Path, hidden: tuple[Path, ...]) -> tuple[Path, ...]:
    if any(tree.is_relative_to(path) for path in hidden):
        return ()
    within = tuple(path for path in hidden if path.is_relative_to(tree))
    if not within:
        return (tree,)
    return tuple(path for entry in _entries(tree) for path in _around(entry, within))


def _entries(folder: Path) -> list[Path]:
    """Sorted, without symlinks; none where the folder is missing or not to be listed."""
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries if not entry.is_symlink())
    return []


def _handled(abi: int) -> int:
    """All rights to files that this version knows."""
    return sum(rights for first, rights in _FILE_RIGHTS if abi >= first)


def _attributes(abi: int) -> bytes:
    """struct landlock_ruleset_attr; an older kernel takes trailing zeros that it does not know."""
    ports = _BIND_TCP | _CONNECT_TCP if abi >= _TCP_ABI else 0
    scopes = _ABSTRACT_SOCKETS | _SIGNALS if abi >= _SCOPES_ABI else 0
    return struct.pack("=QQQ", _handled(abi), ports, scopes)


def _add(library: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    """One rule about one path; what cannot be reached needs none."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES
        # A rule without rights is refused by the kernel: a folder to be listed that turned out to be a file.
        if rights:
            _call(library, _ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(library: ctypes.CDLL, number: int, *arguments: int | bytes | None) -> int:
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    answer = int(library.syscall(ctypes.c_long(number), *wide))
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return answer
