"""A root of its own for a process in new namespaces: what is needed, read-only, and one small scratch.

The way of bubblewrap: a fresh tmpfs becomes the root, the machine's own root is moved below it, folders are bound
from there, and then it is let go of.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

from grader.sandbox import calls
from grader.sandbox.plan import INSIDE, STUDENT, Ceiling, Readable

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = (
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ROOM = "mode=755,size=8m,nr_inodes=4k"
_OLD = "/.machine"
_OF_STUDENTS = ("work", "home", "tmp", "shm")
FOLDERS = (*_OF_STUDENTS, "record")
"""What lies in the scratch folder."""
_RECORDS = "size=192m,nr_inodes=4k"
"""Room for the recording, which is read up to a third of it, and for the kernel's sockets and complaints."""

_FILES = {
    "/etc/passwd": f"root:x:0:0:root:/:/usr/sbin/nologin\nstudent:x:{STUDENT}:{STUDENT}::/grade/home:/bin/sh\n",
    "/etc/group": f"root:x:0:\nstudent:x:{STUDENT}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}


def build(readable: Readable, ceiling: Ceiling, uid: int, gid: int) -> None:
    """Replace this process's root; it has to be the first of a new pid namespace, in a new mount namespace.

    Args:
        readable: what is bound, beside the system's own folders.
        ceiling: size of the scratch folder, which is `INSIDE` and belongs to `uid` and `gid`.

    Raises:
        OSError: the kernel refused a step; nothing of the machine has changed.
    """
    calls.mount(None, "/", None, calls.MS_REC | calls.MS_PRIVATE)
    calls.mount("tmpfs", "/tmp", "tmpfs", calls.MS_NOSUID | calls.MS_NODEV, _ROOM)
    Path(f"/tmp{_OLD}").mkdir()
    calls.pivot_root("/tmp", f"/tmp{_OLD}")
    os.chdir("/")
    # While the machine's own is still in sight: a user namespace may mount only what it has seen whole.
    _mount_proc()
    _mount_devices()
    # Before the rest, which may lie in the machine's /tmp: an environment in a fresh checkout does.
    _mount_scratch(ceiling, uid, gid)
    for path in (*SYSTEM, *SETTINGS, *map(str, readable.trees)):
        _bind(path)
    for hidden in readable.hidden:
        _darken(hidden)
    _write_settings()
    calls.unmount(_OLD, calls.MNT_DETACH)
    Path(_OLD).rmdir()
    calls.mount(None, "/", None, calls.MS_REMOUNT | calls.MS_RDONLY | calls.MS_NOSUID | calls.MS_NODEV, _ROOM)
    socket.sethostname("grade")


def _mount_proc() -> None:
    Path("/proc").mkdir()
    calls.mount("proc", "/proc", "proc", calls.MS_NOSUID | calls.MS_NODEV | calls.MS_NOEXEC)


def _mount_devices() -> None:
    Path("/dev").mkdir()
    for name in _DEVICES:
        Path("/dev", name).touch()
        calls.mount(f"{_OLD}/dev/{name}", f"/dev/{name}", None, calls.MS_BIND)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        Path("/dev", name).symlink_to(target)
    Path("/dev/pts").mkdir()
    # A shell command of a notebook talks through a terminal of its own.
    options = "newinstance,ptmxmode=0666,mode=620"
    calls.mount("devpts", "/dev/pts", "devpts", calls.MS_NOSUID | calls.MS_NOEXEC, options)
    Path("/dev/ptmx").symlink_to("pts/ptmx")


def _bind(path: str) -> None:
    """Show one file or folder of the machine at its own place, read-only; what is not there is left out."""
    source, target = Path(_OLD + path), Path(path)
    if target.exists() or target.is_symlink():
        return
    if source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(parents=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    else:
        return
    if not target.is_symlink():
        calls.mount(str(source), path, None, calls.MS_BIND | calls.MS_REC)
        calls.lock_mounts(path, calls.MOUNT_ATTR_RDONLY | calls.MOUNT_ATTR_NOSUID | calls.MOUNT_ATTR_NODEV)


def _darken(folder: Path) -> None:
    """Lay an empty, locked folder over one that was bound along with its surroundings."""
    if folder.is_dir():
        calls.mount("tmpfs", str(folder), "tmpfs", calls.MS_RDONLY | calls.MS_NOSUID, "mode=000,size=4k")


def _mount_scratch(ceiling: Ceiling, uid: int, gid: int) -> None:
    """Two file systems: one for records, one for the student's files, which cannot take the other's room."""
    _mount_memory(INSIDE, _RECORDS, uid, gid)
    make_folders(INSIDE, uid, gid)
    files = Path("/.files")
    _mount_memory(files, f"size={ceiling.disk},nr_inodes={ceiling.files}", uid, gid)
    make_folders(files, uid, gid, _OF_STUDENTS)
    for name in _OF_STUDENTS:
        calls.mount(str(files / name), str(INSIDE / name), None, calls.MS_BIND)
    for name, place in (("tmp", "/tmp"), ("shm", "/dev/shm")):
        Path(place).mkdir()
        calls.mount(str(files / name), place, None, calls.MS_BIND)
    calls.unmount(str(files), calls.MNT_DETACH)
    files.rmdir()


def _mount_memory(place: Path, size: str, uid: int, gid: int) -> None:
    place.mkdir()
    options = f"mode=700,uid={uid},gid={gid},{size}"
    calls.mount("tmpfs", str(place), "tmpfs", calls.MS_NOSUID | calls.MS_NODEV, options)


def make_folders(scratch: Path, uid: int, gid: int, names: Iterable[str] = FOLDERS) -> None:
    """The folders of a scratch, for their owner alone."""
    for name in names:
        (scratch / name).mkdir(mode=0o700, exist_ok=True)
        if os.getuid() == 0:
            os.chown(scratch / name, uid, gid)


def _write_settings() -> None:
    Path("/etc").mkdir(exist_ok=True)
    for path, text in _FILES.items():
        Path(path).write_text(text, encoding="utf-8")
