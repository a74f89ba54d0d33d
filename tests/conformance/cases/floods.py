"""Too much of everything. Each flood ends by itself at a small multiple of the limit that should have stopped it."""

# What is tried is the system call, by its own name.
# ruff: noqa: PTH123

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.conformance import syscalls
from tests.conformance.case import Tried, World, case
from tests.conformance.cases.children import end, gone, in_child

STEP = 8 << 20
MEGABYTE = 1 << 20


def after(tried: Tried) -> None:
    """What must work when a flood is over."""
    tried.works("write a small file", Path("after.txt").write_text, "still here")
    # Whoever ends a flood may still be at it, and take a child that has just been born along.
    answers = (in_child(lambda: "child") for _ in range(20))
    tried.holds("start a child", any(answer == (0, "child") for answer in answers))


def hold(size: int) -> list[bytearray]:
    """Take memory in steps and touch it, so that it is really there.

    Raises:
        MemoryError: it is refused.
    """
    return [bytearray(b"\1") * STEP for _ in range(size // STEP)]


def fill(path: str | Path, size: int) -> None:
    """Write a file of `size` bytes."""
    block = bytes(MEGABYTE)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for _ in range(size // len(block)):
            os.write(descriptor, block)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def waiting_children() -> Iterator[tuple[list[int], int, int]]:
    """A list to put children in, the end of a pipe they hold, and the end to see them go."""
    reader, writer = os.pipe()
    pids: list[int] = []
    try:
        yield pids, reader, writer
    finally:
        with contextlib.suppress(OSError):
            end(pids)
        for descriptor in (reader, writer):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def wait_for_ever() -> None:
    """Until killed; at the most as long as the harness waits."""
    signal.alarm(60)
    while True:
        signal.pause()


@case()
def fork_bomb(world: World, tried: Tried) -> None:
    """Not more processes than the limit live: forks are refused, or all are ended at once."""
    most = world.limits["processes"] * 4 + 128
    with waiting_children() as (pids, reader, writer):
        refused = ""
        for _ in range(most):
            try:
                pid = os.fork()
            except OSError as error:
                refused = errno.errorcode[error.errno or 0]
                break
            if pid == 0:
                os.close(reader)
                wait_for_ever()
            pids.append(pid)
        os.close(writer)
        tried.holds("refused or ended", bool(refused) or gone(reader), f"{len(pids)} forks, {refused}")
    after(tried)


@case()
def fork_bomb_of_programs(world: World, tried: Tried) -> None:
    """The same with shells that start shells."""
    depth = world.limits["processes"] * 3 + 128
    script = 'n=$1; if [ "$n" -gt 0 ]; then sh "$0" $((n - 1)) & wait; else exec sleep 60; fi'
    Path("bomb.sh").write_text(script, encoding="ascii")
    reader, writer = os.pipe()
    quiet = subprocess.DEVNULL
    # Everyone in the chain holds the pipe and the last waits for ever: its end is the end of all.
    process = subprocess.Popen(
        ["/bin/sh", "bomb.sh", str(depth)], stdin=quiet, stdout=writer, stderr=quiet, start_new_session=True
    )
    os.close(writer)
    tried.holds("refused or ended", gone(reader))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    os.close(reader)
    after(tried)


@case()
def thread_flood(world: World, tried: Tried) -> None:
    """Threads are limited."""
    most, go = world.limits["processes"] * 4 + 256, threading.Event()
    started: list[threading.Thread] = []
    refused = ""
    threading.stack_size(64 * 1024)
    for _ in range(most):
        thread = threading.Thread(target=go.wait)
        try:
            thread.start()
        except RuntimeError as error:
            refused = str(error)
            break
        started.append(thread)
    go.set()
    for thread in started:
        thread.join()
    tried.holds("refused", bool(refused), f"{len(started)} threads, {refused}")
    after(tried)


@case(stopped=True)
def memory_bomb(world: World, tried: Tried) -> None:
    """One process cannot hold more than the limit: it is refused, or ended, and why is said."""
    try:
        held = hold(world.limits["memory"] * 3 // 2)
    except MemoryError:
        tried.note("holds", "refused", "MemoryError", True)
    else:
        wait_for_ever()
        tried.holds("refused or ended", False, len(held) * STEP)
    after(tried)


@case()
def memory_bomb_of_many(world: World, tried: Tried) -> None:
    """Several processes together cannot hold more than the limit."""
    with waiting_children() as (pids, reader, writer):
        for _ in range(4):
            pid = os.fork()
            if pid == 0:
                os.close(reader)
                with contextlib.suppress(MemoryError):
                    held = hold(world.limits["memory"] // 2)
                    wait_for_ever()
                    del held
                os._exit(0)
            pids.append(pid)
        os.close(writer)
        tried.holds("ended", gone(reader))
    after(tried)


@case(stopped=True)
def shared_memory_bomb(world: World, tried: Tried) -> None:
    """Memory that is shared counts too."""
    try:
        held = mmap.mmap(-1, world.limits["memory"] * 3 // 2, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
        for start in range(0, len(held), mmap.PAGESIZE):
            held[start] = 1
    except (MemoryError, OSError) as error:
        tried.note("holds", "refused", str(error), True)
    else:
        wait_for_ever()
        tried.holds("refused or ended", False, len(held))
    after(tried)


@case(
    stopped=True,
    needs="seccomp",
    why="such a file belongs to no process that could be counted; the filter removes them",
)
def memory_in_files_without_a_name(world: World, tried: Tried) -> None:
    """Files that live in memory alone count too, also where no process has them mapped."""
    per_file = world.limits["file"]
    descriptors = []
    try:
        for number in range(world.limits["memory"] * 3 // 2 // per_file):
            descriptors.append(syscalls.call("memfd_create", f"file{number}", 1))
            for _ in range(per_file // MEGABYTE):
                os.write(descriptors[-1], bytes(MEGABYTE))
    except OSError as error:
        tried.note("holds", "refused", errno.errorcode[error.errno or 0], True)
        for descriptor in descriptors:
            os.close(descriptor)
    else:
        wait_for_ever()
        tried.holds("refused or ended", False, len(descriptors) * per_file)
    after(tried)


@case(stopped=True)
def memory_in_segments(world: World, tried: Tried) -> None:
    """System V segments, which outlive their processes, are refused or gone afterwards."""
    try:
        identity = syscalls.call("shmget", 0, MEGABYTE, 0o1600)
    except OSError as error:
        tried.note("holds", "refused", errno.errorcode[error.errno or 0], True)
    else:
        tried.holds("it lives in a namespace of its own", "namespaces" in world.layers, identity)
    after(tried)


@case()
def one_big_file(world: World, tried: Tried) -> None:
    """A file cannot outgrow the limit for one file."""
    tried.refused("write it", fill, "big", world.limits["file"] * 2)
    size = Path("big").stat().st_size
    tried.holds("no longer than allowed", size <= world.limits["file"], size)
    tried.refused("stretch it", os.truncate, "big", world.limits["file"] * 2)
    tried.refused("reserve it", _reserve, world.limits["file"] * 2)
    Path("big").unlink()
    after(tried)


def _reserve(size: int) -> None:
    with open("reserved", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


@case(stopped=True)
def many_big_files(world: World, tried: Tried) -> None:
    """All files together cannot outgrow the scratch."""
    per_file, paths = world.limits["file"] // 2, []
    try:
        for number in range(world.limits["disk"] * 2 // per_file):
            paths.append(Path(f"big{number}"))
            fill(paths[-1], per_file)
    except OSError as error:
        came = errno.errorcode[error.errno or 0]
        for path in paths:
            path.unlink(missing_ok=True)
        tried.note("holds", "refused", came, came == "ENOSPC")
    else:
        wait_for_ever()
        tried.holds("refused or ended", False, len(paths) * per_file)
    after(tried)


@case(stopped=True)
def many_small_files(world: World, tried: Tried) -> None:
    """The number of names is limited."""
    made = []
    folder = Path("small")
    folder.mkdir()
    try:
        for number in range(world.limits["names"] * 2):
            os.close(os.open(folder / str(number), os.O_CREAT | os.O_WRONLY, 0o600))
            made.append(number)
    except OSError as error:
        for number in made:
            (folder / str(number)).unlink()
        tried.note("holds", "refused", errno.errorcode[error.errno or 0], error.errno == errno.ENOSPC)
    else:
        wait_for_ever()
        tried.holds("refused or ended", False, len(made))
    after(tried)


@case()
def descriptor_flood(world: World, tried: Tried) -> None:
    """Open files are limited."""
    opened = []
    came = ""
    try:
        for _ in range(world.limits["open_files"] * 2):
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        came = errno.errorcode[error.errno or 0]
    for descriptor in opened:
        os.close(descriptor)
    tried.holds("refused", came == "EMFILE", f"{len(opened)} open, {came}")
    after(tried)


@case()
def endless_output(world: World, tried: Tried) -> None:
    """What is written to the standard output fills nothing but the scratch, up to the limit of one file."""
    written, block = 0, b"x" * MEGABYTE
    try:
        for _ in range(world.limits["disk"] * 2 // MEGABYTE):
            written += os.write(1, block)
    except OSError as error:
        tried.note("holds", "refused", errno.errorcode[error.errno or 0], True)
    tried.holds("no more than one file's limit", written <= world.limits["file"], written)
    after(tried)


@case()
def processor_time(world: World, tried: Tried) -> None:
    """Processor time has a limit that ends the process."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    tried.holds("it is set", hard != resource.RLIM_INFINITY and hard <= world.limits["cpu_s"] + 10, hard)
    after(tried)


@case(endless=True)
def endless_loop(world: World, tried: Tried) -> None:
    """A loop without end is ended from outside."""
    after(tried)
    while True:
        pass


@case(endless=True)
def ignored_signals(world: World, tried: Tried) -> None:
    """Who ignores and blocks every signal is ended all the same, with a child that does so too."""
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    after(tried)
    os.fork()
    while True:
        pass


@case(endless=True)
def stopped_processes(world: World, tried: Tried) -> None:
    """Processes that have stopped themselves do not stay behind."""
    after(tried)
    os.fork()
    while True:
        os.kill(os.getpid(), signal.SIGSTOP)


@case()
def grandchildren(world: World, tried: Tried) -> None:
    """Daemons of daemons, in sessions of their own, are gone when the notebook is: the harness looks."""
    for level in range(5):
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            if level % 2:
                os.setsid()
                os.execv("/bin/sleep", [f"sleep-{world.token}", "300"])
            wait_for_ever()
    after(tried)


@case(endless=True)
def grandchildren_of_an_endless_loop(world: World, tried: Tried) -> None:
    """The same, ended from outside in the middle of it."""
    grandchildren(world, tried)
    while True:
        pass


@case()
def a_crash(world: World, tried: Tried) -> None:
    """A process that crashes the interpreter takes nothing with it."""
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
        code, _ = in_child(lambda number=number: os.kill(os.getpid(), number))  # type: ignore[misc]
        tried.holds(
            f"a child may die of {number}", os.WIFSIGNALED(code) and os.WTERMSIG(code) == number, code
        )
    after(tried)
