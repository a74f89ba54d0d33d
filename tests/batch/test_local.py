"""Workers on this machine: every task answered once, whatever happens to those who work at it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from grader.batch.local import LocalWorkers
from grader.batch.task import Desk, Task, Work
from grader.batch.worker import serve
from grader.model.classroom import Worked
from tests.batch.faulty import until

FOREVER_S = 600.0


@dataclass(frozen=True)
class OddDesk(Desk):
    """Does what the name of a task's file says."""

    folder: Path
    """For marks that outlive a worker."""

    @contextmanager
    def opened(self) -> Iterator[Work]:
        yield self._work

    def _work(self, task: Task) -> Worked:
        name = task.path.name
        (self.folder / f"{name}.begun").open("a").write(".")
        if name.startswith("dies-once") and not self._before(name):
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith("dies-always"):
            os.kill(os.getpid(), signal.SIGKILL)
        if name.startswith("leaves"):
            raise SystemExit(3)
        if name.startswith("hangs"):
            time.sleep(FOREVER_S)
        return Worked(None, problem=f"did {name}", worker=str(os.getpid()))

    def _before(self, name: str) -> bool:
        return len((self.folder / f"{name}.begun").read_text()) > 1


def tasks(*names: str) -> list[Task]:
    return [Task(number, Path(name), expected=1.0) for number, name in enumerate(names)]


@dataclass
class Ran:
    answers: dict[str, Worked] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)


def run(
    folder: Path, asked: list[Task], jobs: int = 2, patience_s: float = FOREVER_S, room: bool = True
) -> Ran:
    ran = Ran()
    with LocalWorkers(OddDesk(folder), jobs, patience_s=patience_s, has_room=lambda: room) as workers:
        for task, answer in workers.run(asked, lambda task: ran.begun.append(task.path.name)):
            assert task.path.name not in ran.answers
            ran.answers[task.path.name] = answer
            ran.order.append(task.path.name)
    return ran


def test_every_task_is_answered_once(tmp_path: Path) -> None:
    names = [f"task-{number}" for number in range(9)]
    ran = run(tmp_path, tasks(*names))
    assert {name: answer.problem for name, answer in ran.answers.items()} == {n: f"did {n}" for n in names}
    assert len({answer.worker for answer in ran.answers.values()}) == 2


def test_the_longest_goes_first(tmp_path: Path) -> None:
    asked = [Task(number, Path(f"of-{cost}"), cost) for number, cost in enumerate((1.0, 5.0, 3.0))]
    assert run(tmp_path, asked, jobs=1).order == ["of-5.0", "of-3.0", "of-1.0"]


@pytest.mark.parametrize("name", ["dies-once", "leaves"])
def test_a_worker_that_ends_costs_nobody_else_anything(tmp_path: Path, name: str) -> None:
    ran = run(tmp_path, tasks("a", name, "b", "c"))
    assert [ran.answers[other].problem for other in "abc"] == ["did a", "did b", "did c"]
    assert ran.begun.count(name) == 2


def test_a_task_is_tried_again_by_another_worker(tmp_path: Path) -> None:
    ran = run(tmp_path, tasks("dies-once"), jobs=1)
    assert ran.answers["dies-once"].problem == "did dies-once" and not ran.answers["dies-once"].fault


def test_what_ends_every_worker_is_given_up_and_is_our_fault(tmp_path: Path) -> None:
    answer = run(tmp_path, tasks("dies-always", "a")).answers["dies-always"]
    assert answer.grade is None and answer.fault and "2 workers ended" in answer.problem


def test_a_worker_that_is_silent_for_too_long_is_replaced(tmp_path: Path) -> None:
    ran = run(tmp_path, tasks("hangs", "a"), patience_s=0.5)
    assert ran.answers["hangs"].fault and ran.answers["a"].problem == "did a"


def test_without_memory_submissions_run_one_at_a_time(tmp_path: Path) -> None:
    ran = run(tmp_path, tasks("a", "b", "c"), room=False)
    assert len({answer.worker for answer in ran.answers.values()}) == 1


def test_left_in_the_middle_no_process_stays(tmp_path: Path) -> None:
    with LocalWorkers(OddDesk(tmp_path), 2, patience_s=FOREVER_S) as workers:
        next(workers.run(tasks("hangs", "a"), lambda task: None))
        assert len(_workers()) == 2
    assert not _workers()


def _workers() -> list[psutil.Process]:
    """Grandchildren: the process that they are forked from is between them and us."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.ppid() != os.getpid()]


def test_a_worker_whose_coordinator_hung_up_leaves_without_a_word(tmp_path: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    begun = tmp_path / "task.begun"
    worker = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, Patient(begun)))
    worker.start()
    theirs.close()
    ours.send(*tasks("task"))
    until(begun.exists, "the worker is at it")
    ours.close()
    begun.with_name("go").touch()
    worker.join(FOREVER_S)
    assert worker.exitcode == 0


@dataclass(frozen=True)
class Patient(Desk):
    """Works until it is told to go on."""

    begun: Path

    @contextmanager
    def opened(self) -> Iterator[Work]:
        yield self._work

    def _work(self, task: Task) -> Worked:
        self.begun.touch()
        until(self.begun.with_name("go").exists, "it may go on")
        return Worked(None, problem="did it")
