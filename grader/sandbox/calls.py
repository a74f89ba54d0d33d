"""System calls that Python does not offer, each a function that raises OSError.

Numbers and constants are those of Linux's uapi headers (mount.h, prctl.h, sched.h, capability.h, keyctl.h).
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import struct

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_CAPABILITY_VERSION_3 = 0x20080522
_KEYCTL_JOIN_SESSION_KEYRING = 1

_NUMBERS = {
    # name: (x86_64, aarch64)
    "capset": (126, 91),
    "pivot_root": (155, 41),
    "keyctl": (250, 219),
    "mount_setattr": (442, 442),
}


def number(name: str) -> int:
    """A system call's number on this machine.

    Raises:
        OSError: it is not known for this architecture.
    """
    columns = {"x86_64": 0, "aarch64": 1, "arm64": 1}
    column = columns.get(platform.machine())
    if column is None:
        raise OSError(f"no system call numbers are known for {platform.machine()}")
    return _NUMBERS[name][column]


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """mount(2)."""
    _check(
        _libc().mount(_bytes(source), _bytes(target), _bytes(kind), ctypes.c_ulong(flags), _bytes(options)),
        target,
    )


def unmount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    _check(_libc().umount2(_bytes(target), flags), target)


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2)."""
    _check(_libc().syscall(number("pivot_root"), _bytes(new), _bytes(old)), new)


def lock_mounts(target: str, attributes: int) -> None:
    """mount_setattr(2) over a mount and all below it; Linux 5.12."""
    wanted = struct.pack("QQQQ", attributes, 0, 0, 0)
    _check(
        _libc().syscall(
            number("mount_setattr"), _AT_FDCWD, _bytes(target), _AT_RECURSIVE, wanted, len(wanted)
        ),
        target,
    )


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc().unshare(flags))


def prctl(option: int, first: int = 0, second: int = 0) -> int:
    """prctl(2)."""
    arguments = [ctypes.c_ulong(value) for value in (first, second, 0, 0)]
    answer = int(_libc().prctl(option, *arguments))
    _check(answer)
    return answer


def drop_capabilities() -> None:
    """Empty the effective, permitted, inheritable, ambient and (as far as it may be) bounding sets."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            # Past the last capability, or not ours to drop: with no new privileges it cannot come back anyway.
            break
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc().syscall(number("capset"), header, bytes(24)))


def leave_keyrings() -> None:
    """A session keyring of its own: keys of the session that started the grader are not inherited."""
    try:
        _check(_libc().syscall(number("keyctl"), _KEYCTL_JOIN_SESSION_KEYRING, None))
    except OSError:
        # Not compiled in, or a container's filter refuses it: then no key can be read either.
        return


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def _check(answer: int, path: str | None = None) -> None:
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), path)
