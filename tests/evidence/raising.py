"""Has cells raise what limits make them raise: `python raising.py < cases.json`, one line of JSON for each case.

A case is `[name, world, source]`. Each runs in a forked child whose limits are set before its first line, so that
nothing large is ever allocated, written or started.
"""

# The child's world is made by plain calls, which carry no types.
# mypy: disable-error-code="no-untyped-call, no-untyped-def"

from __future__ import annotations

import ctypes
import json
import os
import resource
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

import numpy as np
import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

USED = (np, ssl, subprocess, threading, urllib.request)
"""Imported before limits are set, as in a warm kernel."""

CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000


class Shell(InteractiveShell):
    """Keeps an exception as a kernel would send it."""

    def _showtraceback(self, etype, evalue, stb) -> None:
        self.raised = {
            "name": etype.__name__,
            "message": str(evalue),
            "traceback": "\n".join(stb),
        }


def memory() -> None:
    status = Path("/proc/self/status").read_text()
    data = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:"))
    most = data * 1024 + 400 * 1024**2
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def open_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))


def processes() -> None:
    if os.getuid() == 0:
        # Root has no such limit; the saved id keeps the right to read the library's source.
        other = 0x70000000 + os.getpid()
        os.setresuid(other, other, 0)
        ctypes.CDLL(None).setfsuid(0)
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))


def network() -> None:
    flags = CLONE_NEWNET | (CLONE_NEWUSER if os.getuid() else 0)
    if ctypes.CDLL(None, use_errno=True).unshare(flags):
        raise OSError(ctypes.get_errno(), "no network namespace")


WORLDS = {
    "memory": memory,
    "files": files,
    "open files": open_files,
    "processes": processes,
    "network": network,
    "plain": lambda: None,
}


def run(world: str, source: str, answer: int) -> None:
    settings = Config()
    settings.HistoryManager.enabled = False
    shell = Shell.instance(config=settings)
    shell.run_line_magic("colors", "NoColor")
    shell.raised = None
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path(folder).chmod(0o777)
        try:
            WORLDS[world]()
            shell.run_cell(source)
            told = shell.raised
        except OSError as error:
            told = {"skipped": str(error)}
        os.write(answer, json.dumps(told).encode())
        os.chdir("/")
    os._exit(0)


def main() -> None:
    torch.set_num_threads(1)
    for name, world, source in json.load(sys.stdin):
        answer, end = os.pipe()
        child = os.fork()
        if child == 0:
            sys.stdout = sys.stderr
            run(world, source, end)
        os.close(end)
        with os.fdopen(answer) as pipe:
            text = pipe.read()
        os.waitpid(child, 0)
        print(json.dumps([name, json.loads(text) if text else None]))


if __name__ == "__main__":
    main()
