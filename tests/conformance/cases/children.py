"""Bounded child processes for cases."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 20.0
"""Longest wait for a child that should have ended: a way out of a broken sandbox, never reached in a sound one."""


def own_program(path: str | Path, content: bytes) -> Path:
    """A program of the student's own, made executable from the start: not every sandbox changes modes later."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
    os.write(descriptor, content)
    os.close(descriptor)
    return Path(path).resolve()


def in_child(work: Callable[[], object]) -> tuple[int, str]:
    """Run `work` in a forked child.

    Returns:
        its wait status, and what it returned or the exception's text, at most 4096 characters.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            os.close(reader)
            text = str(work())
        except BaseException as error:
            text, code = f"{type(error).__name__}: {error}", 1
        os.write(writer, text[:4096].encode())
        os._exit(code)
    os.close(writer)
    text = read_all(reader)
    return os.waitpid(pid, 0)[1], text


def in_child_or_raise(work: Callable[[], object]) -> str:
    """The same, with an OSError raised again here.

    Raises:
        OSError: `work` raised it.
    """

    def told() -> object:
        try:
            return work()
        except OSError as error:
            return f"errno {error.errno}"

    _, text = in_child(told)
    if text.startswith("errno "):
        raise OSError(int(text.split()[1]), "refused in a child")
    return text


def read_all(reader: int, limit: int = 4096) -> str:
    """What arrives until every writer is gone; closes the descriptor."""
    found = b""
    while select.select([reader], [], [], PATIENCE_S)[0]:
        block = os.read(reader, limit)
        found += block
        if not block or len(found) > limit:
            break
    os.close(reader)
    return found.decode(errors="replace")


def gone(reader: int) -> bool:
    """Whether every holder of a pipe's other end has ended, waiting for it as long as is sane."""
    while select.select([reader], [], [], PATIENCE_S)[0]:
        if not os.read(reader, 4096):
            return True
    return False


def end(pids: list[int]) -> None:
    """Kill and reap children."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        os.waitpid(pid, 0)
