"""The filter as a program, run by an interpreter for both architectures; and as the kernel runs it, for real."""

from __future__ import annotations

import errno
import json
import platform
import re
import signal
import struct
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.sandbox import seccomp
from grader.sandbox.syscalls import (
    ABSENT,
    ALLOW,
    ARCHITECTURE,
    FORBIDDEN,
    KILL,
    NUMBER,
    PRETENDED,
    X32,
    Answer,
    Decision,
    Question,
    refused,
)
from tests.sandbox import seccomp_probes as probes
from tests.sandbox.seccomp_probes import NUMBERS, TABLE

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}
PROGRAMS = {
    (machine, connect): seccomp.program(machine, connect=connect)
    for machine in AUDIT
    for connect in (True, False)
}
NO_NETWORK = refused(errno.EAFNOSUPPORT)
NO_INTERFACES = refused(errno.EOPNOTSUPP)
UNKNOWN = refused(errno.EINVAL)
HIGH = 0xABCD << 32
"""Bits that an `int` argument does not have."""

machines = st.sampled_from(list(AUDIT))
words = st.integers(0, 2**32 - 1)
longs = st.integers(0, 2**64 - 1)
arguments = st.tuples(longs, longs, longs, longs, longs, longs)

needs_seccomp = pytest.mark.skipif(seccomp.offered() is not None, reason=f"no seccomp: {seccomp.offered()}")


def interpreted(program: bytes, data: bytes) -> tuple[Answer, int]:
    """What a classic BPF program returns over seccomp_data, and in how many steps. Jumps go forward only."""
    lines = list(struct.iter_unpack("=HBBI", program))
    at = accumulator = steps = 0
    while True:
        code, if_true, if_false, k = lines[at]
        at, steps = at + 1, steps + 1
        match code:
            case 0x20:
                assert k % 4 == 0
                (accumulator,) = struct.unpack_from("=I", data, k)
            case 0x54:
                accumulator &= k
            case 0x05:
                at += k
            case 0x15:
                at += if_true if accumulator == k else if_false
            case 0x35:
                at += if_true if accumulator >= k else if_false
            case 0x06:
                return Answer(k), steps
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


def packed(audit: int, number: int, arguments: tuple[int, ...]) -> bytes:
    """struct seccomp_data: number, architecture, instruction pointer, six arguments; little endian on both."""
    full = (*arguments, *(0,) * (6 - len(arguments)))
    return struct.pack("<IIQ6Q", number & 0xFFFFFFFF, audit, 0x7F0000001234, *full)


def verdict(machine: str, number: int, *arguments: int, connect: bool = True) -> Answer:
    return interpreted(PROGRAMS[machine, connect], packed(AUDIT[machine], number, arguments))[0]


# ---------------------------------------------------------------- by number


@pytest.mark.parametrize("connect", [True, False])
@pytest.mark.parametrize("machine", AUDIT)
@pytest.mark.parametrize(
    ("group", "expected"),
    [("allow", ALLOW), ("refuse", FORBIDDEN), ("absent", ABSENT), ("attributes", None)],
)
def test_named_calls_are_answered_as_declared(
    group: str, expected: Answer | None, machine: str, connect: bool
) -> None:
    expected = expected or (ALLOW if connect else PRETENDED)
    for name, numbers in TABLE[group].items():
        if numbers[COLUMN[machine]] >= 0:
            for value in (0, 2**64 - 1):
                answer = verdict(machine, numbers[COLUMN[machine]], *(value,) * 6, connect=connect)
                assert answer == expected, name


@given(machines, words, arguments, st.booleans())
def test_a_number_that_is_not_named_is_never_allowed(
    machine: str, number: int, arguments: tuple[int, ...], connect: bool
) -> None:
    named = {numbers[COLUMN[machine]] for numbers in NUMBERS.values()}
    if number not in named:
        foreign = machine == "x86_64" and number >= X32
        assert verdict(machine, number, *arguments, connect=connect) == (KILL if foreign else ABSENT)


@pytest.mark.parametrize("machine", AUDIT)
def test_numbers_between_named_ones_are_absent(machine: str) -> None:
    named = {numbers[COLUMN[machine]] for numbers in NUMBERS.values()}
    for number in set(range(1000)) - named:
        assert verdict(machine, number) == ABSENT, number


@given(machines, words, words, arguments)
def test_another_architecture_ends_the_process(
    machine: str, audit: int, number: int, arguments: tuple[int, ...]
) -> None:
    if audit != AUDIT[machine]:
        assert interpreted(PROGRAMS[machine, True], packed(audit, number, arguments))[0] == KILL


@pytest.mark.parametrize("name", ["read", "getpid", "execve"])
def test_the_x32_abi_ends_the_process(name: str) -> None:
    assert verdict("x86_64", X32 + NUMBERS[name][0]) == KILL


def test_a_machine_without_a_table_is_said() -> None:
    with pytest.raises(ValueError, match="riscv64"):
        seccomp.program("riscv64")


def in_header(path: str) -> dict[str, int]:
    """Names and numbers of a header; the generic one gives some calls by way of a second name."""
    header = Path(path)
    if not header.exists():
        pytest.skip(f"no {path}")
    found = dict(re.findall(r"#define (__NR\w+)\s+(\w+)", header.read_text()))
    values = {name[5:]: found.get(value, value) for name, value in found.items() if name[4] == "_"}
    return {name: int(value) for name, value in values.items() if value.isdecimal()}


@pytest.mark.parametrize(
    ("column", "path"),
    [(0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), (1, "/usr/include/asm-generic/unistd.h")],
)
def test_numbers_are_those_of_the_headers(column: int, path: str) -> None:
    header = in_header(path)
    # Later headers leave out calls that are gone.
    ours = {name: numbers[column] for name, numbers in NUMBERS.items() if name in header}
    assert ours == {name: header[name] for name in ours}
    assert len(ours) > 250


def test_a_call_stands_in_one_group_and_has_a_number() -> None:
    assert sum(map(len, TABLE.values())) == len(NUMBERS)
    assert all(max(numbers) >= 0 for numbers in NUMBERS.values())


# ---------------------------------------------------------------- by argument

CASES = [
    ("clone", (0x11,), ALLOW, ALLOW),  # fork
    ("clone", (0x3D0F00,), ALLOW, ALLOW),  # a thread
    *[
        ("clone", (HIGH | bit | 0x11,), FORBIDDEN, FORBIDDEN)
        for bit in (0x20000, *(1 << n for n in range(25, 31)))
    ],
    ("clone", (0x8011,), FORBIDDEN, FORBIDDEN),
    *[(name, (1, kind), ALLOW, ALLOW) for name in ("socket", "socketpair") for kind in (1, 5, 0x80801)],
    *[(name, (1, kind), ALLOW, FORBIDDEN) for name in ("socket", "socketpair") for kind in (2, 3, 0x80802)],
    ("socket", (HIGH | 1, HIGH | 1), ALLOW, ALLOW),
    *[("socket", (family, 1), NO_NETWORK, NO_NETWORK) for family in (0, 2, 10, 17, 38, 40, HIGH | 2)],
    *[(name, (16, 3), NO_INTERFACES, NO_INTERFACES) for name in ("socket", "socketpair")],
    ("socketpair", (2, 1), NO_NETWORK, NO_NETWORK),
    ("connect", (3, 1, 2), ALLOW, FORBIDDEN),
    ("sendto", (3, 1, 2, 0, 0, 0), ALLOW, ALLOW),
    ("sendto", (3, 1, 2, 0, 0x1000, 110), ALLOW, FORBIDDEN),
    ("sendto", (3, 1, 2, 0, 1 << 32, 110), ALLOW, FORBIDDEN),
    ("ioctl", (0, 0x5401), ALLOW, ALLOW),
    *[("ioctl", (0, high | code), FORBIDDEN, FORBIDDEN) for code in (0x5412, 0x541C) for high in (0, HIGH)],
    *[("prctl", (option,), ALLOW, ALLOW) for option in (1, 3, 15, 16, 22, 36, 38, 51, 0x53564D41)],
    *[("prctl", (high | 35, 14), FORBIDDEN, FORBIDDEN) for high in (0, HIGH)],
    *[("prctl", (option,), FORBIDDEN, FORBIDDEN) for option in (59, 0x59616D61)],
    ("prctl", (4, 0), ALLOW, ALLOW),
    *[("prctl", (4, to), FORBIDDEN, FORBIDDEN) for to in (1, 2, 1 << 32)],
    *[("prctl", (option,), UNKNOWN, UNKNOWN) for option in (0, 40, 53, 62, 0xFFFFFFFF)],
    ("personality", (0xFFFFFFFF,), ALLOW, ALLOW),
    *[("personality", (persona,), FORBIDDEN, FORBIDDEN) for persona in (0, 8, 0x0040000)],
    *[("mknod", (0, mode), ALLOW, ALLOW) for mode in (0o010600, 0o100600, 0o600)],
    *[("mknod", (0, mode), FORBIDDEN, FORBIDDEN) for mode in (0o020600, 0o060600, 0o140600, HIGH | 0o020600)],
    *[("mknodat", (0, 0, mode), ALLOW, ALLOW) for mode in (0o010600, 0o100600, 0o600)],
    *[("mknodat", (0, 0, mode), FORBIDDEN, FORBIDDEN) for mode in (0o020600, 0o060600, 0x10000 | 0o020600)],
    ("prlimit64", (0, 7, 0x1000, 0), ALLOW, ALLOW),
    ("prlimit64", (99, 7, 0, 0x1000), ALLOW, ALLOW),
    ("prlimit64", (99, 7, 0x1000, 0), FORBIDDEN, FORBIDDEN),
    ("prlimit64", (99, 7, 1 << 32, 0), FORBIDDEN, FORBIDDEN),
    ("setpriority", (0, 0, 5), ALLOW, ALLOW),
    *[("setpriority", (which, who, 5), ALLOW, FORBIDDEN) for which, who in ((0, 99), (1, 0), (2, 0))],
    *[(f"sched_set{what}", (0,), ALLOW, ALLOW) for what in ("affinity", "param", "scheduler", "attr")],
    ("sched_setscheduler", (99, 0, 0x1000), ALLOW, ALLOW),
    *[(f"sched_set{what}", (99, 5), ALLOW, FORBIDDEN) for what in ("affinity", "param", "scheduler", "attr")],
]


@pytest.mark.parametrize("machine", AUDIT)
@pytest.mark.parametrize(("name", "arguments", "with_connect", "without"), CASES)
def test_arguments_decide(
    name: str, arguments: tuple[int, ...], with_connect: Answer, without: Answer, machine: str
) -> None:
    number = NUMBERS[name][COLUMN[machine]]
    if number >= 0:
        assert verdict(machine, number, *arguments) == with_connect
        assert verdict(machine, number, *arguments, connect=False) == without


def test_every_examined_call_has_a_case() -> None:
    assert {name for name, *_ in CASES} == set(TABLE["examine"])


# ---------------------------------------------------------------- the translation

answers = st.sampled_from([ALLOW, KILL, ABSENT, FORBIDDEN])
trees = st.recursive(
    answers,
    lambda branch: st.builds(
        Question,
        st.sampled_from([0, 4, 16, 20]),
        st.integers(0, 3),
        branch,
        branch,
        mask=st.sampled_from([0xFFFFFFFF, 1, 2]),
        at_least=st.booleans(),
    ),
    max_leaves=40,
)


def decided(decision: Decision, data: bytes) -> Answer:
    """The tree read as it stands."""
    while isinstance(decision, Question):
        word = struct.unpack_from("=I", data, decision.word)[0] & decision.mask
        met = word >= decision.value if decision.at_least else word == decision.value
        decision = decision.yes if met else decision.no
    return decision


@given(trees, st.tuples(*[st.integers(0, 3)] * 3), st.integers(0, 3))
def test_a_program_decides_as_its_tree(tree: Decision, numbers: tuple[int, ...], high: int) -> None:
    data = packed(numbers[0], numbers[1], (numbers[2] | high << 32,))
    assert interpreted(seccomp.translated(tree), data)[0] == decided(tree, data)


@pytest.mark.parametrize("end", [KILL, Question(16, 7, KILL, ABSENT)], ids=["answer", "question"])
@pytest.mark.parametrize("length", [*range(122, 132), 200])
def test_jumps_reach_further_than_a_byte(length: int, end: Decision) -> None:
    """Each question of a chain, two instructions long, goes on to the next or leaves for one end they share."""
    below: Decision = Question(ARCHITECTURE, 5, end, ALLOW)
    above: Decision = Question(ARCHITECTURE, 5, end, ALLOW)
    for value in range(length):
        below = Question(NUMBER, value, yes=end, no=below)
        above = Question(NUMBER, value, yes=above, no=end, at_least=True)
    for chain in (below, above):
        program = seccomp.translated(chain)
        for number in range(length + 1):
            for given_data in (packed(audit, number, (7,)) for audit in (5, 6)):
                assert interpreted(program, given_data)[0] == decided(chain, given_data)


@pytest.mark.parametrize("mask", [0xFFFFFFFF, 0xFF])
@pytest.mark.parametrize("length", range(122, 132))
def test_both_ends_of_a_question_may_be_far(length: int, mask: int) -> None:
    """Reaching the one takes an instruction of its own, by which the other is a step further; a mask shifts all."""
    farthest, far = Question(16, 7, KILL, ABSENT), Question(16, 8, FORBIDDEN, ALLOW)
    chain = Question(ARCHITECTURE, 5, yes=farthest, no=far, mask=mask)
    for value in range(length):
        chain = Question(NUMBER, value, yes=KILL, no=chain)
    tree = Question(ARCHITECTURE, 6, yes=chain, no=Question(NUMBER, 1, yes=far, no=farthest))
    program = seccomp.translated(tree)
    for audit, number, argument in product((5, 6, 7), (0, 1, length), (7, 8, 9)):
        given_data = packed(audit, number, (argument,))
        assert interpreted(program, given_data)[0] == decided(tree, given_data)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=["-".join(map(str, key)) for key in PROGRAMS])
def test_a_program_is_short_and_fast(program: bytes) -> None:
    lines = list(struct.iter_unpack("=HBBI", program))
    assert len(lines) <= 4096  # BPF_MAXINSNS
    steps = [interpreted(program, packed(audit, n, ()))[1] for audit in AUDIT.values() for n in range(460)]
    assert max(steps) < 100


# ---------------------------------------------------------------- as the kernel runs it


def probed(what: str, connect: bool) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", probes.__name__, what, "connect" if connect else "no-connect"]
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=120)


def outcomes(what: str, connect: bool) -> dict[str, str]:
    done = probed(what, connect)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


EXPECTED = {
    **dict.fromkeys(probes.REFUSED | probes.REFUSED_WITHOUT_CONNECT, "EPERM"),
    **dict.fromkeys(("tcp", "udp", "vsock", "packet", "alg", "tcp after exec"), "EAFNOSUPPORT"),
    **dict.fromkeys(("clone3", "memfd", "shmget"), "ENOSYS"),
    "netlink": errno.errorcode[errno.EOPNOTSUPP],  # two names share the number
    "prctl unknown": "EINVAL",
}


@needs_seccomp
@pytest.mark.parametrize("connect", [True, False])
def test_the_kernel_refuses(connect: bool) -> None:
    found = outcomes("refused", connect)
    assert found == {name: EXPECTED[name] for name in found}
    assert set(found) >= set(probes.REFUSED)


@needs_seccomp
@pytest.mark.parametrize("connect", [True, False])
def test_what_courses_need_goes_on_working(connect: bool) -> None:
    found = outcomes("works", connect)
    assert found == dict.fromkeys(found, "done")
    assert set(found) >= set(probes.WORKS)


@needs_seccomp
@pytest.mark.skipif(platform.machine() != "x86_64", reason="these are x86-64's other ABIs")
@pytest.mark.parametrize("foreign", ["x32", "i386"])
def test_another_abi_is_fatal(foreign: str) -> None:
    # A kernel without 32-bit programs ends the process before the filter can.
    fatal = {"x32": {-signal.SIGSYS}, "i386": {-signal.SIGSYS, -signal.SIGSEGV}}[foreign]
    assert probed(foreign, True).returncode in fatal


def test_asking_changes_nothing() -> None:
    code = (
        "from grader.sandbox.seccomp import offered\n"
        "said = offered()\n"
        "print(said or '', *(l for l in open('/proc/self/status') if l[:3] in ('Sec', 'NoN')))"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("no /proc")
    own = [line for line in Path("/proc/self/status").read_text().splitlines() if line[:3] in ("Sec", "NoN")]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == " ".join(own).split()


def test_a_reason_is_given_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert "riscv64" in str(seccomp.offered())


@needs_seccomp
def test_a_program_that_the_kernel_cannot_read_is_an_error() -> None:
    code = "from grader.sandbox.seccomp import install; install(bytes(8))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "OSError: [Errno 22]" in done.stderr
