"""What a real kernel does with code that errs, waits, leaves, dies, or asks for what is not there."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jupyter_client.manager import AsyncKernelManager

from grader.errors import GradingFailed, UsageError
from grader.execute.conversation import Patience
from grader.execute.job import Job
from grader.execute.jupyter import JupyterKernel
from grader.execute.launcher import Comfort, Launcher
from grader.execute.scratch import Scratch
from grader.execute.source import ColdSource, KernelSource
from grader.execute.warm import WarmSource
from grader.model.recording import CellRun, Limits, Recording
from tests.processes import ends, sleepers

ORDINARY = {
    "print": "import torch\nprint('hello')\n40 + 2",
    "seeded": "float(torch.rand(1))",
    "error": "def inverse(n):\n    return 1 / n\n\nprint('before')\ninverse(0)",
    "after-error": "inverse(4)",
    "syntax": "a = 1\nb = = 2",
    "input": "name = input('Your name? ')",
    "exit": "kept = 1\nexit()\nkept = 2",
    "after-exit": "kept",
    "exit-failing": "import sys\nsys.exit(3)",
    "missing-package": "import no_such_package_at_all",
    "missing-file": "open('no-such-file.csv')",
    "companion": "import utils\nutils.WHOSE, open('data/points.csv').read()",
    "support": "import helper_functions\nhelper_functions.WHOSE",
    "environment": "from os import environ as e\ne.get('GRADER_SECRET'), e['CUDA_VISIBLE_DEVICES'], e['TZ']",
    "compile": "torch.compile(torch.nn.Linear(1, 1)).weight.shape",
    "main": "if __name__ == '__main__':\n    print('main runs')",
    "figure": "import matplotlib.pyplot as plt\nline = plt.plot([1, 2])",
    "figure-shown": "plt.plot([2, 1])\nplt.show()\nplt.plot([1, 1])\nplt.show()",
    "figure-window": "import matplotlib\nmatplotlib.use('TkAgg')\n%matplotlib qt\nline = plt.plot([1, 2])",
    "colab": "from google.colab import drive, files\ndrive.mount('/content/drive')\nlist(files.upload())",
    "pip": "!pip install no-such-package-at-all\n%pip install it\nx = !wget http://localhost/\nx",
    "pip-captured": "%%capture\n!pip install no-such-package-at-all",
    "shell": "!echo from the shell",
    "unknown-magic": "%load_ext tensorboard\n%tensorboard --logdir runs\n'went on'",
    "unknown-cell-magic": "%%nothing like this\nraise ValueError",
    "timeit": "%timeit -n 5 -r 3 print('once')",
    "timed": "%%time\na = 1\na / 0",
    "progress": "from tqdm.notebook import tqdm\nfor _ in tqdm(range(2)):\n    pass",
    "workers": "rows = torch.utils.data.DataLoader([1, 2, 3, 4], 2, num_workers=1)\n[len(b) for b in rows]",
    "forked": "import multiprocessing as m\nc = m.Process(target=print, args=('from a child',))\nc.start()\nc.join()",
    "clear": "import IPython\nprint('epoch 10')\nIPython.display.clear_output(wait=True)\nprint('epoch 20')",
    "paths": "import warnings\nwarnings.warn('careful')\nimport os\nprint(os.getcwd(), object())",
}
"""Cells that share one kernel; each is a behaviour."""


class Ran:
    """A recording whose cells are known by name."""

    def __init__(self, recording: Recording, names: list[str]) -> None:
        self.recording = recording
        self._cells = dict(zip(names, recording.cells, strict=True))

    def __getitem__(self, name: str) -> CellRun:
        return self._cells[name]

    def text(self, name: str) -> str:
        return "".join(output.text for output in self[name].outputs)

    def pictures(self, name: str) -> int:
        return sum(output.png_base64 is not None for output in self[name].outputs)


@pytest.fixture(scope="module", autouse=True)
def scratch_base(tmp_path_factory) -> Iterator[Path]:
    """The temporary folder of this module's kernels, which nobody else fills meanwhile."""
    base = tmp_path_factory.mktemp("t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(base))
        yield base


@pytest.fixture(scope="module", params=["warm", "cold"])
def source(request, scratch_base: Path) -> Iterator[KernelSource]:
    if request.param == "cold":
        yield ColdSource()
        return
    with Launcher(Comfort()) as launcher:
        yield WarmSource(launcher)


@pytest.fixture(scope="module")
def ordinary(make_submission, source: KernelSource, tmp_path_factory) -> Ran:
    folder = tmp_path_factory.mktemp("submission")
    (folder / "utils.py").write_text("WHOSE = 'the student'\n")
    (folder / "data").mkdir()
    (folder / "data" / "points.csv").write_text("1,2\n")
    (folder / "data" / "secret").symlink_to("/etc/passwd")
    (folder / "random.py").write_text("raise RuntimeError('not the real one')\n")
    support = tmp_path_factory.mktemp("support")
    (support / "utils.py").write_text("WHOSE = 'the assignment'\n")
    (support / "helper_functions.py").write_text("WHOSE = 'the assignment'\n")
    companions = tuple(folder / name for name in ("utils.py", "data", "random.py"))
    before = Path.cwd(), sorted(folder.rglob("*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_SECRET", "do not tell")
        recording = JupyterKernel(source).run(
            make_submission(*ORDINARY.values(), companions=companions),
            Job(
                support=(support / "utils.py", support / "helper_functions.py"),
                exercise_of_cell={2: 1},
                probes=lambda: {"circles": np.zeros((4, 2))},
            ),
        )
    assert (Path.cwd(), sorted(folder.rglob("*"))) == before
    return Ran(recording, list(ORDINARY))


def test_outputs_come_in_order_and_by_kind(ordinary: Ran) -> None:
    assert [(output.kind, output.text) for output in ordinary["print"].outputs] == [
        ("stdout", "hello\n"),
        ("result", "42"),
    ]


def test_an_error_names_its_line_and_does_not_stop_the_rest(ordinary: Ran) -> None:
    error = ordinary["error"].error
    assert ordinary["error"].status == "error"
    assert error is not None
    assert (error.name, error.message, error.line) == ("ZeroDivisionError", "division by zero", 2)
    assert "\x1b" not in error.traceback
    assert ordinary.text("error") == "before\n"
    assert ordinary.text("after-error") == "0.25"


@pytest.mark.parametrize(
    ("name", "error", "line"),
    [
        ("syntax", "SyntaxError", 2),
        ("input", "StdinNotImplementedError", 1),
        ("missing-package", "ModuleNotFoundError", 1),
        ("missing-file", "FileNotFoundError", 1),
        ("timed", "ZeroDivisionError", 3),
        ("exit-failing", "SystemExit", None),
    ],
)
def test_errors_are_recorded(ordinary: Ran, name: str, error: str, line: int | None) -> None:
    assert ordinary[name].status == "error"
    assert ordinary[name].error is not None
    assert (ordinary[name].error.name, ordinary[name].error.line) == (error, line)


def test_exit_ends_its_cell_and_no_other(ordinary: Ran) -> None:
    assert ordinary["exit"].status == "ok"
    assert "exit()" in (ordinary["exit"].note or "")
    assert ordinary.text("after-exit") == "1"


def test_companions_come_along_and_win_over_support(ordinary: Ran) -> None:
    assert ordinary.text("companion") == "('the student', '1,2\\n')"
    assert ordinary.text("support") == "'the assignment'"
    assert any(note.startswith("utils.py beside the submission") for note in ordinary.recording.notes)


def test_the_environment_is_minimal(ordinary: Ran) -> None:
    assert ordinary.text("environment") == "(None, '', 'UTC')"
    assert ordinary.text("compile") == "torch.Size([1, 1])"
    assert ordinary.text("main") == "main runs\n"


@pytest.mark.parametrize(("name", "pictures"), [("figure", 1), ("figure-shown", 2), ("figure-window", 1)])
def test_figures_are_shown(ordinary: Ran, name: str, pictures: int) -> None:
    assert ordinary[name].error is None
    assert ordinary.pictures(name) == pictures


@pytest.mark.parametrize(
    ("name", "shown", "noted"),
    [
        ("colab", "[]", "google.colab"),
        ("pip", "[]", "`!pip install no-such-package-at-all` was not run"),
        ("pip-captured", "", "was not run"),
        ("unknown-magic", "'went on'", "%tensorboard"),
        ("unknown-cell-magic", "", "%%nothing"),
        ("figure-window", None, "TkAgg"),
    ],
)
def test_foreign_commands_are_passed_over_with_a_note(
    ordinary: Ran, name: str, shown: str | None, noted: str
) -> None:
    assert ordinary[name].status == "ok"
    assert noted in (ordinary[name].note or "")
    assert shown is None or ordinary.text(name) == shown


def test_harmless_commands_run(ordinary: Ran) -> None:
    assert ordinary.text("shell").strip() == "from the shell"
    assert ordinary.text("timeit").count("once") == 1
    assert ordinary["progress"].status == "ok"
    assert ordinary.text("workers") == "[2, 2]"
    assert ordinary.text("forked") == "from a child\n"


def test_cleared_text_is_still_evidence(ordinary: Ran) -> None:
    assert ordinary.text("clear") == "epoch 10\nepoch 20\n"


def test_outputs_hold_nothing_that_differs_between_runs(ordinary: Ran) -> None:
    text = ordinary.text("paths")
    assert "/work <object object at 0x…>" in text
    assert "<cell>:2: UserWarning: careful" in text


def test_the_recorder_ran(ordinary: Ran) -> None:
    assert ordinary.recording.problems == ()
    assert sum(event.get("kind") == "cell" for event in ordinary.recording.events) == len(ORDINARY)
    assert ordinary.recording.events[-1]["kind"] == "end"
    assert set(ordinary.recording.versions) == {"python", "torch", "platform"}


LIMITED = {
    "slow": "import time\nprint('started')\nfor _ in range(600):\n    time.sleep(0.1)",
    "after-slow": "'still here'",
    "endless-print": "while True:\n    print('y' * 1000)",
    "list": "numbers = [0] * 100_000_000",
    "tensor": "import torch\ntensor = torch.zeros(100_000_000)",
    "array": "import numpy\narray = numpy.ones(100_000_000)",
    "figures": "import matplotlib.pyplot as plt\nfor _ in range(4):\n    plt.plot([1])\n    plt.show()",
    "stubborn": "while True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass",
    "after-stubborn": "1",
}


@pytest.fixture(scope="module")
def limited(make_submission, source: KernelSource) -> Ran:
    limits = Limits(cell_s=1.5, memory_bytes=300 * 1024**2, output_chars=10_000, figures=3)
    recording = JupyterKernel(source, Patience(interrupted_s=2)).run(
        make_submission(*LIMITED.values()), Job(limits=limits)
    )
    return Ran(recording, list(LIMITED))


def test_a_slow_cell_is_interrupted_and_the_rest_runs(limited: Ran) -> None:
    assert limited["slow"].status == "timeout"
    assert limited.text("slow") == "started\n"
    assert limited["slow"].error is not None
    assert limited["slow"].error.line == 4
    assert "1.5 s" in (limited["slow"].note or "")
    assert limited.text("after-slow") == "'still here'"


def test_endless_output_is_cut(limited: Ran) -> None:
    assert limited["endless-print"].status == "timeout"
    assert len(limited.text("endless-print")) == 10_000
    assert "10000 characters" in (limited["endless-print"].note or "")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's data")
@pytest.mark.parametrize(
    ("name", "error"), [("list", "MemoryError"), ("tensor", "RuntimeError"), ("array", "MemoryError")]
)
def test_too_much_memory_is_an_error_in_the_cell(limited: Ran, name: str, error: str) -> None:
    assert limited[name].error is not None
    assert limited[name].error.name in (error, "_ArrayMemoryError")


def test_too_many_figures_are_not_kept(limited: Ran) -> None:
    assert limited.pictures("figures") == 3
    assert "pictures" in (limited["figures"].note or "")


def test_a_cell_that_resists_interruption_is_killed(limited: Ran) -> None:
    assert limited["stubborn"].status == "timeout"
    assert "did not heed" in (limited["stubborn"].note or "")
    assert limited["after-stubborn"].status == "not_run"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os\nos._exit(7)", "exit status 7"),
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    ],
    ids=["exit", "segfault"],
)
def test_a_death_is_recorded_with_what_came_before(
    make_submission, source: KernelSource, code: str, reason: str
) -> None:
    seconds = f"600.{os.getpid()}"
    first = f"import subprocess\nchild = subprocess.Popen(['sleep', '{seconds}'])"
    recording = JupyterKernel(source).run(make_submission(first, code, "print('never')"), Job())
    assert [cell.status for cell in recording.cells] == ["ok", "died", "not_run"]
    assert all(ends(process, 20) for process in sleepers(seconds))
    assert reason in (recording.cells[1].note or "")
    assert any(event.get("kind") == "cell" and event.get("cell") == 1 for event in recording.events)


def test_a_script_runs_as_one_also_inside_an_event_loop(
    make_submission, source: KernelSource, ordinary: Ran
) -> None:
    code = "import sys, torch\nprint(sys.argv, __file__, float(torch.rand(1)))\n"
    code += "if __name__ == '__main__':\n    sys.exit(None)"
    slow = "import time\ntime.sleep(60)"
    submission = make_submission(code, slow, "1", name="ana.py", kind="script")
    job = Job(limits=Limits(submission_s=1), exercise_of_cell={1: 1})

    async def run_within() -> Recording:
        return JupyterKernel(source).run(submission, job)

    first, second, third = asyncio.run(run_within()).cells
    assert first.status == "ok"
    assert first.outputs[0].text == f"['ana.py'] /work/ana.py {ordinary.text('seeded')}\n"
    assert second.status == "timeout"
    # Nothing in it tells one run from the next.
    assert (
        second.note == "ran longer than what was left of the 1 s for the whole submission and was interrupted"
    )
    assert (third.status, third.note) == ("not_run", "not run: the time for the whole submission was used up")


GRADER = """
import sys
from pathlib import Path
from grader.execute.job import Job
from grader.execute.jupyter import JupyterKernel
from grader.execute.source import ColdSource
from grader.model.submission import Cell, Submission

source = '''
import os, subprocess, time
child = subprocess.Popen(["sleep", "600"])
with open(%r, "w") as pipe:
    pipe.write(f"{os.getpid()} {child.pid} {os.getcwd()}")
time.sleep(600)
'''
cells = (Cell(kind="code", source=source, number=1),)
JupyterKernel(ColdSource()).run(Submission("a.ipynb", Path("a.ipynb"), "0", "notebook", cells), Job())
"""


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    grader = subprocess.Popen(
        [sys.executable, "-c", GRADER % str(pipe)], env=environment, stderr=subprocess.PIPE
    )
    try:
        *pids, work = _read_within(pipe, seconds=60).split()
        kernel, child = map(int, pids)
        assert _runs(kernel) and _runs(child) and Path(work).is_dir()
        grader.send_signal(signal.SIGINT)
        _, complaint = grader.communicate(timeout=30)
    finally:
        grader.kill()
    assert b"KeyboardInterrupt" in complaint
    assert not _runs(kernel)
    assert not _runs(child)
    assert not Path(work).parent.exists()


def test_a_device_that_is_not_there_is_refused_before_anything_runs(make_submission, monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="cuda"):
        JupyterKernel(ColdSource()).run(make_submission("1"), Job(device="cuda"))


def test_a_kernel_that_does_not_start_is_our_fault(make_submission, monkeypatch) -> None:
    class Broken(ColdSource):
        async def start(self, scratch: Scratch, job: Job) -> AsyncKernelManager:
            scratch.job.write_text("{}")
            return await super().start(scratch, job)

    with pytest.raises(GradingFailed, match="KeyError: 'seed'"):
        JupyterKernel(Broken()).run(make_submission("1"), Job())


def test_no_scratch_folder_is_left(ordinary: Ran, limited: Ran, scratch_base: Path) -> None:
    # A launcher's own folder stays as long as it does.
    assert [path for path in scratch_base.iterdir() if "-warm-" not in path.name] == []


def _read_within(pipe: Path, seconds: float) -> str:
    handle = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        # The kernel opens the writing end some seconds from now.
        ready, _, _ = select.select([handle], [], [], seconds)
        assert ready, "the kernel never wrote"
        return os.read(handle, 100).decode()
    finally:
        os.close(handle)


def _runs(pid: int) -> bool:
    """Whether the process is there and no mere zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
