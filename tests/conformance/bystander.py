"""A process outside the sandbox that has every door open and counts who comes in.

`python bystander.py FOLDER TOKEN` prints a line of JSON about itself; each line it reads is answered with what it has
seen since. Everything it opened lies in FOLDER or ends with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any


class Doors:
    """Sockets of every kind, and what came through them."""

    def __init__(self, folder: Path, token: str) -> None:
        self.signals = 0
        self.listening: dict[str, socket.socket] = {}
        self.packets: dict[str, socket.socket] = {}
        signal.signal(signal.SIGURG, self._count)
        stream, packet = socket.SOCK_STREAM, socket.SOCK_DGRAM
        self._open("stream", socket.AF_UNIX, stream, str(folder / "stream"))
        self._open("datagram", socket.AF_UNIX, packet, str(folder / "datagram"))
        self._open("abstract_stream", socket.AF_UNIX, stream, f"\0stream-{token}")
        self._open("abstract_datagram", socket.AF_UNIX, packet, f"\0datagram-{token}")
        self._open("tcp", socket.AF_INET, stream, ("127.0.0.1", 0))
        port = self.listening["tcp"].getsockname()[1]
        self._open("udp", socket.AF_INET, packet, ("127.0.0.1", 0))
        if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
            self._open("tcp6", socket.AF_INET6, stream, ("::1", port))
        for name in ("stream", "datagram"):
            (folder / name).chmod(0o777)

    def _open(self, name: str, family: int, kind: int, address: Any) -> None:
        one = socket.socket(family, kind)
        one.bind(address)
        one.setblocking(False)
        if kind == socket.SOCK_STREAM:
            one.listen(64)
            self.listening[name] = one
        else:
            self.packets[name] = one

    def _count(self, *_: object) -> None:
        self.signals += 1

    def callers(self) -> list[str]:
        """Names of the doors that somebody came through since the last time."""
        came = [name for name, one in self.listening.items() if _empties(one.accept)]
        came += [name for name, one in self.packets.items() if _empties(lambda one=one: one.recv(999))]
        return came


def _empties(take: Any) -> bool:
    found = False
    while True:
        try:
            taken = take()
        except BlockingIOError:
            return found
        found = True
        if isinstance(taken, tuple):
            taken[0].close()


class Segment:
    """System V shared memory that everybody may attach; with an own number as its key."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.shmat.restype = ctypes.c_void_p
        self.key = 0x5EED0000 | (os.getpid() & 0xFFFF)
        self.identity = int(self._libc.shmget(self.key, 4096, 0o1666))
        if self.identity >= 0:
            self._libc.shmat(self.identity, None, 0)
            # It goes with the last process that has it attached.
            self._remove = lambda: self._libc.shmctl(self.identity, 0, None)

    def remove(self) -> None:
        if self.identity >= 0:
            self._remove()


class Queue:
    """A POSIX message queue that everybody may write to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.mq_open(f"/{name}".encode(), os.O_CREAT | os.O_RDWR, 0o666, None)

    def remove(self) -> None:
        if self._descriptor >= 0:
            self._libc.mq_unlink(f"/{self.name}".encode())


def main(folder: Path, token: str) -> None:
    os.umask(0)
    doors, segment, queue = Doors(folder, token), Segment(), Queue(f"queue-{token}")
    secret = ctypes.create_string_buffer(f"secret {token}".encode())
    file = os.open(folder / "held.txt", os.O_CREAT | os.O_RDWR, 0o666)
    shared = Path("/dev/shm", f"shared-{token}")
    shared.touch()
    shared.chmod(0o666)
    try:
        print(
            json.dumps(_about(doors, segment, ctypes.addressof(secret), file, shared.name, queue.name)),
            flush=True,
        )
        for _ in sys.stdin:
            answer = {"signals": doors.signals, "callers": doors.callers(), "secret": secret.value.decode()}
            print(json.dumps(answer), flush=True)
    finally:
        shared.unlink(missing_ok=True)
        segment.remove()
        queue.remove()


def _about(
    doors: Doors, segment: Segment, address: int, file: int, shared: str, queue: str
) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "address": address,
        "descriptor": file,
        "stream": doors.listening["stream"].getsockname(),
        "datagram": doors.packets["datagram"].getsockname(),
        "abstract_stream": doors.listening["abstract_stream"].getsockname()[1:].decode(),
        "abstract_datagram": doors.packets["abstract_datagram"].getsockname()[1:].decode(),
        "tcp": doors.listening["tcp"].getsockname()[1],
        "udp": doors.packets["udp"].getsockname()[1],
        "shm": segment.identity,
        "shm_key": segment.key,
        "posix_shm": shared,
        "queue": queue,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
