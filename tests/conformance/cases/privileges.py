"""What the process is, and what it cannot become."""

# What is tried is the system call, by its own name.
# ruff: noqa: PTH123

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import stat
import subprocess
import threading
from pathlib import Path

from tests.conformance.case import Tried, World, case, not_there
from tests.conformance.cases.children import in_child, in_child_or_raise, own_program

PR_GET_DUMPABLE, PR_CAP_AMBIENT, PR_SET_NO_NEW_PRIVS, PR_SET_MM, PR_SET_NAME = 3, 47, 38, 35, 15


def status(pid: int | str = "self") -> dict[str, str]:
    """Fields of /proc/PID/status (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {name: rest.strip() for name, _, rest in (line.partition(":") for line in lines)}


@case()
def capabilities(world: World, tried: Tried) -> None:
    """All sets of capabilities are empty, and stay so in what it starts."""
    for who, fields in (("itself", status()), ("a program", _status_of_a_program(world))):
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            tried.holds(f"{name} of {who}", int(fields[name], 16) == 0, fields[name])
    tried.refused("take one", _raise_ambient)
    tried.works("fork", in_child, os.getpid)


FACTS = """
import ctypes, json
libc = ctypes.CDLL(None)
sets = (ctypes.c_uint * 6)()
libc.capget((ctypes.c_uint * 2)(0x20080522, 0), sets)
names = ("CapEff", "CapPrm", "CapInh")
facts = {name: f"{sets[at] | sets[at + 3] << 32:x}" for at, name in enumerate(names)}
facts["CapAmb"] = f"{sum(libc.prctl(47, 1, at, 0, 0) == 1 for at in range(41)):x}"
print(json.dumps(facts | {"NoNewPrivs": str(libc.prctl(39, 0, 0, 0, 0)), "Seccomp": str(libc.prctl(21))}))
"""
"""capget(2) and prctl(2) in a program of its own: not every sandbox shows its /proc to a child."""


def _status_of_a_program(world: World) -> dict[str, str]:
    command = [world.python, "-I", "-S", "-c", FACTS]
    found: dict[str, str] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def _raise_ambient() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if (
        libc.prctl(
            PR_CAP_AMBIENT, ctypes.c_ulong(2), ctypes.c_ulong(21), ctypes.c_ulong(0), ctypes.c_ulong(0)
        )
        < 0
    ):
        raise OSError(ctypes.get_errno(), "refused")


@case()
def no_new_privileges(world: World, tried: Tried) -> None:
    """No program gives more rights than its caller has, and this cannot be undone."""
    tried.holds("set", status()["NoNewPrivs"] == "1", status()["NoNewPrivs"])
    started = _status_of_a_program(world)
    tried.holds("in what it starts too", started["NoNewPrivs"] == "1", started)
    if "seccomp" in world.layers:
        tried.holds("the filter stands", status()["Seccomp"] == "2", status()["Seccomp"])
        tried.holds("and in what it starts", started["Seccomp"] == "2", started)
    tried.works("start a program", subprocess.run, ["/bin/true"], check=True)


@case()
def who_it_is(world: World, tried: Tried) -> None:
    """It is nobody: no user or group of the machine's, and it can become none."""
    fields = status()
    for name in ("Uid", "Gid"):
        tried.holds(f"{name} is not root", "0" not in fields[name].split(), fields[name])
    groups = {group for group in os.getgroups() if group not in (os.getgid(), 65534)}
    tried.holds("no other groups", not groups, sorted(groups))
    tried.refused("become root", not_there(in_child_or_raise), lambda: os.setuid(0))
    tried.refused("become nobody's group", not_there(in_child_or_raise), lambda: os.setgid(0))
    tried.refused("take groups", not_there(in_child_or_raise), lambda: os.setgroups([0]))
    tried.works("ask for its groups", os.getgroups)


@case()
def set_id_programs(world: World, tried: Tried) -> None:
    """Programs with the set-user-id bit or capabilities of their own give nothing (su, mount, ping, a planted one)."""
    if world.set_id_planted:
        ids = _ids_told_by(world.set_id_planted)
        tried.holds("the planted one runs as its caller", ids == _own_ids(), ids)
    for program in world.set_id if "namespaces" in world.layers else ():
        fields = _status_at_the_end([program])
        tried.holds(f"{program} runs as its caller", _is_caller(fields), (fields["Uid"], fields["CapPrm"]))
    own = own_program("own program", Path("/bin/true").read_bytes())
    tried.works("start one of its own", subprocess.run, [own], check=True, timeout=20)


def _ids_told_by(program: str) -> list[str]:
    """User and group that a copy of id(1) is when it runs."""
    told = [
        subprocess.run([program, option], capture_output=True, text=True, check=True)
        for option in ("-u", "-g")
    ]
    return [done.stdout.strip() for done in told]


def _own_ids() -> list[str]:
    return [str(os.getuid()), str(os.getgid())]


def _status_at_the_end(command: list[str]) -> dict[str, str]:
    """What a program was when it ended: a zombie keeps its ids until it is waited for."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    try:
        return status(process.pid)
    finally:
        process.wait()


def _is_caller(fields: dict[str, str]) -> bool:
    mine = status()
    return fields["Uid"] == mine["Uid"] and fields["Gid"] == mine["Gid"] and int(fields["CapPrm"], 16) == 0


@case()
def make_a_set_id_program(world: World, tried: Tried) -> None:
    """A program of its own with these bits is worth no more than without."""
    own = own_program("own program", Path("/usr/bin/id").read_bytes())
    try:
        own.chmod(0o6755)
    except OSError as error:
        tried.note("holds", "the bits are refused or worth nothing", str(error), True)
    tried.holds("it is the caller's", own.stat().st_uid == os.getuid(), own.stat().st_uid)
    tried.unmarked("give it away", str(own), not_there(os.chown), own, 0, 0)
    tried.unmarked(
        "give it a capability",
        str(own),
        os.setxattr,
        own,
        "security.capability",
        bytes.fromhex("01000002" + "00" * 16),
    )
    ids = _ids_told_by(str(own.resolve()))
    tried.holds("it runs as its caller", ids == _own_ids(), ids)


@case()
def core_dumps(world: World, tried: Tried) -> None:
    """A crash leaves no core file, and none can be asked for."""
    tried.holds("none allowed", resource.getrlimit(resource.RLIMIT_CORE) == (0, 0))
    tried.refused("allow them", _set_limit, resource.RLIMIT_CORE, 1 << 20)
    code, _ = in_child(lambda: os.kill(os.getpid(), signal.SIGSEGV))
    tried.holds("a crash is a crash", os.WIFSIGNALED(code), code)
    tried.holds("without a core", not os.WCOREDUMP(code) and not list(Path().glob("core*")))


def _set_limit(which: int, value: int) -> None:
    try:
        resource.setrlimit(which, (value, value))
    except ValueError as error:
        # So Python says EPERM here: "not allowed to raise maximum limit".
        raise PermissionError(1, str(error)) from error


@case()
def raise_the_limits(world: World, tried: Tried) -> None:
    """Limits can be lowered and not raised."""
    for name in (
        "RLIMIT_NOFILE",
        "RLIMIT_FSIZE",
        "RLIMIT_CPU",
        "RLIMIT_NPROC",
        "RLIMIT_DATA",
        "RLIMIT_MEMLOCK",
    ):
        which = getattr(resource, name)
        _, hard = resource.getrlimit(which)
        if hard != resource.RLIM_INFINITY:
            tried.refused(f"raise {name}", _set_limit, which, hard + 1)
            tried.refused(f"lift {name}", _set_limit, which, resource.RLIM_INFINITY)
    for name in ("RLIMIT_NOFILE", "RLIMIT_FSIZE"):
        tried.holds(
            f"{name} is set", resource.getrlimit(getattr(resource, name))[1] != resource.RLIM_INFINITY
        )
    tried.refused("a better priority", os.setpriority, os.PRIO_PROCESS, 0, -5)
    tried.refused("real time", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(50))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    tried.works("lower one", resource.setrlimit, resource.RLIMIT_NOFILE, (soft - 1, hard))


@case()
def loosen_the_sandbox(world: World, tried: Tried) -> None:
    """What holds it cannot be taken off: no flag of prctl, no second filter, no file of /proc."""
    for name, text in (("uid_map", b"0 0 1"), ("gid_map", b"0 0 1"), ("setgroups", b"allow")):
        tried.refused(f"write {name}", _write, f"/proc/self/{name}", text)
    tried.refused("unset no_new_privs", _control, PR_SET_NO_NEW_PRIVS, 0)
    if "seccomp" in world.layers:
        tried.denied("move its own memory map", _control, PR_SET_MM, 1)
    tried.works("name itself", _control_name)


def _write(path: str, data: bytes) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(data)


def _control(option: int, value: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, *(ctypes.c_ulong(word) for word in (value, 0, 0, 0))) < 0:
        number = ctypes.get_errno()
        # prctl(2): no_new_privs can only be set to 1; anything else is EINVAL, which is the refusal here.
        raise OSError(
            errno.EPERM if option == PR_SET_NO_NEW_PRIVS and number == errno.EINVAL else number, "refused"
        )
    return 0


def _control_name() -> None:
    threading.Thread(target=str, name="student").start()
    ctypes.CDLL(None).prctl(PR_SET_NAME, ctypes.c_char_p(b"student"), 0, 0, 0)
    assert Path("/proc/self/comm").read_text(encoding="ascii") == "student\n"


@case()
def modes_of_its_files(world: World, tried: Tried) -> None:
    """The scratch is for its owner alone."""
    folder = Path(os.environ["HOME"]).parent
    mode = stat.S_IMODE(folder.stat().st_mode)
    tried.holds("closed to others", mode & 0o077 == 0, oct(mode))
    tried.works("make a file in its home", Path(os.environ["HOME"], "own.txt").touch)
