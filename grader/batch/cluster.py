"""Workers of a Dask cluster: machines that share nothing with this one but a scheduler.

Dask pickles what travels between the coordinator and its workers, which are all the grader's own processes; a
student's process speaks to neither. Whoever can reach a scheduler can run code on its workers, so it belongs into a
network that is trusted, or behind TLS (`tls://…`, with Dask's own configuration of certificates).
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import ModuleType
from typing import Any

from grader.batch.parcel import packed_desk
from grader.batch.task import Desk, Task
from grader.errors import UsageError
from grader.model.classroom import Worked

try:
    import dask.config
    from distributed import Client

    from grader.batch.dispatch import Dispatch, Terms
except ModuleNotFoundError as missing:
    raise UsageError(
        f"--cluster needs {missing.name}: install it with `pip install 'evidence-grader[cluster]'`"
    ) from missing

BATCH_SYSTEMS = {
    "htcondor": "HTCondorCluster",
    "lsf": "LSFCluster",
    "moab": "MoabCluster",
    "oar": "OARCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "slurm": "SLURMCluster",
}
"""What `--cluster` may name instead of an address → the class of dask-jobqueue."""

CONNECT_S = 20.0
"""For a scheduler to answer."""
GRACE_S = 300.0
"""Beyond the patience with a submission, for a worker to say that it took too long."""
JOIN_S = 600.0
"""For a worker to join when there is none, or to open its desk."""
QUEUE_S = 24 * 3600.0
"""The same where workers wait in the queue of a batch system."""
_USUAL_JOBS = 16
_CLOSE_S = 10.0

_log = logging.getLogger("grader")


class DaskWorkers:
    """See `Engine`; leave it to end what it started on the cluster."""

    def __init__(
        self,
        desk: Desk,
        where: str,
        *,
        patience_s: float,
        jobs: str = "auto",
        tries: int = 3,
        connect_s: float = CONNECT_S,
        grace_s: float = GRACE_S,
        join_s: float | None = None,
        say: Callable[[str], None] = _log.warning,
    ) -> None:
        """
        Args:
            desk: what each worker opens.
            where: address of a scheduler, or one of `BATCH_SYSTEMS`.
            patience_s: a worker ends what needs longer for one submission.
            jobs: how many workers a batch system is asked for, `auto` for some; a scheduler has those it has.
            tries: how many workers a submission may fail on before it is given up.
            connect_s: for the scheduler to answer.
            grace_s: beyond `patience_s`, for a worker to say so; one that is silent gets no more.
            join_s: for a worker to join when there is none; None: longer where there is a queue.
            say: told, in one line, what an instructor should know meanwhile.
        """
        self._desk = packed_desk(desk)
        self._where = where
        self._jobs = jobs
        self._connect = connect_s
        batch = where in BATCH_SYSTEMS
        self._terms = Terms(patience_s, grace_s, join_s or (QUEUE_S if batch else JOIN_S), tries)
        self._say = say
        self._stack = ExitStack()
        self._cluster: Any = None
        self._client: Client | None = None

    def __enter__(self) -> DaskWorkers:
        """Raises UsageError where there is no such cluster."""
        _hush()
        with ExitStack() as opening:
            target: Any = self._where
            if self._where in BATCH_SYSTEMS:
                target = self._cluster = opening.enter_context(_batch_cluster(self._where))
            self._client = opening.enter_context(_connected(target, self._where, self._connect))
            self._stack = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, tasks: Sequence[Task], started: Callable[[Task], None]) -> Iterator[tuple[Task, Worked]]:
        """See `Engine.run`.

        Raises:
            UsageError: no worker of the cluster can grade, each says why.
        """
        assert self._client is not None
        if not tasks:
            return
        if self._cluster is not None:
            self._cluster.scale(min(len(tasks), _number(self._jobs)))
        yield from Dispatch(self._client, self._desk, self._terms, self._say).answers(tasks, started)


class _Client(Client):
    """Leaves no loop running where it could not connect.

    Dask's own leaves that to its finaliser, which waits for a lock: where the garbage is collected while the next
    client starts, in the very thread that it waits for with that lock held, neither goes on.
    """

    def start(self, **terms: object) -> None:
        """Connect."""
        try:
            super().start(**terms)  # type: ignore[no-untyped-call]  # distributed is typed in parts
        except BaseException:
            _tidy(partial(self.close, timeout=_CLOSE_S))
            # One that could not be reached counts as closed already, and keeps its loop.
            _tidy(lambda: self._loop_runner.stop())  # type: ignore[no-untyped-call]  # here as well
            raise


def _number(jobs: str) -> int:
    return int(jobs) if jobs.isdecimal() and int(jobs) else _USUAL_JOBS


@contextmanager
def _connected(target: Any, where: str, connect_s: float) -> Iterator[Client]:
    """A client of a scheduler.

    Raises:
        UsageError: there is none, or it cannot be spoken to.
    """
    try:
        client = _Client(target, timeout=connect_s, set_as_default=False)  # type: ignore[no-untyped-call]  # distributed is typed in parts
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise UsageError(
            f"--cluster {where}: no scheduler answers there within {connect_s:g} s "
            f"({_one_line(error)}); start one with `dask scheduler`, or name {', '.join(BATCH_SYSTEMS)}"
        ) from error
    try:
        # A notebook full of pictures is as large as it is; Dask would warn of each.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}):
            yield client
    finally:
        # What is released by a client that leaves is dropped by every worker, kernels and all.
        _tidy(partial(client.close, timeout=_CLOSE_S))


@contextmanager
def _batch_cluster(name: str) -> Iterator[Any]:
    """A scheduler in this process, whose workers are jobs of a batch system, as its own configuration says.

    Raises:
        UsageError: it is not configured, or not there.
    """
    try:
        cluster = getattr(job_queue(name), BATCH_SYSTEMS[name])()
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise UsageError(
            f"--cluster {name}: {_one_line(error)}; say what a job is in ~/.config/dask/jobqueue.yaml "
            "(docs/scale.md shows one)"
        ) from error
    try:
        yield cluster
    finally:
        _tidy(lambda: cluster.close(timeout=_CLOSE_S))


def job_queue(name: str) -> ModuleType:
    """dask-jobqueue, for a batch system.

    Raises:
        UsageError: it is not installed.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        import dask_jobqueue
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--cluster {name} needs {error.name}: install it with `pip install 'evidence-grader[cluster]'`"
        ) from error
    finally:
        # Its import makes Ctrl-C an ordinary exit (0.9.0), which would not be seen as an interruption.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, interrupt)
    module: ModuleType = dask_jobqueue
    return module


def _tidy(close: Callable[[], object]) -> None:
    """A cluster that is gone already cannot be closed; that is no fault of anybody's submission."""
    try:
        close()
    except Exception as error:
        _log.info("the cluster could not be left in order: %s: %s", type(error).__name__, error)


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _hush() -> None:
    """What Dask logs about workers that come and go is not for an instructor; `say` tells what matters."""
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
