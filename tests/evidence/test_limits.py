"""Limits of the assignment: told by name and amount, from exceptions as Python and PyTorch raise them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from grader.evidence.incidents import incidents
from grader.model.grade import Diagnosis
from grader.model.recording import CellError, CellRun, Limits
from grader.sandbox.plan import Ceiling
from grader.sandbox.watch import Watch
from tests.evidence.building import notebook

GB, MB = 1024**3, 1024**2
LIMITS = Limits(
    memory_bytes=3 * GB,
    processes=7,
    file_bytes=5 * MB,
    disk_bytes=11 * MB,
    open_files=99,
    submission_s=50.0,
)
LARGE = "asked for more memory than the 3 GB a submission may use"
MANY = "needed more processes or threads than the 7 a submission may have"
LONG = "wrote more into one file than the 5 MB it may hold"
FULL = "filled the 11 MB that all files of a submission may take together"
CUT = "could not write a file to its end (one file may hold 5 MB, all together 11 MB)"
OPEN = "had more files open at one time than the 99 a process may have"
NETWORK = "needs the network, which grading does not have"

T, N = "import torch\n", "import numpy as np\n"
RAISED = {
    # name: the child's limits, source, what is said
    "tensor": ("memory", f"{T}torch.zeros(3 * 10**9)", f"{LARGE} (11.18 GB at once) and stopped"),
    "broadcast": (
        "memory",
        f"{T}x = torch.zeros(40_000)\nx - x[:, None]",
        f"{LARGE} (5.96 GB at once) and stopped",
    ),
    "array": ("memory", f"{N}np.ones(10**12)", f"{LARGE} (7455 GB at once) and stopped"),
    "growing": (
        "memory",
        f"{T}kept = []\nfor _ in range(30): kept.append(torch.ones(10**7))",
        f"{LARGE} and stopped",
    ),
    "list": ("memory", "[0] * 10**9", f"{LARGE} and stopped"),
    "mapping": ("memory", "import mmap\nmmap.mmap(-1, 12 * 10**9, flags=mmap.MAP_PRIVATE)", LARGE),
    "fork": ("processes", "import os\nif os.fork() == 0: os._exit(0)", MANY),
    "program": ("processes", "import subprocess\nsubprocess.run(['true'])", MANY),
    "thread": ("processes", "import threading\nthreading.Thread(target=print).start()", MANY),
    "long-file": ("files", "with open('a', 'w') as file: file.write('x' * 200_000)", LONG),
    "long-old-save": (
        "files",
        f"{T}torch.save(torch.zeros(10**5), 'a', _use_new_zipfile_serialization=False)",
        LONG,
    ),
    "long-save": ("files", f"{T}torch.save(torch.zeros(10**5), 'a.pt')", CUT),
    "long-array": ("files", f"{N}np.save('a.npy', np.zeros(10**5))", CUT),
    "full": ("plain", "with open('/dev/full', 'w') as file: file.write('x')", FULL),
    "full-save": ("plain", f"{T}torch.save(torch.zeros(10**5), '/dev/full')", CUT),
    "open": ("open files", "kept = [open('/dev/null') for _ in range(60)]", OPEN),
    "pipes": ("open files", "import os\nkept = [os.pipe() for _ in range(60)]", OPEN),
    "name": ("network", "import socket\nsocket.gethostbyname('example.org')", NETWORK),
    "address": ("network", "import socket\nsocket.create_connection(('192.0.2.1', 80), 1)", NETWORK),
    "datagram": (
        "network",
        "import socket\nsocket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 9))",
        NETWORK,
    ),
    "page": ("network", "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/')", NETWORK),
    "hub": ("network", f"{T}torch.hub.load('pytorch/vision', 'resnet18')", NETWORK),
    "own": ("plain", "raise RuntimeError('no such thing')", "stopped with RuntimeError: no such thing"),
    "waiting": (
        "plain",
        "import os\nread, _ = os.pipe()\nos.set_blocking(read, False)\nos.read(read, 1)",
        "stopped with BlockingIOError: [Errno 11]",
    ),
    "secret": ("plain", "raise PermissionError(13, 'Permission denied')", "stopped with PermissionError"),
}

Status = Literal["error", "timeout", "died"]


@pytest.fixture(scope="module")
def raised() -> dict[str, dict[str, str]]:
    """The exception of each case, by its name."""
    cases = [(name, world, source) for name, (world, source, _) in RAISED.items()]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("raising.py")],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return dict(json.loads(line) for line in done.stdout.splitlines())


def only(run: CellRun) -> Diagnosis:
    (incident,) = incidents(notebook("work()"), [run], LIMITS)
    return incident


def ended(status: Status, note: str, error: CellError | None = None) -> Diagnosis:
    return only(CellRun(number=1, status=status, note=note, error=error))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other limits")
@pytest.mark.parametrize("name", RAISED)
def test_what_is_raised_names_its_limit(raised: dict[str, dict[str, str]], name: str) -> None:
    error = raised[name]
    if "skipped" in error:
        pytest.skip(error["skipped"])
    says = RAISED[name][2]
    incident = only(CellRun(number=1, status="error", error=CellError(line=2, **error)))
    assert says in incident.message, error
    assert incident.code == ("run-network" if says == NETWORK else "run-error")
    assert incident.severity == "fail"
    assert incident.where is not None and incident.where.cell == 1


@pytest.mark.parametrize(
    ("name", "message", "says"),
    [
        ("_ArrayMemoryError", "Unable to allocate 3.73 GiB for an array", f"{LARGE} (3.73 GB at once)"),
        ("MemoryError", "Unable to allocate 763. MiB for an array", f"{LARGE} and"),
        ("MemoryError", "std::bad_alloc", LARGE),
        ("OSError", "[Errno 28] No space left on device: 'a'", FULL),
        (
            "SafetensorError",
            "Error while serializing: I/O error: No space left on device (os error 28)",
            FULL,
        ),
        ("SafetensorError", "Error while serializing: I/O error: File too large (os error 27)", LONG),
        ("OperationalError", "database or disk is full", FULL),
        ("OperationalError", "disk I/O error", CUT),
        ("RuntimeError", "received 0 items of ancdata", OPEN),
        ("RuntimeError", "unable to mmap 80 bytes from file </torch_1>: Cannot allocate memory (12)", LARGE),
        ("RuntimeError", "unable to open shared memory object </t>: Too many open files (24)", OPEN),
    ],
)
def test_texts_that_other_libraries_make_of_it(name: str, message: str, says: str) -> None:
    incident = only(CellRun(number=1, status="error", error=CellError(name=name, message=message)))
    assert (incident.code, says in incident.message) == ("run-error", True), incident.message
    assert incident.hint is not None and "Restart the kernel" not in incident.hint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("OutOfMemoryError", "CUDA out of memory. Tried to allocate 20.00 GiB."),
        ("RuntimeError", "Storage size calculation overflowed with sizes=[4611686018427387904]"),
        ("ValueError", "Maximum allowed dimension exceeded"),
        ("RecursionError", "maximum recursion depth exceeded"),
        ("BlockingIOError", "[Errno 11] Resource temporarily unavailable"),
        ("PermissionError", "[Errno 13] Permission denied: '/etc/shadow'"),
        ("MemoryErrors", "of another kind"),
    ],
)
def test_what_is_no_limit_of_ours_is_an_error_like_others(name: str, message: str) -> None:
    incident = only(CellRun(number=1, status="error", error=CellError(name=name, message=message)))
    assert incident.message == f"Cell [1] stopped with {name}: {message}"
    assert incident.hint is not None and "Restart the kernel" in incident.hint


@pytest.mark.parametrize("size", ["1.2.3 GiB", "9" * 400 + " GiB", "99999999999.0 EiB", "1 XiB"])
def test_a_size_that_is_none_is_passed_over(size: str) -> None:
    error = CellError(name="MemoryError", message=f"Unable to allocate {size} for an array")
    assert f"{LARGE} and stopped with" in only(CellRun(number=1, status="error", error=error)).message


# ---------------------------------------------------------------- sockets that a sandbox refuses


REFUSED = {
    "by-filter": "File /usr/lib/python3.11/socket.py:232, in socket.__init__(self)\n--> 232 self.open()",
    "connect": "----> 1 s.connect(('192.0.2.1', 80))",
    "asyncio": "File /usr/lib/python3.11/asyncio/selector_events.py:642, in _sock_connect(self)",
}


@pytest.mark.parametrize("number", [1, 13])
@pytest.mark.parametrize("traceback", REFUSED.values(), ids=REFUSED)
def test_a_refused_socket_is_the_network(number: int, traceback: str) -> None:
    error = CellError(name="PermissionError", message=f"[Errno {number}] not permitted", traceback=traceback)
    assert only(CellRun(number=1, status="error", error=error)).code == "run-network"


@pytest.mark.parametrize("number", [97, 99, 101, 113])
def test_errors_that_only_sockets_have_need_no_place(number: int) -> None:
    error = CellError(name="OSError", message=f"[Errno {number}] …")
    assert only(CellRun(number=1, status="error", error=error)).code == "run-network"


def test_lines_around_the_one_that_raised_are_no_sockets() -> None:
    text = "      1 s = socket.socket()\n----> 2 open('/etc/shadow')\n      3 s.connect(there)"
    error = CellError(name="PermissionError", message="[Errno 13] Permission denied", traceback=text)
    assert only(CellRun(number=1, status="error", error=error)).code == "run-error"


# ---------------------------------------------------------------- notes of the sandbox, signals, time


def noted(*processes: int, held: int = 0, others: bool = True) -> str:
    """What the sandbox says of so many processes that hold so many bytes, having found others to end or none."""
    watch = Watch(lambda: list(processes), kernel=2**30, ceiling=Ceiling(3 * GB, 7), before=0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("grader.sandbox.members.kill", lambda *given: others)
        patched.setattr("os.kill", lambda *given: None)
        patched.setattr(Watch, "_held", lambda *given: held)
        looks = (watch.look() for _ in range(20))
        said = next((said for said in looks if said is not None), None)
    assert said is not None
    return said


ALONE = noted(1, held=4 * GB, others=False)
TOGETHER = noted(1, 2, held=4 * GB)
STARTED = noted(*range(8))


@pytest.mark.parametrize(
    ("note", "hint"), [(ALONE, "n × n"), (TOGETHER, "n × n"), (STARTED, "num_workers=0")]
)
def test_a_death_tells_what_the_sandbox_saw(note: str, hint: str) -> None:
    incident = ended("died", f"{note}; the Python process was ended by SIGKILL")
    assert incident.code == "run-died"
    assert note in incident.message and "SIGKILL" in incident.message
    assert hint in (incident.hint or "")


@pytest.mark.parametrize(("note", "says"), [(ALONE, LARGE), (TOGETHER, LARGE), (STARTED, MANY)])
def test_what_the_sandbox_stopped_explains_a_later_error_or_timeout(note: str, says: str) -> None:
    killed = CellError(name="RuntimeError", message="DataLoader worker (pid 31) is killed by signal: Killed.")
    error, timeout = ended("error", note, killed), ended("timeout", note)
    assert (error.code, timeout.code) == ("run-error", "run-timeout")
    assert says in error.message and "DataLoader worker" in error.message
    assert says in timeout.message


@pytest.mark.parametrize(
    "note",
    [
        "more than 1000000 characters of output; the rest was not kept",
        "more pictures, or larger ones, than are kept (200 of 3 MB each)",
    ],
)
def test_other_notes_are_no_limits_of_the_sandbox(note: str) -> None:
    assert ended("timeout", note).message == "Cell [1] was stopped: it ran past its time limit."


def test_a_note_alone_costs_nothing() -> None:
    assert incidents(notebook("work()"), [CellRun(number=1, status="ok", note=STARTED)], LIMITS) == ()


@pytest.mark.parametrize(
    ("signal", "says"),
    [
        ("SIGXCPU", "used the 100 s of processor time that a process may take"),
        ("SIGXFSZ", LONG),
        ("SIGBUS", "all files together may take 11 MB"),
        ("SIGKILL", "ended by SIGKILL."),
    ],
)
def test_a_signal_tells_its_limit(signal: str, says: str) -> None:
    incident = ended("died", f"the Python process was ended by {signal}")
    assert says in incident.message and signal in incident.message
    assert incident.code == "run-died"


def test_a_signal_says_more_than_what_was_ended_beside_it() -> None:
    incident = ended("died", f"the Python process was ended by SIGBUS; {STARTED}")
    assert "found no room" in incident.message and STARTED in incident.message
    assert "Map smaller files" in (incident.hint or "")


def test_a_long_note_ends_with_its_reason() -> None:
    incident = ended("died", "x" * 5000 + "; the Python process was ended by SIGABRT")
    assert "SIGABRT" in incident.message and len(incident.message) < 500


@pytest.mark.parametrize(
    ("note", "says"),
    [
        (
            "ran longer than the 1.2e+03 s that a cell may take and was interrupted",
            "longer than the 1200 s a cell",
        ),
        ("ran longer than what was left of the 50 s for the whole submission and was interrupted", "50 s"),
        ("", "ran past its time limit."),
    ],
)
def test_a_timeout_tells_its_limit(note: str, says: str) -> None:
    incident = ended("timeout", note)
    assert incident.code == "run-timeout" and says in incident.message
