"""A Dask cluster of real processes: every submission answered once, whatever happens to schedulers and workers."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic

import dask
import psutil
import pytest

from grader.batch import dispatch
from grader.batch.cluster import GRACE_S, DaskWorkers
from grader.batch.desk import GradingDesk
from grader.batch.order import Order
from grader.batch.task import Task
from grader.errors import UsageError
from grader.model.classroom import Worked
from tests.batch.machines import LIGHT, ROOT, Machines, end, until
from tests.batch.odd_desk import OddDesk

FOREVER_S = 600.0


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with Machines(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@dataclass
class Class:
    """Submissions named by what befalls them, and what became of them."""

    folder: Path
    answers: dict[str, Worked] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def marks(self) -> Path:
        return self.folder / "marks"

    def tasks(self, *names: str) -> list[Task]:
        self.marks.mkdir(exist_ok=True)
        for name in names:
            (self.folder / f"{name}.py").write_text("x = 1\n", encoding="utf-8")
        return [Task(number, self.folder / f"{name}.py", 1.0) for number, name in enumerate(names)]

    def engine(self, where: str, **settings: object) -> DaskWorkers:
        terms = {"patience_s": FOREVER_S, "say": self.said.append, **settings}
        return DaskWorkers(OddDesk(self.marks), where, **terms)  # type: ignore[arg-type]

    def run(
        self,
        where: str,
        tasks: list[Task],
        began: Callable[[str], object] = lambda name: None,
        **settings: object,
    ) -> None:
        def started(task: Task) -> None:
            self.begun.append(task.path.stem)
            began(task.path.stem)

        with self.engine(where, **settings) as engine:
            for task, answer in engine.run(tasks, started):
                assert task.path.stem not in self.answers, "answered twice"
                self.answers[task.path.stem] = answer
                self.order.append(task.path.stem)

    def did(self, name: str) -> bool:
        return self.answers[name].problem.startswith(f"did {name} of")

    def open_desks(self) -> list[int]:
        """Processes that hold a desk open."""
        numbers = [int(mark.name.removeprefix("open-")) for mark in self.marks.glob("open-*")]
        return [number for number in numbers if psutil.pid_exists(number)]


@pytest.fixture
def handed_in(tmp_path: Path) -> Class:
    return Class(tmp_path)


# ---------------------------------------------------------------- as it should be


def test_every_submission_is_answered_once_and_begun_before(machines: Machines, handed_in: Class) -> None:
    machines.staffed(2)
    names = [f"task{number}" for number in range(12)]
    handed_in.run(machines.address, handed_in.tasks(*names))
    assert all(handed_in.did(name) for name in names)
    assert sorted(handed_in.begun) == sorted(names)


def test_files_that_the_code_needs_come_along_and_others_do_not(machines: Machines, handed_in: Class) -> None:
    machines.staffed(1)
    (task,) = handed_in.tasks("uses_data")
    task.path.write_text("import helper\nopen('numbers.csv')\n", encoding="utf-8")
    for name in ("helper.py", "numbers.csv", "stranger.py"):
        (handed_in.folder / name).write_text("x = 1\n", encoding="utf-8")
    handed_in.run(machines.address, [task])
    assert handed_in.answers["uses_data"].problem == (
        "did uses_data of ['helper.py', 'numbers.csv', 'uses_data.py']"
    )


def test_the_longest_goes_first(machines: Machines, handed_in: Class) -> None:
    machines.staffed(1)
    first, second, third = handed_in.tasks("short", "long", "middle")
    asked = [first, Task(1, second.path, 5.0), Task(2, third.path, 3.0)]
    handed_in.run(machines.address, asked)
    assert handed_in.order == ["long", "middle", "short"]


def test_what_is_no_submission_costs_no_worker(machines: Machines, handed_in: Class) -> None:
    machines.staffed(1)
    tasks = handed_in.tasks("fine", "gone", "empty")
    tasks[1].path.unlink()
    tasks[2].path.write_text("", encoding="utf-8")
    handed_in.run(machines.address, tasks)
    assert handed_in.did("fine") and handed_in.begun == ["fine"]
    assert "does not exist" in handed_in.answers["gone"].problem and not handed_in.answers["gone"].fault
    assert "is empty" in handed_in.answers["empty"].problem


# ---------------------------------------------------------------- workers come and go


def test_a_lost_worker_costs_nothing(machines: Machines, handed_in: Class) -> None:
    machines.staffed(1)
    nannied = machines.hire("--nanny")
    handed_in.run(machines.address, handed_in.tasks("loses-its-worker-1", "loses-its-worker-2", "a", "b"))
    assert all(handed_in.did(name) for name in ("a", "b", "loses-its-worker-1", "loses-its-worker-2"))
    assert handed_in.begun.count("loses-its-worker-1") == 2
    end(nannied)


def test_without_any_worker_one_that_joins_is_waited_for(machines: Machines, handed_in: Class) -> None:
    machines.staffed(1)

    def say(line: str) -> None:
        handed_in.said.append(line)
        machines.hire()

    handed_in.run(machines.address, handed_in.tasks("loses-its-worker", "a"), say=say)
    assert handed_in.did("loses-its-worker") and handed_in.did("a")
    assert handed_in.said[-1] == "no worker is left: waiting up to 600 s for one to join"


def test_without_any_worker_for_too_long_the_rest_is_our_fault(machines: Machines, handed_in: Class) -> None:
    machines.staffed(0)
    handed_in.run(machines.address, handed_in.tasks("a", "b"), join_s=0.3)
    assert all(
        answer.fault and "no worker for 0.3 s" in answer.problem for answer in handed_in.answers.values()
    )


def test_what_no_worker_survives_is_given_up_and_is_our_fault(machines: Machines, handed_in: Class) -> None:
    machines.staffed(2)
    handed_in.run(machines.address, handed_in.tasks("ends", "a"), tries=2)
    assert handed_in.answers["ends"].fault and "tried 2 times" in handed_in.answers["ends"].problem
    assert handed_in.did("a")


def test_a_submission_that_hangs_is_ended_by_its_worker(machines: Machines, handed_in: Class) -> None:
    machines.staffed(1)
    handed_in.run(machines.address, handed_in.tasks("hangs"), patience_s=0.5, tries=2)
    assert handed_in.answers["hangs"].fault and "tried 2 times" in handed_in.answers["hangs"].problem
    handed_in.run(machines.address, handed_in.tasks("a"))
    assert handed_in.did("a")


def test_a_worker_that_stalls_is_given_up_and_its_late_answer_dropped(
    machines: Machines, handed_in: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.staffed(2)
    ahead = [0.0]
    monkeypatch.setattr(dispatch, "monotonic", lambda: monotonic() + ahead[0])

    def pass_time(name: str) -> None:
        if not ahead[0]:
            until(lambda: any(worker.status() == "stopped" for worker in machines.workers), "one stalls")
            ahead[0] = FOREVER_S + GRACE_S + 1.0
        else:
            for worker in machines.workers:
                worker.send_signal(signal.SIGCONT)

    handed_in.run(machines.address, handed_in.tasks("stops-its-worker"), pass_time, join_s=10 * FOREVER_S)
    assert handed_in.did("stops-its-worker") and handed_in.begun == 2 * ["stops-its-worker"]


def test_workers_that_are_killed_at_random_lose_nothing(machines: Machines, handed_in: Class) -> None:
    machines.staffed(3)
    chance = random.Random(5)
    victims = set(chance.sample(range(24), 3))

    def kill(name: str) -> None:
        if len(handed_in.begun) - 1 in victims:
            chance.choice(machines.workers).kill()
            machines.staffed(3)

    names = [f"task{number}" for number in range(24)]
    handed_in.run(machines.address, handed_in.tasks(*names), began=kill, tries=6)
    assert all(handed_in.did(name) for name in names)


# ---------------------------------------------------------------- the coordinator and the scheduler


def test_left_in_the_middle_nothing_stays_on_the_workers(machines: Machines, handed_in: Class) -> None:
    machines.staffed(2)
    tasks = handed_in.tasks("hangs", "a")
    with handed_in.engine(machines.address) as engine:
        next(engine.run(tasks, lambda task: None))
        until(lambda: len(handed_in.open_desks()) == 2, "both desks are open")
    until(lambda: not handed_in.open_desks(), "both desks are closed")


def test_a_coordinator_that_is_killed_leaves_nothing_on_the_workers(
    machines: Machines, handed_in: Class
) -> None:
    machines.staffed(1)
    handed_in.tasks("hangs")
    code = (
        "import sys; from pathlib import Path; from tests.batch.test_cluster import Class;"
        "it = Class(Path(sys.argv[1])); it.run(sys.argv[2], it.tasks('hangs'))"
    )
    command = [sys.executable, "-c", code, str(handed_in.folder), machines.address]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}) as coordinator:
        until(lambda: bool(handed_in.open_desks()), "the desk is open")
        coordinator.kill()
    until(lambda: not handed_in.open_desks(), "the desk is closed")


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """Dask's configuration of TLS with a certificate that everybody uses, as environment variables."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("makes certificates with openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {cert} -days 2 -subj /CN=127.0.0.1".split()
    subprocess.run([openssl, *made], check=True, capture_output=True)
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    sides = {f"{prefix}{side}__{what}": str(path) for side in ("SCHEDULER", "WORKER", "CLIENT")
             for what, path in (("KEY", key), ("CERT", cert))}  # fmt: skip
    return {f"{prefix}CA_FILE": str(cert), **sides}


def test_a_scheduler_that_dies_behind_tls_costs_only_what_is_unfinished(
    tmp_path: Path, handed_in: Class, certificate: dict[str, str]
) -> None:
    tls = {name.removeprefix("DASK_").lower().replace("__", "."): path for name, path in certificate.items()}
    with Machines(tmp_path, "tls", certificate) as machines, dask.config.set(tls):
        machines.hire()
        assert machines.address.startswith("tls://") and machines.scheduler is not None
        kill = machines.scheduler.kill
        tasks = handed_in.tasks("a", "hangs", "b")
        handed_in.run(machines.address, tasks, began=lambda name: kill() if name == "hangs" else None)
    assert handed_in.did("a") and handed_in.order[0] == "a"
    assert all(handed_in.answers[name].fault for name in ("hangs", "b"))
    assert handed_in.said[-1] == "the scheduler of the cluster is gone; what was graded so far is kept"


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:9", "nonsense://here", "no such place"])
def test_a_scheduler_that_is_not_there_is_told_in_one_line(handed_in: Class, where: str) -> None:
    handed_in.tasks()
    before = set(threading.enumerate())
    with pytest.raises(UsageError, match="no scheduler answers there") as told:
        handed_in.engine(where, connect_s=0.5).__enter__()
    assert len(str(told.value).splitlines()) == 1
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.name == "IO loop"]
    assert not left, "the collector would close it, and the next client with it wait for ever"


def test_workers_of_another_version_are_refused(
    machines: Machines, handed_in: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines.staffed(1)
    ours = dispatch.versions()
    monkeypatch.setattr(dispatch, "versions", lambda: {**ours, "grader": "0.0.1"})
    with pytest.raises(UsageError, match=rf"cannot grade: it has grader {ours['grader']} instead of 0\.0\.1"):
        handed_in.run(machines.address, handed_in.tasks("a"))
    assert not handed_in.answers


def test_without_the_extra_the_message_names_it() -> None:
    code = "import sys; sys.modules['distributed'] = None; import grader.batch.cluster"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "UsageError: --cluster needs distributed: install it with" in done.stderr
    assert "evidence-grader[cluster]" in done.stderr


# ---------------------------------------------------------------- batch systems


@pytest.fixture
def jobs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slurm's jobs are processes of this machine; everything else is as with a batch system."""
    from grader.batch.cluster import job_queue

    queue = job_queue("slurm")
    from dask_jobqueue.local import LocalCluster

    told = {
        "worker_extra_args": ["--preload", str(LIGHT), "--no-dashboard"],
        "scheduler_options": {"host": "127.0.0.1", "dashboard_address": ":0"},
    }
    cluster = partial(LocalCluster, cores=1, processes=1, memory="1GB", **told)
    monkeypatch.setattr(queue, "SLURMCluster", cluster)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.usefixtures("jobs_here")
def test_workers_are_jobs_of_a_batch_system_while_they_are_needed(handed_in: Class) -> None:
    handed_in.run("slurm", handed_in.tasks("a", "b"), jobs="1")
    assert handed_in.did("a") and handed_in.did("b")
    until(lambda: not handed_in.open_desks(), "the job is over")


def test_interrupting_stays_as_it_was() -> None:
    code = (
        "import signal; from grader.batch.cluster import job_queue; job_queue('slurm');"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_batch_system_that_is_not_configured_is_told_in_one_line(handed_in: Class) -> None:
    handed_in.tasks()
    with pytest.raises(UsageError, match=r"--cluster slurm: .*jobqueue\.yaml") as told:
        handed_in.engine("slurm").__enter__()
    assert len(str(told.value).splitlines()) == 1


# ---------------------------------------------------------------- the real thing


@pytest.mark.corpus
def test_a_notebook_is_graded_on_a_worker_as_it_is_here(tmp_path: Path, nine: object) -> None:
    from grader.batch.local import LocalWorkers

    path = tmp_path / "submission.ipynb"
    shutil.copyfile(ROOT / "reference" / "solution.ipynb", path)
    tasks = [Task(0, path, 1.0)]
    desk = GradingDesk(Order(nine, keep_evidence=True))  # type: ignore[arg-type]
    with Machines(tmp_path, preload=None) as machines:
        machines.hire("--nanny")
        with DaskWorkers(desk, machines.address, patience_s=FOREVER_S) as cluster:
            ((_, there),) = cluster.run(tasks, lambda task: None)
    with LocalWorkers(desk, 1, patience_s=FOREVER_S) as workers:
        ((_, here),) = workers.run(tasks, lambda task: None)
    assert there.grade is not None and here.grade is not None
    assert there.evidence is not None and set(there.reports) == {"html", "json"}
    assert there.grade.model_copy(update={"timing": here.grade.timing}) == here.grade
