"""What a launcher keeps: kernels that are warm and sealed, a memory without secrets, and nothing after its end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from grader.api import configured
from grader.errors import UsageError
from grader.execute.choice import opened_kernel
from grader.execute.job import Job
from grader.execute.jupyter import JupyterKernel
from grader.execute.launcher import Comfort, Launcher, Sandbox
from grader.execute.provisioner import NAME
from grader.execute.scratch import Scratch
from grader.execute.source import ColdSource
from grader.execute.warm import WarmSource
from grader.launcher.lineage import Kept
from grader.launcher.server import Held, Server
from grader.model.recording import Limits, Recording
from grader.sandbox.plan import Layers, Plan, Readable
from tests.processes import SOON_S, children_of, descendants_of, ends, launchers, sleepers, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks kernels")


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher(Comfort(processes=24)) as launcher:
        yield launcher


def run(launcher: Launcher, submission, **limits: float) -> Recording:
    return JupyterKernel(WarmSource(launcher)).run(submission, Job(limits=Limits(**limits)))


def text(recording: Recording, cell: int = 1) -> str:
    return "".join(output.text for output in recording.cells[cell - 1].outputs)


# ---------------------------------------------------------------- what a kernel is


def test_the_layers_are_named(launcher: Launcher) -> None:
    assert launcher.layers[-1] == "rlimits"
    assert {"namespaces", "landlock"} & set(launcher.layers)


SECRETS = """
import hashlib, re, sys
found = set()
memory = open("/proc/self/mem", "rb", 0)
for line in open("/proc/self/maps"):
    start, end, rights = re.match(r"(\\w+)-(\\w+) (\\S+)", line).groups()
    place, end = int(start, 16), int(end, 16)
    while place < end and rights.startswith("rw"):
        try:
            memory.seek(place)
            piece = memory.read(min(1 << 24, end - place))
        except (OSError, OverflowError):
            break
        for beginning, length, rest in {halves!r}:
            for hit in re.finditer(re.escape(beginning), piece):
                if hashlib.sha256(piece[hit.end() : hit.end() + length]).hexdigest() == rest:
                    found.add(beginning)
        place += len(piece) or end
print(len(found), sorted(name for name in sys.modules if re.match(r"grader\\.(?!record|launcher|sandbox)", name)))
"""
"""Looks for words of which it knows one half and a digest of the other, so that it does not find itself."""


def halved(words: str) -> tuple[bytes, int, str]:
    half = len(words) // 2
    rest = words[half:].encode()
    return words[:half].encode(), len(rest), hashlib.sha256(rest).hexdigest()


def test_the_memory_that_a_kernel_inherits_holds_nothing_of_the_rubric(launcher, make_submission) -> None:
    hints = [check.hint for exercise in configured(None).exercises for check in exercise.checks if check.hint]
    assert len(hints) >= 5
    planted = "words that the submission itself holds"
    control = f"kept = [{planted!r}.encode()]\n" + SECRETS.format(halves=[halved(planted)])
    source = SECRETS.format(halves=[halved(hint) for hint in hints])
    recording = run(launcher, make_submission(control, source))
    assert text(recording, 1).strip() == "1 []", "the scan finds what is there"
    assert text(recording, 2).strip() == "0 []"


def test_a_kernel_is_forked_from_a_process_of_one_thread(launcher: Launcher) -> None:
    assert launcher.layers
    found = launchers()
    assert found
    assert all(len(list(Path(f"/proc/{process}/task").iterdir())) == 1 for process in found)


TRAINING = """
import torch
from torch import nn
from sklearn.datasets import make_circles

X, y = make_circles(400, noise=0.05, random_state=42)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(30):
    loss = nn.functional.binary_cross_entropy_with_logits(model(X).squeeze(1), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(loss.item())
import matplotlib.pyplot as plt
plt.plot([1, 2, 3]); plt.title("t"); plt.show()
"""


def test_a_forked_kernel_computes_what_an_ordinary_one_does(launcher: Launcher, make_submission) -> None:
    submission = make_submission(TRAINING, "torch.rand(3).tolist(), __import__('numpy').random.rand()")
    warm, cold = run(launcher, submission), JupyterKernel(ColdSource()).run(submission, Job())
    assert [cell.outputs for cell in warm.cells] == [cell.outputs for cell in cold.cells]
    assert warm.tensors.keys() == cold.tensors.keys()
    assert all(
        np.array_equal(warm.tensors[name], cold.tensors[name], equal_nan=True) for name in warm.tensors
    )
    assert timeless(warm) == timeless(cold)
    assert (warm.kernel, cold.kernel, cold.sandbox) == ("warm", "cold", ())


def timeless(recording: Recording) -> list[str]:
    """Events without what a clock said."""
    return [
        json.dumps({name: value for name, value in event.items() if not name.endswith("_s")}, default=str)
        for event in recording.events
    ]


def test_nbclient_drives_such_a_kernel_as_it_does_others() -> None:
    class Manager(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            metadata = {"kernel_provisioner": {"provisioner_name": NAME}}
            return KernelSpec(argv=[], display_name="warm", language="python", metadata=metadata)

    others = set(children_of(os.getpid()))
    notebook = new_notebook(
        cells=[new_code_cell("import os, torch\nos.getuid(), torch.ones(2).sum().item()")]
    )
    manager = Manager()
    NotebookClient(notebook, km=manager).execute()
    asyncio.run(manager.shutdown_kernel(now=True))
    (output,) = notebook.cells[0].outputs
    assert output["data"]["text/plain"].endswith(", 2.0)")
    assert others == set(children_of(os.getpid())), "its launcher ended with it"


def test_a_cold_kernel_is_sealed_as_well_and_leaves_no_launcher(make_submission) -> None:
    others = set(children_of(os.getpid()))
    with opened_kernel(Limits(), cold=True) as kernel:
        recording = kernel.run(make_submission("6 * 7"), Job())
    assert (recording.kernel, text(recording)) == ("cold", "42")
    assert {"namespaces", "landlock"} & set(recording.sandbox)
    assert set(children_of(os.getpid())) == others


# ---------------------------------------------------------------- how kernels end

DAEMON = """
import os, subprocess, sys
code = "import os, signal, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); "
code += "signal.signal(signal.SIGTERM, signal.SIG_IGN); os.execvp('sleep', ['sleep', {seconds!r}])"
done = subprocess.run([sys.executable, "-c", code])
while not any(b"sleep" in open(f"/proc/{{p}}/cmdline", "rb").read() for p in os.listdir("/proc") if p.isdigit()):
    pass
"""


def test_daemons_end_with_their_notebook(launcher: Launcher, make_submission) -> None:
    seconds = f"601.{os.getpid()}"
    recording = run(launcher, make_submission(DAEMON.format(seconds=seconds), "'rest'"))
    assert [cell.status for cell in recording.cells] == ["ok", "ok"]
    assert all(ends(process) for process in sleepers(seconds))


FORK_BOMB = """
import os
for _ in range(2000):
    os.fork()
"""

WORKERS = """
import torch
[len(batch) for batch in torch.utils.data.DataLoader([1, 2, 3, 4], 2, num_workers=1)]
"""


def test_a_fork_bomb_costs_its_own_cell_only(launcher: Launcher, make_submission) -> None:
    recording = run(launcher, make_submission(FORK_BOMB, "sum(range(10))", WORKERS), cell_s=60, processes=24)
    assert recording.cells[0].status == "error"
    assert recording.cells[0].error is not None and recording.cells[0].error.name == "BlockingIOError"
    assert text(recording, 2) == "45"
    assert text(recording, 3) == "[2, 2]"


def test_twelve_gigabytes_are_an_error_in_their_cell(launcher: Launcher, make_submission) -> None:
    recording = run(launcher, make_submission("import torch\nx = torch.ones(3 * 1024**3)", "1 + 1"))
    assert recording.cells[0].error is not None and recording.cells[0].error.name == "RuntimeError"
    assert text(recording, 2) == "2"


SHARED = """
import mmap
piece = mmap.mmap(-1, 1 << 30)
for place in range(0, 1 << 30, 4096):
    piece[place] = 1
print("unheld")
"""


def test_shared_memory_counts(make_submission) -> None:
    limits = Limits(memory_bytes=256 * 1024**2)
    with opened_kernel(limits, spares=0) as kernel:
        recording = kernel.run(make_submission(SHARED, "1"), Job(limits=limits))
    assert recording.cells[0].status == "died"
    assert "held more than 0.25 GB" in (recording.cells[0].note or "")


FILLER = """
for number in range(100):
    with open(f"filler-{number}", "wb") as file:
        file.write(bytes(1 << 24))
"""


def test_a_full_folder_is_an_error_in_the_cell(launcher: Launcher, make_submission) -> None:
    recording = run(launcher, make_submission(FILLER, "import torch\ntorch.save([1], '/tmp/x')\n2"))
    assert recording.cells[0].error is not None
    assert recording.cells[0].error.name == "OSError" and "space" in recording.cells[0].error.message


# ---------------------------------------------------------------- how launchers end


def test_a_dead_launcher_is_replaced(make_submission) -> None:
    others = set(children_of(os.getpid()))
    with Launcher(Comfort()) as launcher:
        first = launcher.take()
        (process,) = set(children_of(os.getpid())) - others
        family = [process, *descendants_of(process)]
        assert len(family) >= 4
        os.kill(process, signal.SIGKILL)
        first.gone.result(SOON_S)
        assert all(ends(process) for process in family)
        assert text(run(launcher, make_submission("6 * 7"))) == "42"


def test_a_launcher_that_dies_during_a_submission_costs_nobody_anything(make_submission) -> None:
    launchers: list[int] = []

    class Unlucky(WarmSource):
        async def start(self, scratch: Scratch, job: Job) -> AsyncKernelManager:
            manager = await super().start(scratch, job)
            if not launchers:
                launchers.extend(set(children_of(os.getpid())) - others)
                os.kill(launchers[0], signal.SIGKILL)
            return manager

    others = set(children_of(os.getpid()))
    with Launcher(Comfort()) as launcher:
        recording = JupyterKernel(Unlucky(launcher)).run(make_submission("6 * 7"), Job())
    assert len(launchers) == 1
    assert (recording.cells[0].status, text(recording)) == ("ok", "42")


# ---------------------------------------------------------------- one launcher for several


def test_who_borrows_a_launcher_takes_its_kernels_and_ends_only_them(
    launcher: Launcher, make_submission
) -> None:
    assert launcher.layers, "it is warm"
    before = launchers()
    with Launcher(borrowed=launcher.lend()) as one, Launcher(borrowed=launcher.lend()) as two:
        assert one.layers == two.layers == launcher.layers
        taken, other = one.take(), two.take()
        assert len({taken.root.stat().st_dev, other.root.stat().st_dev}) == 2, "a folder each"
        one.close()
        taken.gone.result(SOON_S)
        assert not other.gone.done()
        assert text(run(two, make_submission("6 * 7"))) == "42"
        other.close()
    assert launchers() == before
    assert text(run(launcher, make_submission("6 * 8"))) == "48"


def test_who_borrows_a_launcher_that_ends_starts_one_of_its_own(make_submission) -> None:
    others = set(launchers())
    with Launcher() as owner:
        borrower = Launcher(borrowed=owner.lend())
        (first,) = set(launchers()) - others
        os.kill(first, signal.SIGKILL)
        with borrower:
            assert text(run(borrower, make_submission("6 * 7"))) == "42"
            (second,) = set(launchers()) - others - {first}
        assert ends(second)


def test_who_borrows_a_launcher_and_is_killed_leaves_no_kernel(launcher: Launcher, make_submission) -> None:
    mark = f"604.{os.getpid()}"
    line = launcher.lend()
    borrower = os.fork()
    if borrower == 0:
        with contextlib.suppress(BaseException):
            source = f"import subprocess, time; subprocess.Popen(['sleep', '{mark}']); time.sleep(600)"
            run(Launcher(borrowed=line), make_submission(source))
        os._exit(0)
    line.close()
    try:
        assert wait_for(lambda: sleepers(mark)), "the submission never ran"
    finally:
        os.kill(borrower, signal.SIGKILL)
        os.waitpid(borrower, 0)
    assert all(ends(process) for process in sleepers(mark))
    assert launcher.take().close() is None


def test_a_launcher_that_cannot_give_a_sandbox_says_so(make_submission, monkeypatch) -> None:
    monkeypatch.setattr("grader.execute.launcher._config", lambda *_: json.dumps({"sandbox": "strict"}))
    monkeypatch.setattr("grader.execute.launcher._COMMAND", REFUSING)
    with Launcher() as launcher, pytest.raises(UsageError, match="no sandbox here"):
        launcher.take()


REFUSING = (
    "-c",
    "import socket, sys; socket.socket(fileno=int(sys.argv[1])).send("
    'b\'{"tell": "refused", "why": "no sandbox here"}\')',
)

GRADER = """
from pathlib import Path
from grader.execute.choice import opened_kernel
from grader.execute.job import Job
from grader.model.recording import Limits
from grader.model.submission import Cell, Submission

source = "import os, subprocess, time; subprocess.Popen(['sleep', '%s']); time.sleep(600)"
cells = (Cell(kind="code", source=source, number=1),)
with opened_kernel(Limits(), sandbox="SANDBOX") as kernel:
    kernel.run(Submission("a.ipynb", Path("a.ipynb"), "0", "notebook", cells), Job())
"""


@contextmanager
def grader_at_work(
    temporary: Path, sandbox: Sandbox, mark: str
) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A grader whose submission sleeps for `mark` seconds, and all processes below it, its launcher first."""
    code = GRADER.replace("SANDBOX", sandbox) % mark
    grader = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(temporary)}, stderr=subprocess.PIPE
    )
    try:
        waited = wait_for(lambda: sleepers(mark))
        assert waited, "the submission never ran"
        family = descendants_of(grader.pid)
        assert len(family) >= (4 if sandbox == "auto" else 3)
        yield grader, family
    finally:
        grader.kill()
        grader.communicate()


@pytest.mark.parametrize("sandbox", ["auto", "none"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda it: it.name)
def test_nothing_is_left_when_the_grader_ends(
    number: signal.Signals, sandbox: Sandbox, tmp_path: Path
) -> None:
    mark = f"602.{os.getpid()}{number.value}{len(sandbox)}"
    with grader_at_work(tmp_path, sandbox, mark) as (grader, family):
        assert list(tmp_path.iterdir())
        grader.send_signal(number)
        grader.communicate(timeout=60)
    assert all(ends(process) for process in family)
    assert list(tmp_path.iterdir()) == []
    if sandbox == "auto":
        assert not sleepers(mark)


def test_what_a_killed_grader_and_its_killed_launcher_left_is_swept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with grader_at_work(tmp_path, "auto", f"603.{os.getpid()}") as (grader, family):
        (home,) = tmp_path.iterdir()
        with Launcher() as other:
            other.start()
            assert home.exists(), "it is in use"
        # Stopped, it cannot tidy up between the two.
        os.kill(family[0], signal.SIGSTOP)
        grader.kill()
        os.kill(family[0], signal.SIGKILL)
    assert all(ends(process) for process in family)
    assert list(tmp_path.iterdir()) == [home]
    with Launcher() as other:
        other.start()
        assert not home.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_is_found_ready_along_with_a_kernels_end_breaks_nothing(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr("grader.sandbox.members.kill_children_but", lambda known: None)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    keeper = os.fork()
    if keeper == 0:
        os._exit(0)
    plan = Plan(Layers(), Readable(()), sealed=False, scratch=tmp_path)
    server, held = (
        Server(control, plan, tmp_path, 0),
        Held(1, Kept(keeper, ours), None, os.pidfd_open(keeper)),
    )
    server._held[1], held.client = held, control
    theirs.send(b'{"say": "incident", "what": "too much"}')
    assert ends(keeper)
    with client, control, theirs:
        server._selector.register(ours, selectors.EVENT_READ)
        server._bury(held)
        server._hear_kernel(held)
        told = [json.loads(client.recv(1000))["tell"] for _ in range(2)]
    assert told == ["incident", "gone"]
