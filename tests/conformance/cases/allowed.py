"""What students do every day: it has to work in every sandbox."""

# What is tried is the system call, by its own name.
# ruff: noqa: PTH123

from __future__ import annotations

import ctypes
import mmap
import multiprocessing
import os
import pickle
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import zipfile
from pathlib import Path

from tests.conformance.case import Tried, World, case


@case()
def own_files(world: World, tried: Tried) -> None:
    """Files and folders of its own, in every way Python has."""
    folder = Path("data/raw")
    tried.works("folders", folder.mkdir, parents=True)
    tried.works("write", Path("data/a.txt").write_text, "a")
    tried.works("append", _append, Path("data/a.txt"))
    tried.holds("read back", Path("data/a.txt").read_text(encoding="utf-8") == "ab")
    tried.works("rename into another folder", Path("data/a.txt").rename, folder / "b.txt")
    tried.works("a symbolic link", os.symlink, "b.txt", folder / "c.txt")
    tried.works("copy", shutil.copytree, "data", "copy", symlinks=True)
    tried.works("modes", os.chmod, folder / "b.txt", 0o600)
    tried.works("times", os.utime, folder / "b.txt", (1e9, 1e9))
    tried.works("zip", shutil.make_archive, "data", "zip", "data")
    tried.works("unzip", zipfile.ZipFile("data.zip").extractall, "unzipped")
    tried.works("remove", shutil.rmtree, "copy")
    tried.works("its home", Path.home().joinpath("x").touch)
    tried.holds("free space is told", shutil.disk_usage(".").total > 0)


def _append(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("b")
        file.flush()
        os.fsync(file.fileno())


@case()
def temporary_files(world: World, tried: Tried) -> None:
    """tempfile in all its kinds."""
    tried.works("without a name", lambda: tempfile.TemporaryFile().write(b"x"))  # noqa: SIM115 -- gone with the lambda
    tried.works("with a name", lambda: tempfile.NamedTemporaryFile().write(b"x"))  # noqa: SIM115 -- the same
    tried.works("a folder", lambda: tempfile.TemporaryDirectory().cleanup())
    tried.holds(
        "in a folder of its own", tempfile.gettempdir() == os.environ["TMPDIR"], tempfile.gettempdir()
    )


@case()
def own_processes(world: World, tried: Tried) -> None:
    """Children, shells, pipes and signals between them."""
    done = tried.works(
        "a shell", subprocess.run, "echo one | cat", shell=True, capture_output=True, check=True
    )
    tried.holds("and its output", done is not None and done.stdout == b"one\n")
    done = tried.works(
        "Python", subprocess.run, [world.python, "-c", "print(2)"], capture_output=True, check=True
    )
    tried.holds("and its output", done is not None and done.stdout == b"2\n")
    child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    tried.holds("talk to a child", child.communicate(b"hello", timeout=20)[0] == b"hello")
    child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    tried.works("interrupt one", child.send_signal, signal.SIGINT)
    tried.holds("which ends", child.wait(20) == -signal.SIGINT)
    child.stdin.close() if child.stdin else None
    tried.works("a pipe with a name", os.mkfifo, "pipe")


@case()
def own_threads(world: World, tried: Tried) -> None:
    """Threads, timers and alarms."""
    seen: list[int] = []
    threads = [threading.Thread(target=seen.append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tried.holds("threads", sorted(seen) == list(range(8)), seen)
    rung = threading.Event()
    signal.signal(signal.SIGALRM, lambda *_: rung.set())
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    tried.holds("an alarm", rung.wait(10))
    tried.works("clocks", lambda: (time.time(), time.monotonic(), time.process_time(), time.thread_time()))


@case(needs="namespaces", why="semaphores lie in /dev/shm, which without namespaces is everybody's")
def own_processes_that_share(world: World, tried: Tried) -> None:
    """multiprocessing: locks, queues, shared arrays and pools."""
    context = multiprocessing.get_context("fork")
    tried.works("a lock", context.Lock)
    array = tried.works("an array", context.Array, "i", 4)
    queue = context.SimpleQueue()
    process = context.Process(target=queue.put, args=(1,))
    process.start()
    tried.holds("a queue", queue.get() == 1)
    process.join()
    tried.holds("the array", array is not None and list(array) == [0, 0, 0, 0])
    with context.Pool(2) as pool:
        tried.holds("a pool", pool.map(abs, [-1, -2]) == [1, 2])


@case()
def own_sockets(world: World, tried: Tried) -> None:
    """Pairs of sockets and pipes, with event loops over them."""
    import asyncio

    first, second = socket.socketpair()
    tried.works("send", first.send, b"x")
    tried.holds("receive", second.recv(1) == b"x")
    first.close(), second.close()
    tried.works("an event loop", asyncio.run, asyncio.sleep(0))


@case()
def own_memory(world: World, tried: Tried) -> None:
    """Memory in the ways libraries take it."""
    page = tried.works("a page", mmap.mmap, -1, mmap.PAGESIZE)
    tried.works("a page that runs", mmap.mmap, -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
    tried.holds("ctypes", ctypes.CDLL(None).abs(-3) == 3)
    Path("mapped").write_bytes(bytes(mmap.PAGESIZE))
    with open("mapped", "r+b") as file:
        mapped = mmap.mmap(file.fileno(), 0)
        mapped[0] = 1
        tried.works("write a mapped file", mapped.flush)
    tried.works("half of the limit", bytearray, world.limits["memory"] // 2)
    tried.holds("pickle", pickle.loads(pickle.dumps([1])) == [1] and page is not None)


@case()
def own_database(world: World, tried: Tried) -> None:
    """SQLite, with its locks and its journal."""
    database = sqlite3.connect("own.sqlite")
    tried.works("write", database.executescript, "create table t (n); insert into t values (1);")
    tried.works("a journal", database.execute, "pragma journal_mode = wal")
    tried.holds("read", database.execute("select n from t").fetchall() == [(1,)])
    database.close()


@case()
def facts_about_the_machine(world: World, tried: Tried) -> None:
    """What libraries ask: processors, memory, the user's name, time, locale, randomness."""
    import locale
    import platform

    tried.holds("processors", len(os.sched_getaffinity(0)) > 0 and (os.cpu_count() or 0) > 0)
    tried.works("memory", Path("/proc/meminfo").read_text)
    tried.works("processor", Path("/proc/cpuinfo").read_text)
    tried.works("own status", Path("/proc/self/status").read_text)
    tried.works("platform", platform.platform)
    tried.works("home", Path.home)
    tried.works("locale", locale.setlocale, locale.LC_ALL, "C.UTF-8")
    tried.holds("randomness", len(os.urandom(8)) == 8 and len(os.getrandom(8)) == 8)
    tried.works("local time", time.localtime)
    tried.works("limits", os.sysconf, "SC_NPROCESSORS_ONLN")


PYTORCH = """
import json, sys, threading
import torch
from torch.utils.data import DataLoader, TensorDataset

model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
data = TensorDataset(torch.randn(64, 2), torch.randn(64, 1))
optimizer = torch.optim.Adam(model.parameters())
for _ in range(2):
    for X, y in DataLoader(data, batch_size=16, num_workers=WORKERS):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(X), y).backward()
        optimizer.step()
torch.save(model.state_dict(), "model.pt")
model.load_state_dict(torch.load("model.pt", weights_only=True))
shared = torch.zeros(1000).share_memory_() if WORKERS else None
thread = threading.Thread(target=torch.mm, args=(torch.ones(9, 9), torch.ones(9, 9)))
thread.start(), thread.join()
print("trained")
"""


@case(torch=True)
def train_and_save(world: World, tried: Tried) -> None:
    """A fresh interpreter imports PyTorch, trains, saves and loads, with workers where there are namespaces."""
    # Semaphores lie in /dev/shm, as in `own_processes_that_share`.
    workers = 2 if "namespaces" in world.layers else 0
    program = PYTORCH.replace("WORKERS", str(workers))
    done = subprocess.run([world.python, "-c", program], capture_output=True, text=True, timeout=120)
    tried.holds("it trained", done.stdout == "trained\n", done.stderr[-300:])
    tried.works("read what was saved", Path("model.pt").read_bytes)


DRAWING = """
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import make_circles

X, y = make_circles(50, random_state=1)
pd.DataFrame(X).to_csv("circles.csv")
plt.scatter(*X.T, c=y)
plt.title("circles")
plt.savefig("circles.png")
print("drawn")
"""


@case(torch=True)
def draw_and_tabulate(world: World, tried: Tried) -> None:
    """A fresh interpreter imports scikit-learn, pandas and matplotlib, draws and saves."""
    done = subprocess.run([world.python, "-c", DRAWING], capture_output=True, text=True, timeout=120)
    tried.holds("it drew", done.stdout == "drawn\n", done.stderr[-300:])
    tried.works("read the picture", Path("circles.png").read_bytes)
