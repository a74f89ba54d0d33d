"""Run in a process of its own: installs the filter, tries things, prints what came of each as JSON.

python -m tests.sandbox.seccomp_probes refused|works|x32|i386 connect|no-connect
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import multiprocessing
import os
import platform
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.sandbox import seccomp, syscalls

TABLE = tomllib.loads(Path(syscalls.__file__).with_suffix(".toml").read_text(encoding="utf-8"))
NUMBERS = {name: numbers for group in TABLE.values() for name, numbers in group.items()}
LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: int) -> None:
    number = NUMBERS[name][syscalls.machine_named(platform.machine()).column]
    if LIBC.syscall(number, *map(ctypes.c_ulong, arguments)) < 0:
        raise OSError(ctypes.get_errno(), name)


def system_call(name: str, *arguments: int) -> Callable[[], None]:
    return lambda: call(name, *arguments)


def new_socket(family: int, kind: int) -> Callable[[], None]:
    return lambda: socket.socket(family, kind).close()


def connect_to_a_listener() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{folder}/s")
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{folder}/s")


def send_to_an_address() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendto(b"x", "/no/such/socket")


def limit_of_the_parent() -> None:
    now = resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)
    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, now)


def device_node() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.mknod(f"{folder}/null", 0o020666, os.makedev(1, 3))


def socket_after_exec() -> None:
    code = "import socket, sys\ntry: socket.socket()\nexcept OSError as error: sys.exit(error.errno)"
    raise OSError(subprocess.run([sys.executable, "-c", code]).returncode, "in another program")


# Arguments are such that without the filter the call would do no harm and not end in the errno expected here.
REFUSED = {
    "tcp": new_socket(socket.AF_INET, socket.SOCK_STREAM),
    "udp": new_socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "netlink": new_socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "vsock": new_socket(40, socket.SOCK_STREAM),
    "packet": new_socket(17, socket.SOCK_RAW),
    "alg": new_socket(38, socket.SOCK_SEQPACKET),
    "tcp after exec": socket_after_exec,
    "unshare": system_call("unshare", 0),
    "setns": system_call("setns", 2**32 - 1, 0),
    "clone into namespaces": system_call("clone", 0x10000011, 0, 0, 0, 0),
    "clone3": system_call("clone3", 0, 0),
    "mount": system_call("mount", 0, 0, 0, 0, 0),
    "umount2": system_call("umount2", 0, 0),
    "chroot": system_call("chroot", 0),
    "open_tree": system_call("open_tree", 2**32 - 1, 0, 0),
    "ptrace": system_call("ptrace", 0, 0, 0, 0),
    "process_vm_readv": system_call("process_vm_readv", os.getpid(), 0, 0, 0, 0, 0),
    "io_uring": system_call("io_uring_setup", 1, 0),
    "bpf": system_call("bpf", 0, 0, 0),
    "perf": system_call("perf_event_open", 0, 0, 0, 0, 0),
    "keyctl": system_call("keyctl", 0, 2**32 - 3, 0),
    "add_key": system_call("add_key", 0, 0, 0, 0, 0),
    "userfaultfd": system_call("userfaultfd", 0),
    "open_by_handle_at": system_call("open_by_handle_at", 2**32 - 1, 0, 0),
    "kexec": system_call("kexec_load", 0, 1 << 20, 0, 1 << 31),
    "init_module": system_call("init_module", 0, 0, 0),
    "personality": system_call("personality", 0),
    "push characters": system_call("ioctl", 2**32 - 1, 0x5412, 0),
    "prctl set mm": system_call("prctl", 35, 99, 0, 0, 0),
    "prctl unknown": system_call("prctl", 40, 0, 0, 0, 0),
    "dumpable": system_call("prctl", 4, 1, 0, 0, 0),
    "memfd": system_call("memfd_create", 0, 0),
    "shmget": system_call("shmget", 0, 4096, 0),
    "device node": device_node,
    "limits of the parent": limit_of_the_parent,
}
REFUSED_WITHOUT_CONNECT = {
    "connect": connect_to_a_listener,
    "send to an address": send_to_an_address,
    "local datagrams": new_socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "local raw": new_socket(socket.AF_UNIX, socket.SOCK_RAW),
    "pair of datagrams": lambda: [s.close() for s in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)],
    "nice to all": system_call("setpriority", 2, 0, 0),
    "affinity of the parent": lambda: os.sched_setaffinity(os.getppid(), os.sched_getaffinity(os.getppid())),
}


def no_new_privileges() -> None:
    assert LIBC.prctl(39, 0, 0, 0, 0) == 1


def threads() -> None:
    seen: list[int] = []
    some = [threading.Thread(target=seen.append, args=(n,)) for n in range(4)]
    for each in some:
        each.start()
    for each in some:
        each.join()
    assert sorted(seen) == [0, 1, 2, 3]


def fork() -> None:
    child = os.fork()
    if not child:
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def pipes() -> None:
    done = subprocess.run(["cat"], input=b"through", stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"through"


def socket_pair() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"


def fifo() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.mkfifo(f"{folder}/f")
        os.mknod(f"{folder}/file")
        assert {path.name for path in Path(folder).iterdir()} == {"f", "file"}


def temporary_file() -> None:
    with tempfile.NamedTemporaryFile() as file:
        os.truncate(file.name, 10)
        assert Path(file.name).stat().st_size == 10


def mapped() -> None:
    with mmap.mmap(-1, 8192) as memory:
        memory[:3] = b"abc"
        assert memory[:3] == b"abc"


def own_limits_and_priority() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(1)
    os.sched_setaffinity(0, os.sched_getaffinity(0))


def no_name_is_found() -> None:
    try:
        socket.getaddrinfo("example.org", 80)
    except socket.gaierror:
        return
    raise AssertionError("a name was looked up")


def another_filter() -> None:
    """A program may restrict itself further, here to nothing new."""
    child = os.fork()
    if not child:
        seccomp.install(seccomp.translated(syscalls.ALLOW))
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def kernel_sockets() -> None:
    """What a Jupyter kernel does as it starts; libzmq ends the process by abort() on an errno it did not expect."""
    import zmq

    with (
        tempfile.TemporaryDirectory() as folder,
        zmq.Context() as context,
        context.socket(zmq.REP) as replies,
    ):
        replies.bind(f"ipc://{folder}/s")
        try:
            replies.bind_to_random_port("tcp://127.0.0.1")
        except zmq.ZMQError:
            return
    raise AssertionError("a port was bound")


def saved_tensor() -> None:
    import torch

    with tempfile.TemporaryDirectory() as folder:
        torch.save(torch.arange(3), f"{folder}/t.pt")
        assert torch.load(f"{folder}/t.pt").tolist() == [0, 1, 2]


def trained_step() -> None:
    import torch

    model = torch.nn.Linear(2, 1)
    model(torch.ones(4, 2)).sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()


def loader_with_a_worker() -> None:
    import torch

    data = torch.utils.data.TensorDataset(torch.arange(8.0))
    loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=1)
    assert sum(float(batch.sum()) for (batch,) in loader) == 28


def pool() -> None:
    with multiprocessing.get_context("fork").Pool(2) as workers:
        assert workers.map(abs, [-1, -2]) == [1, 2]


WORKS = {
    "no new privileges": no_new_privileges,
    "threads": threads,
    "fork": fork,
    "pipes": pipes,
    "socket pair": socket_pair,
    "fifo": fifo,
    "temporary file": temporary_file,
    "mapped": mapped,
    "own limits": own_limits_and_priority,
    "no name is found": no_name_is_found,
    "another filter": another_filter,
    "kernel sockets": kernel_sockets,
    "saved tensor": saved_tensor,
    "trained step": trained_step,
    "pool": pool,
}
WORKS_WITH_CONNECT = {"connect": connect_to_a_listener, "loader with a worker": loader_with_a_worker}


def outcome(probe: Callable[[], Any]) -> str:
    """`done`, the errno's name, or the error."""
    try:
        probe()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, repr(error))
    except Exception as error:
        return repr(error)
    return "done"


def foreign_x32() -> None:
    LIBC.syscall(syscalls.X32 + 39)


def foreign_i386() -> None:
    """`mov eax, 20; int 0x80; ret`: getpid as a 32-bit program would ask."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def main(what: str, connect: bool) -> None:
    seccomp.install(seccomp.program(connect=connect))
    if what == "refused":
        probes = REFUSED | ({} if connect else REFUSED_WITHOUT_CONNECT)
    elif what == "works":
        probes = WORKS | (WORKS_WITH_CONNECT if connect else {})
    else:
        probes = {"x32": {"x32": foreign_x32}, "i386": {"i386": foreign_i386}}[what]
    print(json.dumps({name: outcome(probe) for name, probe in probes.items()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "connect")
