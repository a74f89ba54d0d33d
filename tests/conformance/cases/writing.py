"""Writing anywhere but the scratch. The harness looks from outside whether anything there has changed."""

# What is tried is the system call, by its own name.
# ruff: noqa: PTH116, PTH211

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path

from tests.conformance.case import Tried, World, case
from tests.conformance.cases.reading import own_file


def write_new(path: str | Path) -> int:
    """Make a file that was not there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.close(descriptor)
    return os.stat(path).st_ino


def cannot_make(tried: Tried, world: World, folder: str | Path) -> None:
    tried.refused(f"make a file in {folder}", write_new, Path(folder) / f"planted-{world.token}")
    tried.refused(f"make a folder in {folder}", os.mkdir, Path(folder) / f"folder-{world.token}")


def open_to_write(path: str | Path) -> None:
    os.close(os.open(path, os.O_RDWR))


@case()
def write_the_root(world: World, tried: Tried) -> None:
    """Nothing can be made in the root folder."""
    cannot_make(tried, world, "/")
    own_file(tried)


@case()
def write_system_folders(world: World, tried: Tried) -> None:
    """Nothing can be made or changed in the system's folders."""
    for folder in (
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
        "/etc",
        "/lib",
        "/bin",
        "/var/tmp",
        "/opt",
        "/dev",
    ):
        cannot_make(tried, world, folder)
    for path in ("/etc/passwd", "/etc/hosts", "/bin/sh", "/etc/ld.so.cache"):
        tried.refused(f"open {path} for writing", open_to_write, path)
    tried.refused("remove a program", os.unlink, "/usr/bin/env")
    own_file(tried)


@case()
def write_site_packages(world: World, tried: Tried) -> None:
    """Nothing can be put where Python looks for modules, nor into its caches of bytecode."""
    folders = {sysconfig.get_paths()["purelib"], sysconfig.get_paths()["stdlib"], *site.getsitepackages()}
    for folder in sorted(folders):
        cannot_make(tried, world, folder)
    cannot_make(tried, world, Path(world.library).parent)
    tried.refused("change a module of the student's own user", open_to_write, world.library)
    tried.refused("change a module", open_to_write, os.__file__)
    tried.refused("change its bytecode", write_new, Path(os.__file__).parent / "__pycache__" / world.token)
    tried.refused("change the interpreter", open_to_write, os.path.realpath(sys.executable))
    own_file(tried)


@case()
def write_what_runs(world: World, tried: Tried) -> None:
    """Neither programs that run nor loaded libraries can be reopened for writing through /proc."""
    for path in ("/proc/self/exe", "/proc/1/exe", f"/proc/{os.getppid()}/exe"):
        tried.refused(f"open {path} for writing", open_to_write, path)
    descriptor = os.open("/bin/sh", os.O_RDONLY)
    tried.refused("reopen a read descriptor", open_to_write, f"/proc/self/fd/{descriptor}")
    tried.unmarked("change its mode", descriptor, os.fchmod, descriptor, 0o777)
    path_only = os.open("/bin", os.O_PATH)
    tried.refused(
        "make below a path descriptor", os.open, world.token, os.O_CREAT | os.O_WRONLY, dir_fd=path_only
    )
    own = os.open("own.txt", os.O_CREAT | os.O_RDWR)
    tried.works("reopen a file of its own", open_to_write, f"/proc/self/fd/{own}")


@case()
def write_kernel_settings(world: World, tried: Tried) -> None:
    """The kernel's settings cannot be opened for writing."""
    for name in (
        "kernel/core_pattern",
        "kernel/hostname",
        "kernel/panic",
        "vm/drop_caches",
        "net/ipv4/ip_forward",
    ):
        tried.refused(f"open /proc/sys/{name}", os.open, f"/proc/sys/{name}", os.O_WRONLY)
    for path in ("/proc/sysrq-trigger", "/proc/irq/default_smp_affinity"):
        tried.refused(f"open {path}", os.open, path, os.O_WRONLY)
    cannot_make(tried, world, "/sys/fs/cgroup")
    cannot_make(tried, world, "/sys/kernel")
    tried.works("read what is told about memory", Path("/proc/meminfo").read_text)


@case()
def write_outside(world: World, tried: Tried) -> None:
    """A folder and a file outside that everybody may write to cannot be changed in any way."""
    cannot_make(tried, world, world.open_folder)
    tried.refused("open the file", open_to_write, world.open_file)
    tried.refused("truncate it", os.truncate, world.open_file, 0)
    tried.refused("remove it", os.unlink, world.open_file)
    tried.refused("rename it", os.rename, world.open_file, world.open_file + "2")
    own = Path("own.txt")
    own.write_text("mine", encoding="utf-8")
    tried.works("change its own", os.truncate, own, 1)
    tried.works("rename its own", own.rename, "renamed.txt")


@case()
def mark_what_is_outside(world: World, tried: Tried) -> None:
    """Modes, owners, times and attributes of files outside cannot be changed."""
    path = world.open_file
    tried.unmarked("its mode", path, os.chmod, path, 0o600)
    tried.unmarked("its times", path, os.utime, path, (1, 1))
    tried.unmarked("its owner", path, os.chown, path, os.getuid(), os.getgid())
    tried.unmarked("its attributes", path, os.setxattr, path, "user.mark", b"1")
    folder = os.open(".", os.O_RDONLY)
    tried.unmarked("its mode, by a folder", path, lambda: os.chmod(path, 0o600, dir_fd=folder))
    tried.unmarked("its times, by a folder", path, lambda: os.utime(path, (1, 1), dir_fd=folder))
    own_file(tried)


@case()
def write_the_machines_tmp(world: World, tried: Tried) -> None:
    """The machine's temporary folders stay as they are; there is a private one to use."""
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):
        inside = Path(folder, f"planted-{world.token}")
        try:
            write_new(inside)
        except OSError as error:
            tried.note("holds", f"{folder} is closed or private", str(error), True)
    # What was made must be private: the harness looks for the name from outside.
    tried.works("write to its own temporary folder", write_new, Path(os.environ["TMPDIR"], "x"))


@case()
def links_out(world: World, tried: Tried) -> None:
    """Writing through a symbolic link that leads outside is refused."""
    os.symlink(world.open_file, "file link")
    os.symlink(world.open_folder, "folder link")
    tried.refused("write through a link", open_to_write, "file link")
    tried.refused("make through a link to a folder", write_new, f"folder link/planted-{world.token}")
    os.symlink(f"{world.open_folder}/new-{world.token}", "dangling")
    tried.refused("make through a dangling link", os.open, "dangling", os.O_CREAT | os.O_WRONLY)
    tried.works("write through a link of its own", _through_own_link)


def _through_own_link() -> None:
    os.symlink("target.txt", "own link")
    Path("own link").write_text("mine", encoding="utf-8")


@case()
def hard_links_out(world: World, tried: Tried) -> None:
    """No hard link joins the scratch and the outside, and no rename crosses over."""
    tried.refused("link a file of outside in", os.link, world.open_file, "stolen")
    tried.refused("link a program in", os.link, "/bin/sh", "shell")
    Path("own.txt").write_text("mine", encoding="utf-8")
    tried.refused("link its own out", os.link, "own.txt", f"{world.open_folder}/planted-{world.token}")
    tried.refused("move its own out", os.rename, "own.txt", f"{world.open_folder}/moved-{world.token}")
    tried.refused("move a file of outside in", os.rename, world.open_file, "stolen")
    tried.works("link its own", os.link, "own.txt", "second.txt")
    tried.works("move its own into a folder", _move_own)


def _move_own() -> None:
    Path("folder").mkdir()
    Path("second.txt").rename("folder/second.txt")


@case()
def change_the_own_limits_of_outsiders(world: World, tried: Tried) -> None:
    """The switches of other processes under /proc cannot be turned."""
    pid = world.bystander["pid"]
    for name in ("oom_score_adj", "comm", "clear_refs", "coredump_filter", "timerslack_ns", "attr/current"):
        tried.refused(f"open /proc/{pid}/{name}", os.open, f"/proc/{pid}/{name}", os.O_WRONLY)
    tried.works("read its own", Path("/proc/self/oom_score_adj").read_text)
