"""The kernel's doors that no student needs.

Arguments are such that a call which were let through would work, or do nothing, but never harm: the refusal is what
is looked for.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import signal
import struct
from collections.abc import Callable
from pathlib import Path

from tests.conformance import syscalls
from tests.conformance.case import Tried, World, case, not_there
from tests.conformance.cases.children import in_child, in_child_or_raise

MS_BIND, MS_REMOUNT, MS_NOSUID, MS_REC, MS_PRIVATE = 4096, 32, 2, 16384, 1 << 18
S_IFCHR, S_IFBLK, S_IFIFO = 0o020000, 0o060000, 0o010000
AT_FDCWD = -100


def in_a_child(call: Callable[[], object]) -> Callable[[], str]:
    """The same in a child, whose own namespaces it may spoil."""
    return lambda: in_child_or_raise(call)


def _errno_of(call: Callable[[], object]) -> str:
    try:
        return f"done {call()}"
    except OSError as error:
        return f"errno {error.errno}"


def fork_works(tried: Tried) -> None:
    status, text = in_child(lambda: "child")
    tried.holds("a child of its own runs", (status, text) == (0, "child"), text)


@case()
def mounts(world: World, tried: Tried) -> None:
    """Nothing can be mounted, bound, moved, remounted or unmounted, by the old calls or the new."""
    Path("point").mkdir()
    point = str(Path("point").resolve())
    new = struct.pack("QQQQ", 1, 0, 0, 0)
    for what, call in {
        "tmpfs": lambda: syscalls.call("mount", "none", point, "tmpfs", 0, None),
        "proc": lambda: syscalls.call("mount", "proc", point, "proc", 0, None),
        "bind": lambda: syscalls.call("mount", "/", point, None, MS_BIND | MS_REC, None),
        "remount": lambda: syscalls.call("mount", None, "/", None, MS_REMOUNT | MS_BIND, None),
        "make private": lambda: syscalls.call("mount", None, "/", None, MS_REC | MS_PRIVATE, None),
        "unmount proc": lambda: syscalls.call("umount2", "/proc", 2),
        "open a file system": lambda: syscalls.call("fsopen", "tmpfs", 0),
        "clone a tree": lambda: syscalls.call("open_tree", AT_FDCWD, "/", 1),
        "unlock": lambda: syscalls.call("mount_setattr", AT_FDCWD, "/", 0, new, len(new)),
        "move": lambda: syscalls.call("move_mount", AT_FDCWD, "/proc", AT_FDCWD, point, 0),
    }.items():
        tried.denied(what, in_a_child(call))
    tried.works("use the folder", Path("point/file").touch)


@case()
def unshare(world: World, tried: Tried) -> None:
    """No namespace of its own but with the filter's leave, which it does not give."""
    for name, flag in syscalls.NAMESPACES.items():
        # A new user namespace may be had where no filter stands; `nested_namespaces` asks what it is good for.
        if name == "user" and "seccomp" not in world.layers:
            continue
        tried.denied(name, in_a_child(lambda flag=flag: syscalls.call("unshare", flag)))  # type: ignore[misc]
    fork_works(tried)


@case()
def nested_namespaces(world: World, tried: Tried) -> None:
    """A user namespace within gives no power over mounts, the root or the network outside."""
    user = syscalls.CLONE_NEWUSER
    for what, call in {
        "mount in a nested one": _nested(lambda: syscalls.call("mount", "none", "/", "tmpfs", 0, None)),
        "unlock the root in a nested one": _nested(
            lambda: syscalls.call("mount", None, "/", None, MS_REMOUNT | MS_BIND, None)
        ),
        # EINVAL: the mounts of the outer namespace are locked to one another.
        "unmount in a nested one": _nested(lambda: not_there(syscalls.call)("umount2", "/proc", 2)),
        "name the machine": _nested(lambda: syscalls.call("sethostname", "x", 1), 0),
        "make a device": _nested(lambda: os.mknod("device", S_IFCHR | 0o600, os.makedev(1, 1))),
        "become root of outside": _nested(lambda: os.setgroups([0]), 0),
    }.items():
        tried.denied(what, in_a_child(call))
    if "seccomp" in world.layers:
        tried.denied("by clone", in_a_child(lambda: _clone(user)))
        tried.denied("by clone, all at once", in_a_child(lambda: _clone(user | syscalls.CLONE_NEWNS)))
        tried.denied("by clone3", in_a_child(lambda: _clone3(user)))
    fork_works(tried)


def _nested(call: Callable[[], object], more: int = syscalls.CLONE_NEWNS) -> Callable[[], object]:
    def attempt() -> object:
        syscalls.call("unshare", syscalls.CLONE_NEWUSER | more)
        return call()

    return attempt


def _clone(flags: int) -> str:
    # x86-64 and arm64 alike take flags, stack, … with zeros for the rest here.
    pid = syscalls.call("clone", flags | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "cloned"


def _clone3(flags: int) -> str:
    arguments = struct.pack("8Q", flags, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = syscalls.call("clone3", arguments, len(arguments))
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "cloned"


@case()
def join_namespaces(world: World, tried: Tried) -> None:
    """Namespaces of processes outside, or of the guards, cannot be joined."""
    for pid in (world.bystander["pid"], world.bystander["parent"], os.getppid(), 1):
        for name in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup"):
            tried.refused(f"{name} of {pid}", in_a_child(lambda n=name, p=pid: _join(p, n)))  # type: ignore[misc]
    tried.works("read the name of its own", os.readlink, "/proc/self/ns/net")


def _join(pid: int, name: str) -> str:
    descriptor = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
    syscalls.call("setns", descriptor, 0)
    return "joined"


@case()
def change_the_root(world: World, tried: Tried) -> None:
    """chroot and pivot_root are refused."""
    Path("root").mkdir()
    root = str(Path("root").resolve())
    tried.denied("chroot", in_a_child(lambda: os.chroot(root)))
    tried.denied("pivot_root", in_a_child(lambda: syscalls.call("pivot_root", root, root)))
    tried.works("change the folder", os.chdir, root)


@case()
def make_devices(world: World, tried: Tried) -> None:
    """Device files cannot be made; pipes with a name can."""
    for what, kind, device in (
        ("memory", S_IFCHR, os.makedev(1, 1)),
        ("null", S_IFCHR, os.makedev(1, 3)),
        ("a disk", S_IFBLK, os.makedev(254, 0)),
        ("a loop", S_IFBLK, os.makedev(7, 0)),
        ("an overlay's whiteout", S_IFCHR, 0),
    ):
        tried.denied(what, os.mknod, f"device {what}", kind | 0o600, device)
    tried.works("a pipe", os.mkfifo, "pipe")


@case(
    needs="seccomp",
    why="keyrings belong to no namespace; without the filter only those of the session are gone",
)
def keyrings(world: World, tried: Tried) -> None:
    """The kernel's key rings are out of reach."""
    tried.denied("add a key", syscalls.call, "add_key", "user", "name", b"value", 5, -2)
    tried.denied("find the session's", syscalls.call, "keyctl", 0, -3, 0, 0, 0)
    tried.denied("find the user's", syscalls.call, "keyctl", 0, -4, 0, 0, 0)
    tried.denied("read a key", syscalls.call, "keyctl", 11, -3, ctypes.create_string_buffer(99), 99, 0)
    tried.denied("ask for a key", syscalls.call, "request_key", "user", "name", None, -2)
    fork_works(tried)


@case()
def bpf(world: World, tried: Tried) -> None:
    """Programs for the kernel cannot be loaded, nor maps made."""
    array = struct.pack("5I", 2, 4, 4, 1, 0) + bytes(108)
    tried.denied("make a map", syscalls.call, "bpf", 0, array, len(array))
    fork_works(tried)


@case(needs="seccomp", why="the machine's setting perf_event_paranoid decides without the filter")
def performance_counters(world: World, tried: Tried) -> None:
    """perf_event_open is refused, also for the process itself."""
    attributes = struct.pack("IIQ", 1, 128, 1) + bytes(24) + struct.pack("Q", 0b1100001) + bytes(80)
    for pid, processor in ((0, -1), (-1, 0), (world.bystander["pid"], -1)):
        tried.denied(f"of {pid}", syscalls.call, "perf_event_open", attributes, pid, processor, -1, 0)
    fork_works(tried)


@case(
    needs="seccomp",
    why="it is offered to everybody, and only the filter takes it away",
)
def io_uring(world: World, tried: Tried) -> None:
    """io_uring is refused."""
    tried.denied("set up", syscalls.call, "io_uring_setup", 4, ctypes.create_string_buffer(120))
    fork_works(tried)


@case(needs="seccomp", why="for a process's own faults it is offered to everybody")
def user_faults(world: World, tried: Tried) -> None:
    """userfaultfd is refused: it makes races in the kernel easy to win."""
    tried.denied("own faults", syscalls.call, "userfaultfd", 1 | os.O_CLOEXEC)
    tried.denied("all faults", syscalls.call, "userfaultfd", os.O_CLOEXEC)
    tried.refused("the device", os.open, "/dev/userfaultfd", os.O_RDWR)
    fork_works(tried)


@case()
def file_handles(world: World, tried: Tried) -> None:
    """Files cannot be opened by handle, which would go around every folder."""
    handle = struct.pack("Ii", 8, 1) + bytes(136)
    folder = os.open(".", os.O_RDONLY)
    tried.denied("open", syscalls.call, "open_by_handle_at", folder, handle, os.O_RDONLY)
    tried.works("open by name", Path("own.txt").touch)


@case()
def another_kernel(world: World, tried: Tried) -> None:
    """No kernel can be loaded, and no module in or out."""
    empty = os.open("empty", os.O_CREAT | os.O_RDONLY)
    tried.denied("kexec", syscalls.call, "kexec_load", 0, 0, None, 0)
    tried.denied("kexec by file", syscalls.call, "kexec_file_load", empty, empty, 0, None, 0)
    tried.denied("load a module", syscalls.call, "init_module", b"", 0, "")
    tried.denied("load a module's file", syscalls.call, "finit_module", empty, "", 0)
    tried.denied("remove a module", syscalls.call, "delete_module", f"none_{world.token}", os.O_NONBLOCK)
    fork_works(tried)


@case()
def the_machine_itself(world: World, tried: Tried) -> None:
    """Clock, name, power, swap, accounts, quotas and terminals of the machine cannot be touched."""
    name = platform.node()
    for what, arguments in {
        "set the clock": ("settimeofday", None, None),
        "set the name": ("sethostname", name, len(name)),
        "set the domain": ("setdomainname", name, len(name)),
        "turn the reset key off": ("reboot", 0xFEE1DEAD, 672274793, 0, None),
        "swap on": ("swapon", "/nothing", 0),
        "swap off": ("swapoff", "/nothing"),
        "account": ("acct", "/nothing"),
        "hang up the terminal": ("vhangup",),
        "watch every file": ("fanotify_init", 0x4, 0),
    }.items():
        tried.denied(what, syscalls.call, *arguments)
    tried.refused("quotas", syscalls.call, "quotactl", 0x800005 << 8, "/dev/root", 0, None)
    tried.works("ask the time", os.times)


@case()
def kernel_messages(world: World, tried: Tried) -> None:
    """The kernel's messages can be neither read nor cleared, and its ports not opened."""
    buffer = ctypes.create_string_buffer(100)
    tried.denied("read all", syscalls.call, "syslog", 3, buffer, 100)
    tried.denied("console level", syscalls.call, "syslog", 8, None, 7)
    if syscalls.ON_X86:
        tried.denied("ports", syscalls.numbered, 172, 3)
        tried.denied("port permissions", syscalls.numbered, 173, 0x80, 1, 1)
    fork_works(tried)


@case(needs="seccomp", why="a process may always change its own personality")
def personality(world: World, tried: Tried) -> None:
    """The layout of memory cannot be made predictable by personality; asking for it is free."""
    tried.denied("no random addresses", in_a_child(lambda: syscalls.call("personality", 0x0040000)))
    tried.denied("readable means executable", in_a_child(lambda: syscalls.call("personality", 0x0400000)))
    tried.works("ask", syscalls.call, "personality", 0xFFFFFFFF)


@case(needs="seccomp", why="only a filter sees by which door a call comes in")
def other_doors(world: World, tried: Tried) -> None:
    """System calls of the other ABIs of x86-64 do not go past the filter."""
    if syscalls.ON_X86:
        for what, call in {
            "x32 getpid": lambda: syscalls.numbered(0x40000000 + 39),
            "x32 socket": lambda: syscalls.numbered(0x40000000 + 41, 2, 1, 0),
            "int 0x80 getpid": _by_interrupt,
        }.items():
            status, text = in_child(lambda call=call: _errno_of(call))  # type: ignore[misc]
            came = f"status {status}, {text!r}"
            tried.holds(f"{what} is refused or ends the child", not text.startswith("done"), came)
    fork_works(tried)


def _by_interrupt() -> int:
    """getpid of the 32-bit ABI, in three instructions: mov eax, 20; int 0x80; ret."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex("b814000000 cd80 c3"))
    pointer = ctypes.addressof(ctypes.c_char.from_buffer(page))
    answer = int(ctypes.CFUNCTYPE(ctypes.c_int)(pointer)())
    if answer < 0:
        raise OSError(-answer, os.strerror(-answer))
    return answer
