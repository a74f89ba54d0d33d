"""The ground a sandbox is tried on: a private view of the machine, and somebody to start the sandbox.

As root, a private mount namespace comes first. In it lie a folder in memory for everything that is planted, an own
/dev, and, for an ordinary user, ways into folders that only root may enter. The machine's own mounts stay as they
are.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from grader.sandbox import calls

_DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
    "ptmx": (5, 2),
    # Behind the names of dangerous ones are harmless ones: what is tried is whether the name can be opened.
    "vda": (1, 3),
    "mem": (1, 3),
    "kvm": (1, 3),
    "fuse": (1, 3),
    "vsock": (1, 3),
    "userfaultfd": (1, 3),
}
_ROOM = "mode=755,size=512m"


def private(base: Path) -> None:
    """Leave the machine's mounts, and lay `base` and /dev into memory; root only."""
    calls.unshare(calls.CLONE_NEWNS)
    calls.mount(None, "/", None, calls.MS_REC | calls.MS_PRIVATE)
    calls.mount("tmpfs", str(base), "tmpfs", 0, _ROOM)
    _own_devices()


def _own_devices() -> None:
    """Devices whose modes and owners are nobody else's, with some open to everybody that a sandbox must not show."""
    terminals = os.open("/dev/pts", os.O_PATH)
    calls.mount("tmpfs", "/dev", "tmpfs", calls.MS_NOSUID, "mode=755,size=64m")
    for name, (major, minor) in _DEVICES.items():
        os.mknod(f"/dev/{name}", stat.S_IFCHR, os.makedev(major, minor))
        Path("/dev", name).chmod(0o666)
    for name in ("pts", "shm"):
        Path("/dev", name).mkdir()
    Path("/dev/shm").chmod(0o1777)
    calls.mount(f"/proc/self/fd/{terminals}", "/dev/pts", None, calls.MS_BIND)
    os.close(terminals)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        Path("/dev", name).symlink_to(target)


def become(uid: int) -> None:
    """An ordinary user, with its own group and no other."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def open_ways(needed: list[Path]) -> None:
    """Let everybody reach these places: folders closed to others are covered, and what is needed bound back.

    Only in a private mount namespace; nothing on disk changes.
    """
    for _ in range(20):
        closed = {folder for path in needed if (folder := _first_closed(path)) is not None}
        if not closed:
            return
        for folder in sorted(closed):
            _cover(folder, _outermost([path for path in needed if path.is_relative_to(folder)]))


def _first_closed(path: Path) -> Path | None:
    """The outermost folder on the way to a place, itself included, that others may not enter."""
    for folder in (*reversed(path.parents), path):
        if folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def _outermost(paths: list[Path]) -> list[Path]:
    return [
        path for path in paths if not any(path != other and path.is_relative_to(other) for other in paths)
    ]


def _cover(folder: Path, wanted: list[Path]) -> None:
    """Lay an open folder over one, with nothing in it but what is wanted."""
    kept = list(folder.iterdir()) if folder in wanted else wanted
    opened = {path: os.open(path, os.O_PATH | os.O_NOFOLLOW) for path in kept}
    calls.mount("tmpfs", str(folder), "tmpfs", calls.MS_NOSUID | calls.MS_NODEV, "mode=755,size=1m")
    for path, descriptor in opened.items():
        _bind_back(path, descriptor)
        os.close(descriptor)


def _bind_back(path: Path, descriptor: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISLNK(mode):
        path.symlink_to(os.readlink("", dir_fd=descriptor))
        return
    if stat.S_ISDIR(mode):
        path.mkdir(exist_ok=True)
    else:
        path.touch()
    calls.mount(f"/proc/self/fd/{descriptor}", str(path), None, calls.MS_BIND | calls.MS_REC)


def plant_set_id(folder: Path) -> str:
    """A copy of a harmless program that would run as root; only where nobody but the sandbox sees it."""
    program = folder / "set-id" / "id"
    program.parent.mkdir()
    shutil.copyfile("/usr/bin/id", program)
    program.chmod(0o6755)
    return str(program)
