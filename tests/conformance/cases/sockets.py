"""Anything that listens outside. The bystander has every address open and says who called."""

# What is tried is the system call, by its own name.
# ruff: noqa: PTH211

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.conformance import syscalls
from tests.conformance.case import Tried, World, case, not_there

AF_NETLINK, AF_PACKET, AF_ALG, AF_VSOCK, AF_XDP, AF_BLUETOOTH, AF_KEY, AF_TIPC = (
    16,
    17,
    38,
    40,
    44,
    31,
    15,
    30,
)
HELLO = b"from inside"
DOCUMENTATION = "192.0.2.1"
"""An address that is nobody's (RFC 5737)."""


def open_and_close(*kind: int) -> None:
    socket.socket(*kind).close()


def connect(family: int, kind: int, address: object) -> None:
    with socket.socket(family, kind) as one:
        one.settimeout(2)
        one.connect(address)  # type: ignore[arg-type]
        one.send(HELLO)


def send_to(family: int, address: object) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.sendto(HELLO, address)  # type: ignore[arg-type]


def send_message(family: int, address: object) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.sendmsg([HELLO], [], 0, address)  # type: ignore[arg-type]


def pair(tried: Tried) -> None:
    """What must work beside every refusal: two ends of its own."""
    first, second = socket.socketpair()
    first.send(HELLO)
    tried.works("talk over a pair of its own", lambda: second.recv(99, socket.MSG_DONTWAIT))


@case()
def path_sockets(world: World, tried: Tried) -> None:
    """A socket that lies outside as a file is out of reach, for streams and packets."""
    tried.refused("stream", connect, socket.AF_UNIX, socket.SOCK_STREAM, world.bystander["stream"])
    tried.refused(
        "packets in order", connect, socket.AF_UNIX, socket.SOCK_SEQPACKET, world.bystander["stream"]
    )
    tried.refused("datagrams", connect, socket.AF_UNIX, socket.SOCK_DGRAM, world.bystander["datagram"])
    tried.refused("sendto", send_to, socket.AF_UNIX, world.bystander["datagram"])
    tried.refused("sendmsg", send_message, socket.AF_UNIX, world.bystander["datagram"])
    pair(tried)


@case()
def path_sockets_by_a_link(world: World, tried: Tried) -> None:
    """A link in the scratch does not shorten the way to a socket outside."""
    os.symlink(world.bystander["stream"], "stream")
    os.symlink(world.bystander["datagram"], "datagram")
    tried.refused("stream", connect, socket.AF_UNIX, socket.SOCK_STREAM, "stream")
    tried.refused("sendto", send_to, socket.AF_UNIX, "datagram")
    tried.refused("move it in", os.rename, world.bystander["stream"], "moved")
    pair(tried)


@case()
def abstract_sockets(world: World, tried: Tried) -> None:
    """A socket outside that is a name only is out of reach."""
    stream, datagram = world.bystander["abstract_stream"], world.bystander["abstract_datagram"]
    tried.refused("stream", connect, socket.AF_UNIX, socket.SOCK_STREAM, "\0" + stream)
    tried.refused("datagrams", connect, socket.AF_UNIX, socket.SOCK_DGRAM, "\0" + datagram)
    tried.refused("sendto", send_to, socket.AF_UNIX, "\0" + datagram)
    tried.refused("sendmsg", send_message, socket.AF_UNIX, "\0" + datagram)
    pair(tried)


@case()
def tcp(world: World, tried: Tried) -> None:
    """No TCP connection leads out, neither to this machine nor to another."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        tried.refused(address, connect, family, socket.SOCK_STREAM, (address, world.bystander["tcp"]))
    tried.refused("another machine", connect, socket.AF_INET, socket.SOCK_STREAM, (DOCUMENTATION, 80))
    tried.refused("with the first packet", _fast_open, ("127.0.0.1", world.bystander["tcp"]))
    tried.refused("a page", urllib.request.urlopen, f"http://127.0.0.1:{world.bystander['tcp']}/", timeout=2)
    pair(tried)


def _fast_open(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.settimeout(2)
        one.sendto(HELLO, 0x20000000, address)


@case()
def udp(world: World, tried: Tried) -> None:
    """No datagram leads out."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        tried.refused(address, send_to, family, (address, world.bystander["udp"]))
        tried.refused(f"{address} by message", send_message, family, (address, world.bystander["udp"]))
    tried.refused("another machine", send_to, socket.AF_INET, (DOCUMENTATION, 53))
    tried.refused("everybody", send_to, socket.AF_INET, ("255.255.255.255", 53))
    pair(tried)


@case()
def dns(world: World, tried: Tried) -> None:
    """No name of another machine can be looked up, and it fails without waiting."""
    tried.refused("look up", socket.getaddrinfo, "host.example.org", 80)
    tried.refused("the old way", socket.gethostbyname, "host.example.org")
    pair(tried)


@case()
def interfaces(world: World, tried: Tried) -> None:
    """The machine's network interfaces and routes cannot be seen."""
    try:
        names = [name for _, name in socket.if_nameindex()]
    except OSError:
        names = []
    tried.holds("no interface but its own loopback", set(names) <= {"lo"}, names)
    pair(tried)


@case(needs="namespaces", why="the kernel's tables under /proc belong to the network namespace it is in")
def connections_of_others(world: World, tried: Tried) -> None:
    """The machine's connections and sockets are not listed."""
    for table in ("/proc/self/net/arp", "/proc/self/net/tcp", "/proc/self/net/unix"):
        tried.holds(f"nothing of the machine's in {table}", _lines(table) <= 4, _lines(table))
    pair(tried)


def _lines(path: str) -> int:
    try:
        return len(Path(path).read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return 0


@case(needs="seccomp", why="a network namespace has netlink of its own, which tells only of itself")
def netlink(world: World, tried: Tried) -> None:
    """Netlink sockets are refused."""
    for protocol in (0, 9, 15, 16):
        tried.refused(f"protocol {protocol}", open_and_close, AF_NETLINK, socket.SOCK_RAW, protocol)
    pair(tried)


@case(needs="seccomp", why="no namespace holds vsock on this kernel; Landlock has no rule for it")
def vsock(world: World, tried: Tried) -> None:
    """Sockets to the hypervisor and to other virtual machines are refused."""
    tried.refused("stream", open_and_close, AF_VSOCK, socket.SOCK_STREAM)
    tried.refused("datagram", open_and_close, AF_VSOCK, socket.SOCK_DGRAM)
    tried.refused("the device", os.open, "/dev/vsock", os.O_RDONLY)
    pair(tried)


@case()
def raw_packets(world: World, tried: Tried) -> None:
    """Raw and packet sockets are refused."""
    tried.refused("ICMP", open_and_close, socket.AF_INET, socket.SOCK_RAW, 1)
    tried.refused("raw IP", open_and_close, socket.AF_INET, socket.SOCK_RAW, 255)
    tried.refused("ICMPv6", open_and_close, socket.AF_INET6, socket.SOCK_RAW, 58)
    tried.refused("frames", open_and_close, AF_PACKET, socket.SOCK_RAW, 768)
    tried.refused("cooked frames", open_and_close, AF_PACKET, socket.SOCK_DGRAM, 768)
    pair(tried)


@case(needs="seccomp", why="families that no namespace knows are taken away by the filter alone")
def rare_families(world: World, tried: Tried) -> None:
    """Families of sockets that nobody here needs are refused, so that their code is out of reach."""
    for name, family in (("ALG", AF_ALG), ("XDP", AF_XDP), ("BLUETOOTH", AF_BLUETOOTH), ("KEY", AF_KEY)):
        tried.denied(name, open_and_close, family, socket.SOCK_RAW)
    tried.denied("TIPC", open_and_close, AF_TIPC, socket.SOCK_DGRAM)
    tried.denied("ALG, in order", open_and_close, AF_ALG, socket.SOCK_SEQPACKET)
    pair(tried)


@case()
def shared_memory_of_others(world: World, tried: Tried) -> None:
    """Shared memory that a process outside has left open to everybody cannot be attached or found."""
    tried.refused("System V, by id", not_there(_attach), world.bystander["shm"])
    tried.refused("System V, by key", syscalls.call, "shmget", world.bystander["shm_key"], 0, 0)
    tried.refused("POSIX", os.open, f"/dev/shm/{world.bystander['posix_shm']}", os.O_RDWR)
    tried.refused(
        "its message queue", syscalls.call, "mq_open", world.bystander["queue"], os.O_WRONLY, 0, None
    )
    tried.holds("none is listed", str(world.bystander["shm"]) not in _segments(), _segments())
    pair(tried)


def _attach(identity: int) -> int:
    # To read only, so that a success spoils nothing.
    return syscalls.call("shmat", identity, None, 0o10000)


def _segments() -> list[str]:
    try:
        lines = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []
    return [line.split()[1] for line in lines]


@case()
def listen_for_outsiders(world: World, tried: Tried) -> None:
    """Nothing that it opens itself can be called from outside."""
    taken = "conformance-" + world.token
    calls: dict[str, Callable[[], None]] = {
        "a port": lambda: _listen(socket.AF_INET, ("0.0.0.0", 0)),
        "an abstract name": lambda: _listen(socket.AF_UNIX, "\0inside-" + taken),
    }
    for what, call in calls.items():
        try:
            call()
        except OSError as error:
            tried.note("holds", f"{what} is refused or private", str(error), True)
        else:
            private = "namespaces" in world.layers or what == "an abstract name"
            tried.holds(f"{what} is private", private)
    pair(tried)


def _listen(family: int, address: object) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.bind(address)  # type: ignore[arg-type]
        one.listen(1)


@case()
def pass_descriptors(world: World, tried: Tried) -> None:
    """Descriptors travel between its own processes."""
    first, second = socket.socketpair()
    reader, writer = os.pipe()
    socket.send_fds(first, [b"x"], [writer])
    _, received, _, _ = socket.recv_fds(second, 1, 4)
    tried.holds("one arrives", len(received) == 1, received)
    tried.works("and it is usable", os.write, received[0], b"y")
    tried.holds("by its own", os.read(reader, 9) == b"y")
