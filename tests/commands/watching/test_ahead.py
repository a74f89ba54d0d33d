"""A run that began before its last cells were known is, bit for bit, the run of all of them."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from grader.commands.watching.ahead import AheadKernel, Superseded
from grader.execute.job import Job
from grader.execute.jupyter import JupyterKernel
from grader.execute.launcher import Comfort, Launcher
from grader.execute.warm import WarmSource
from grader.load.submission import load_submission
from grader.model.assignment import Assignment
from grader.model.recording import Recording
from grader.model.submission import Cell, Submission
from grader.pipeline import grade
from tests.expectations import assignment_for, expectation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks kernels")

SOON_S = 60.0
CORPUS = Path(__file__).parents[2] / "corpus"
STATE = "import random, numpy, torch\nfrom pathlib import Path\nkept = [random.random()]; Path('log').write_text('1')"
MODEL = "model = torch.nn.Linear(2, 1)\noptimizer = torch.optim.SGD(model.parameters(), 0.1)\nfile = open('log', 'a')"
LOOP = """
for step in range({steps}):
    optimizer.zero_grad()
    loss = model(torch.rand(8, 2)).square().mean()
    loss.backward()
    optimizer.step()
    print(loss.item())
file.write(str(step)); file.close()
kept, random.random(), numpy.random.rand(), open('log').read(), id(kept) > 0, len(In)
"""


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher(Comfort()) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def full(launcher: Launcher) -> JupyterKernel:
    return JupyterKernel(WarmSource(launcher))


@pytest.fixture
def ahead(full: JupyterKernel) -> Iterator[AheadKernel]:
    kernel = AheadKernel(full)
    yield kernel
    kernel.close()


def submission(*sources: str, companions: tuple[Path, ...] = ()) -> Submission:
    cells = tuple(Cell(kind="code", source=source, number=number) for number, source in enumerate(sources, 1))
    return Submission("ana.ipynb", Path("ana.ipynb"), "0" * 64, "notebook", cells, companions)


def as_told(recording: Recording) -> object:
    """All of a recording but what a clock said."""
    events = [
        json.dumps({name: value for name, value in event.items() if not name.endswith("_s")}, default=str)
        for event in recording.events
    ]
    arrays = {
        name: (array.dtype.str, array.shape, array.tobytes()) for name, array in recording.tensors.items()
    }
    cells = [cell.model_copy(update={"seconds": 0.0}) for cell in recording.cells]
    rest = replace(recording, cells=(), events=(), tensors={}, seconds=0.0, reruns=(), probe=None)
    again = [as_told(other) for other in (*recording.reruns, recording.probe) if other is not None]
    return events, arrays, cells, rest, again


def text(recording: Recording, cell: int) -> str:
    return "".join(output.text for output in recording.cells[cell - 1].outputs)


# ---------------------------------------------------------------- the same as a full run


def test_going_on_is_a_full_run(ahead: AheadKernel, full: JupyterKernel) -> None:
    job = Job(exercise_of_cell={1: 1, 2: 2, 3: 3})
    before, after = (submission(STATE, MODEL, LOOP.format(steps=steps)) for steps in (3, 5))
    ahead.run(before, job)
    ahead.prepare(3)
    went_on = ahead.run(after, job)
    assert ahead.saved == 2
    assert len(text(went_on, 3).splitlines()) == 6
    assert np.isfinite(float(text(went_on, 3).split()[0]))
    assert as_told(went_on) == as_told(full.run(after, job))


def with_first_cell(one: Submission, job: Job, file: Path) -> tuple[Submission, Job]:
    first = one.cells[0].model_copy(update={"source": "a = 2"})
    return replace(one, cells=(first, *one.cells[1:])), job


def with_new_data(one: Submission, job: Job, file: Path) -> tuple[Submission, Job]:
    file.write_text("2, 3")
    return one, job


@pytest.mark.parametrize(
    "change",
    [
        with_first_cell,
        with_new_data,
        lambda one, job, file: (one, replace(job, exercise_of_cell={1: 2})),
        lambda one, job, file: (one, replace(job, seed=7)),
        lambda one, job, file: (replace(one, name="ben.ipynb"), job),
        lambda one, job, file: (replace(one, companions=()), job),
        lambda one, job, file: (replace(one, cells=one.cells[:1]), job),
    ],
    ids=["earlier-cell", "companion-changed", "markers", "seed", "name", "companion-gone", "cell-gone"],
)
def test_what_has_run_serves_nothing_else(
    change: Callable[[Submission, Job, Path], tuple[Submission, Job]], tmp_path: Path
) -> None:
    class Waiting:
        """Takes as long as it is let."""

        def __init__(self) -> None:
            self.free = threading.Event()
            self.free.set()

        def run_fed(self, submission: Submission, job: Job, feed: object) -> None:
            self.free.wait(SOON_S)

    file = tmp_path / "data.csv"
    file.write_text("1")
    one, job = submission("a = 1", "b = 2", "c = 3", companions=(file,)), Job(exercise_of_cell={1: 1})
    inner = Waiting()
    kernel = AheadKernel(inner)  # type: ignore[arg-type]
    kernel.run(one, job)
    inner.free.clear()
    kernel.prepare(3)
    waiting = kernel._waiting
    try:
        assert waiting is not None and waiting.serves(one, job)
        later = submission("a = 1", "b = 2", "c = 4", "d = 5", companions=(file,))
        assert waiting.serves(later, replace(job, probes=lambda: {}))
        assert not waiting.serves(*change(one, job, file))
    finally:
        inner.free.set()
        kernel.close()
    assert waiting is not None and not waiting.serves(one, job)


def test_an_earlier_change_runs_everything_again(ahead: AheadKernel) -> None:
    ahead.run(submission("a = 1", "a + 1"), Job())
    ahead.prepare(2)
    assert text(ahead.run(submission("a = 2", "a + 1"), Job()), 2) == "3"
    assert ahead.saved == 0


# ---------------------------------------------------------------- waiting and giving up


def test_nothing_goes_on_while_it_waits(ahead: AheadKernel) -> None:
    busy = (
        "import threading\ndef go():\n    while True: pass\nthreading.Thread(target=go, daemon=True).start()"
    )
    ahead.run(submission(busy, "1"), Job())
    ahead.prepare(2)
    deadline = time.monotonic() + SOON_S
    while not stopped():
        assert time.monotonic() < deadline
    assert text(ahead.run(submission(busy, "41 + 1"), Job()), 2) == "42"
    assert ahead.saved == 1 and not stopped()


def stopped() -> list[psutil.Process]:
    found = []
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            if process.status() == psutil.STATUS_STOPPED:
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found


def test_a_run_that_is_superseded_ends_at_once(ahead: AheadKernel) -> None:
    begun = threading.Event()
    original = AheadKernel._execution

    def noted(self: AheadKernel, *arguments: object) -> object:
        execution = original(self, *arguments)  # type: ignore[arg-type]
        begun.set()
        return execution

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AheadKernel, "_execution", noted)
        newer = threading.Thread(target=lambda: (begun.wait(), ahead.give_up()))
        newer.start()
        with pytest.raises(Superseded):
            ahead.run(submission("while True: pass"), Job())
        newer.join()
    with pytest.raises(Superseded):
        ahead.run(submission("1"), Job())
    ahead.renew()
    assert text(ahead.run(submission("1 + 1"), Job()), 1) == "2"


def test_closing_leaves_no_thread(full: JupyterKernel) -> None:
    kernel = AheadKernel(full)
    kernel.run(submission("1", "2"), Job())
    kernel.prepare(2)
    kernel.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


# ---------------------------------------------------------------- whole submissions

WHOLE = (
    "sequential-only",
    "two-omissions",
    "changes-directory-and-writes",
    "kernel-dies-after-ex5",
    "pandas-history-french",
    "mutants/integrity-tampering.records-that-flatter",
)


@pytest.mark.corpus
@pytest.mark.parametrize("case", WHOLE)
def test_a_verdict_does_not_know_how_it_was_run(
    case: str, ahead: AheadKernel, full: JupyterKernel, tmp_path: Path
) -> None:
    assignment: Assignment = assignment_for(expectation(CORPUS / case))
    (path,) = (CORPUS / case).glob("submission*")
    handed_in = load_submission(path)
    last = handed_in.code_cells[-1]
    other = last.model_copy(update={"source": "raise ValueError('not finished')"})
    unfinished = replace(handed_in, cells=tuple(other if cell is last else cell for cell in handed_in.cells))
    grade(unfinished, assignment, ahead)
    ahead.prepare(last.number or 0)
    went_on, whole = (grade(handed_in, assignment, kernel) for kernel in (ahead, full))
    assert as_told(went_on.recording) == as_told(whole.recording)
    assert went_on.grade.model_dump(exclude={"timing"}) == whole.grade.model_dump(exclude={"timing"})
