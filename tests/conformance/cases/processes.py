"""Other people's processes. Signals are SIGURG, which is ignored by all but the bystander, who counts it."""

# What is tried is the system call, by its own name.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
from pathlib import Path

from tests.conformance import syscalls
from tests.conformance.case import Tried, World, case
from tests.conformance.cases.children import in_child

PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_DETACH = 16, 0x4206, 17


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(200)


@case()
def see_others_environment(world: World, tried: Tried) -> None:
    """The environment and the memory map of a process outside cannot be read."""
    pid = world.bystander["pid"]
    for name in ("environ", "maps", "smaps", "auxv", "stack", "syscall", "io", "pagemap"):
        tried.refused(f"read /proc/{pid}/{name}", _read, f"/proc/{pid}/{name}")
    tried.works("read its own map", _read, "/proc/self/maps")


@case(
    needs="namespaces",
    why="without a pid namespace the kernel shows names and command lines of all processes",
)
def see_others_at_all(world: World, tried: Tried) -> None:
    """Processes outside cannot even be seen."""
    pid = world.bystander["pid"]
    for name in ("", "cmdline", "status", "stat", "comm"):
        tried.refused(f"see /proc/{pid}/{name}", os.stat, f"/proc/{pid}/{name}")
    seen = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    tried.holds("only its own are listed", len(seen) <= 4 and max(seen) < 64, seen)
    tried.works("see itself", _read, "/proc/self/status")


@case()
def read_others_memory(world: World, tried: Tried) -> None:
    """The memory of a process outside, and of those that guard the sandbox, cannot be opened."""
    for pid in (world.bystander["pid"], world.bystander["parent"]):
        tried.refused(f"open /proc/{pid}/mem", os.open, f"/proc/{pid}/mem", os.O_RDONLY)
        tried.refused(f"open /proc/{pid}/mem to write", os.open, f"/proc/{pid}/mem", os.O_RDWR)
    tried.works("open its own", os.open, "/proc/self/mem", os.O_RDONLY)


@case()
def walk_others_folders(world: World, tried: Tried) -> None:
    """Descriptors, folders, the root and the program of a process outside lead nowhere."""
    pid, number = world.bystander["pid"], world.bystander["descriptor"]
    tried.refused("list its descriptors", os.listdir, f"/proc/{pid}/fd")
    tried.refused("open one", _read, f"/proc/{pid}/fd/{number}")
    tried.refused("see where it points", os.readlink, f"/proc/{pid}/fd/{number}")
    for name in ("cwd", "root", "exe"):
        tried.refused(f"follow its {name}", os.stat, f"/proc/{pid}/{name}")
        tried.refused(f"read its {name}", os.readlink, f"/proc/{pid}/{name}")
    tried.refused("list its root", os.listdir, f"/proc/{pid}/root/")
    tried.works("list its own descriptors", os.listdir, "/proc/self/fd")


@case()
def signal_outside(world: World, tried: Tried) -> None:
    """No signal reaches a process outside; the bystander counts them."""
    for pid in (world.bystander["pid"], world.bystander["parent"]):
        tried.refused(f"signal {pid}", os.kill, pid, signal.SIGURG)
        tried.refused(f"ask after {pid}", os.kill, pid, 0)
        tried.refused("signal its group", os.killpg, pid, signal.SIGURG)
    child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    tried.works("signal a child of its own", child.kill)
    tried.holds("which then ends", child.wait(20) == -signal.SIGKILL, child.returncode)
    child.stdin.close() if child.stdin else None


@case()
def signal_everybody(world: World, tried: Tried) -> None:
    """A signal to all processes and one to the own group stay within; the bystander counts them."""
    for pid in (-1, 0):
        try:
            os.kill(pid, signal.SIGURG)
        except OSError as error:
            tried.note("holds", f"a signal to {pid} stays within", str(error), True)
    tried.works("signal itself", os.kill, os.getpid(), signal.SIGURG)


@case()
def signal_the_keeper(world: World, tried: Tried) -> None:
    """Whoever guards the sandbox survives every signal from within."""
    for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP, signal.SIGURG):
        for pid in {os.getppid(), 1}:
            try:
                os.kill(pid, number)
            except OSError as error:
                tried.note("holds", f"signal {number} to {pid} is refused", str(error), True)
    tried.holds("its parent is still there", os.getppid() != 0)
    tried.works("signal itself", os.kill, os.getpid(), signal.SIGURG)


@case()
def trace_outside(world: World, tried: Tried) -> None:
    """ptrace takes hold of no process outside, nor of the guards."""
    for pid in (world.bystander["pid"], world.bystander["parent"]):
        tried.refused(f"seize {pid}", _trace, PTRACE_SEIZE, pid)
        tried.refused(f"attach to {pid}", _trace, PTRACE_ATTACH, pid)
    tried.works("fork", in_child, os.getpid)


def _trace(request: int, pid: int) -> str:
    syscalls.call("ptrace", request, pid, 0, 0)
    if request == PTRACE_ATTACH:
        os.waitpid(pid, 0)
    syscalls.call("ptrace", PTRACE_DETACH, pid, 0, 0)
    return "traced"


@case(
    needs="seccomp",
    why="init has the student's own user id and nothing to hide; only seccomp takes ptrace away",
)
def trace_the_init(world: World, tried: Tried) -> None:
    """ptrace is not there at all, not even for what is inside."""
    child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    tried.denied("seize a child", syscalls.call, "ptrace", PTRACE_SEIZE, child.pid, 0, 0)
    tried.denied("seize the parent", syscalls.call, "ptrace", PTRACE_SEIZE, os.getppid(), 0, 0)
    child.communicate()


@case()
def reach_into_memory(world: World, tried: Tried) -> None:
    """process_vm_readv, process_vm_writev and process_madvise reach no process outside."""
    pid, address = world.bystander["pid"], world.bystander["address"]
    buffer = ctypes.create_string_buffer(64)
    local, remote = _vector(ctypes.addressof(buffer)), _vector(address)
    tried.refused("read its memory", syscalls.call, "process_vm_readv", pid, local, 1, remote, 1, 0)
    tried.refused("write its memory", syscalls.call, "process_vm_writev", pid, local, 1, remote, 1, 0)
    tried.works("read its own by pointer", ctypes.string_at, ctypes.addressof(buffer), 8)


def _vector(address: int) -> bytes:
    return address.to_bytes(8, "little") + (32).to_bytes(8, "little")


@case()
def hold_by_descriptor(world: World, tried: Tried) -> None:
    """A descriptor of a process outside cannot be had, nor used to signal it or to take its files."""
    for pid in (world.bystander["pid"], world.bystander["parent"]):
        tried.refused(f"signal {pid} by descriptor", _signal_by_descriptor, pid)
        tried.refused(f"take a file of {pid}", _take_file, pid, world.bystander["descriptor"])
    tried.works("fork and wait", in_child, os.getpid)


def _signal_by_descriptor(pid: int) -> None:
    descriptor = syscalls.call("pidfd_open", pid, 0)
    try:
        syscalls.call("pidfd_send_signal", descriptor, signal.SIGURG, None, 0)
    finally:
        os.close(descriptor)


def _take_file(pid: int, number: int) -> int:
    descriptor = syscalls.call("pidfd_open", pid, 0)
    try:
        return syscalls.call("pidfd_getfd", descriptor, number, 0)
    finally:
        os.close(descriptor)


@case()
def turn_others_down(world: World, tried: Tried) -> None:
    """Priorities, limits, processors and pages of a process outside cannot be changed."""
    pid = world.bystander["pid"]
    tried.refused("its priority", os.setpriority, os.PRIO_PROCESS, pid, 19)
    tried.refused("its limits", resource.prlimit, pid, resource.RLIMIT_NOFILE, (3, 3))
    tried.refused("its processors", os.sched_setaffinity, pid, {0})
    tried.refused("its scheduler", os.sched_setscheduler, pid, os.SCHED_IDLE, os.sched_param(0))
    tried.refused("its turn at the disk", syscalls.call, "ioprio_set", 1, pid, 3 << 13)
    tried.refused("compare with it", syscalls.call, "kcmp", os.getpid(), pid, 0, 0, 0)
    tried.works("its own priority", os.setpriority, os.PRIO_PROCESS, 0, 5)


@case()
def type_into_a_terminal(world: World, tried: Tried) -> None:
    """There is no controlling terminal to type into, and none of the machine's can be opened."""
    for path in ("/dev/tty", "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/ttyS0"):
        tried.refused(f"open {path}", os.open, path, os.O_RDWR | os.O_NOCTTY)
    tried.holds(
        "a session of its own", os.getsid(0) == os.getsid(os.getpid()) and _no_terminal(), os.getsid(0)
    )
    tried.works("a child", subprocess.run, ["/bin/true"], check=True)


def _no_terminal() -> bool:
    """Field 7 of /proc/self/stat, the controlling terminal, is 0 without one (proc(5))."""
    return Path("/proc/self/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[4] == "0"
