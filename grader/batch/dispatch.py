"""Submissions dealt out to the workers of a Dask cluster: one to each, and each answered once.

Dask carries the messages, says who is there, and drops what nobody wants any more. Who gets what is decided here, and
each task is bound to its worker: only so is it known which worker failed with which submission, and a worker that
hangs, whose thread Dask cannot end, is not given the next.
"""

from __future__ import annotations

import math
import queue
import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from grader.batch.parcel import DeskParcel, packed
from grader.batch.post import answer_of, opened_post, versions
from grader.batch.task import Task, in_order
from grader.errors import GraderError, GradingFailed, UsageError
from grader.model.classroom import Worked

_LOOK_S = 1.0
"""How often the scheduler is asked who is there, and those who say nothing are looked at."""
_SICK = 3
"""Faults in a row after which a worker is given nothing while others can work."""

Handle = Any
"""A client or a future of Dask's, which is typed in parts."""
Message = tuple[str, str, Any]
"""What is told (`present`, `opened`, `begun`, `answer`, `lost`), of which key, and with what."""


@dataclass(frozen=True)
class Terms:
    """How long is waited for what, in seconds, and how often something is tried."""

    patience_s: float
    """For a worker to grade one submission; it ends what takes longer by itself."""
    grace_s: float
    """Beyond that, for a worker to say so."""
    join_s: float
    """For a worker to come when there is none, and to open its desk, which may have to wait for other work."""
    tries: int
    """How many workers a submission may fail on."""


@dataclass
class _Errand:
    """A submission on its way."""

    key: str
    task: Task
    future: Handle
    since: float


@dataclass
class _Seat:
    """A worker of the cluster."""

    address: str
    post: Handle
    since: float
    ready: bool = False
    refused: str = ""
    away: bool = False
    """It has been silent for too long."""
    errand: _Errand | None = None
    faults: int = 0
    """Since its last good answer."""

    @property
    def usable(self) -> bool:
        return not self.refused and not self.away


class SchedulerLost(Exception):
    """Nobody is there who could hand work on."""


@dataclass
class Dispatch:
    """One run over a cluster; used once."""

    client: Handle
    desk: DeskParcel
    terms: Terms
    say: Callable[[str], None]
    _waiting: deque[Task] = field(default_factory=deque)
    _again: list[Task] = field(default_factory=list)
    """Lost on one worker, for another."""
    _seats: dict[str, _Seat] = field(default_factory=dict)
    _tried: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Task → workers that it was lost on."""
    _answers: deque[tuple[Task, Worked]] = field(default_factory=deque)
    _messages: queue.SimpleQueue[Message] = field(default_factory=queue.SimpleQueue)
    _run: str = field(default_factory=lambda: f"grade-{uuid.uuid4().hex[:12]}")
    _count: int = 0
    _alone_since: float | None = None

    def answers(
        self, tasks: Sequence[Task], started: Callable[[Task], None]
    ) -> Iterator[tuple[Task, Worked]]:
        """See `Engine.run`.

        Raises:
            UsageError: there are workers, and none of them can grade.
        """
        self._waiting.extend(in_order(tasks))
        self._alone_since = monotonic()
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(over,), name="grade-cluster", daemon=True)
        self.client.subscribe_topic(
            self._run, lambda event: self._messages.put(("begun", str(event[1]), None))
        )
        watch.start()
        try:
            while self._open:
                self._step(started)
                yield from self._ready()
        finally:
            over.set()
            self._leave()

    @property
    def _open(self) -> bool:
        return bool(self._waiting or self._again or self._under_way)

    @property
    def _under_way(self) -> list[_Errand]:
        return [seat.errand for seat in self._seats.values() if seat.errand is not None]

    def _step(self, started: Callable[[Task], None]) -> None:
        """Wait a moment for news, and give every free worker something to do."""
        try:
            self._hear(started)
            self._look()
            self._hand_out()
        except SchedulerLost as lost:
            self.say(f"{lost}; what was graded so far is kept")
            self._give_up(str(lost))

    def _ready(self) -> Iterator[tuple[Task, Worked]]:
        while self._answers:
            yield self._answers.popleft()

    # ------------------------------------------------------------ what is heard

    def _watch(self, over: threading.Event) -> None:
        """Ask who is there; its own thread, for a scheduler that is silent must not stop the rest."""
        while not over.is_set():
            try:
                self._messages.put(("present", "", set(self.client.nthreads())))
            except Exception as error:  # Dask has no error type for a scheduler that is gone
                self._messages.put(("lost", "", f"{type(error).__name__}: {error}"))
                return
            over.wait(_LOOK_S)

    def _hear(self, started: Callable[[Task], None]) -> None:
        """Everything that was told meanwhile; waits for the first."""
        hearing: dict[str, Callable[[str, Any], None]] = {
            "present": self._present,
            "opened": self._opened,
            "answer": self._answered,
        }
        try:
            what, key, content = self._messages.get(timeout=_LOOK_S)
            while True:
                if what == "lost" or self.client.status != "running":
                    raise SchedulerLost("the scheduler of the cluster is gone")
                if what == "begun":
                    self._begun(key, started)
                else:
                    hearing[what](key, content)
                what, key, content = self._messages.get_nowait()
        except queue.Empty:
            return

    def _present(self, _: str, addresses: set[str]) -> None:
        for address in addresses - self._seats.keys():
            self._seats[address] = self._engaged(address)
        for address in self._seats.keys() - addresses:
            seat = self._seats.pop(address)
            self._lose(seat, f"its worker was lost ({address})")
            self._forget(seat.post)

    def _opened(self, key: str, problem: BaseException | None) -> None:
        seat = next((seat for seat in self._seats.values() if seat.post.key == key), None)
        if seat is None:
            return
        seat.ready = problem is None
        if problem is not None:
            told = str(problem) if isinstance(problem, UsageError) else f"{type(problem).__name__}: {problem}"
            seat.refused = f"{seat.address} cannot grade: {' '.join(told.split())[:300]}"
            self.say(seat.refused)

    def _begun(self, key: str, started: Callable[[Task], None]) -> None:
        for errand in self._under_way:
            if errand.key == key:
                errand.since = monotonic()
                started(errand.task)

    def _answered(self, key: str, worked: Worked | BaseException) -> None:
        seat = next((seat for seat in self._seats.values() if seat.errand and seat.errand.key == key), None)
        if seat is None or seat.errand is None:
            return  # an answer to what somebody else has answered, or was given up
        if isinstance(worked, BaseException):
            worked = Worked(None, f"its worker failed ({type(worked).__name__}: {worked})"[:500], fault=True)
        if worked.fault:
            self._lose(seat, worked.problem, worked)
            return
        errand, seat.errand, seat.faults = seat.errand, None, 0
        self._forget(errand.future)
        self._answers.append((errand.task, worked))

    # ------------------------------------------------------------ what follows from it

    def _look(self) -> None:
        """Workers that are silent for too long, and whether there are any."""
        now = monotonic()
        for seat in self._seats.values():
            if seat.usable and now > self._due(seat):
                seat.away = True
                self._forget(seat.post)
                self._lose(seat, f"its worker was silent for too long ({seat.address})")
        if any(seat.usable for seat in self._seats.values()):
            self._alone_since = None
        else:
            self._be_alone(now)

    def _due(self, seat: _Seat) -> float:
        """When a worker must have been heard of."""
        if seat.errand is not None:
            return seat.errand.since + self.terms.patience_s + self.terms.grace_s
        return math.inf if seat.ready else seat.since + self.terms.join_s

    def _be_alone(self, now: float) -> None:
        refused = [seat.refused for seat in self._seats.values() if seat.refused]
        if refused and len(refused) == len(self._seats) and not self._tried and self._count == 0:
            raise UsageError(refused[0])
        if self._alone_since is None:
            self._alone_since = now
            self.say(f"no worker is left: waiting up to {self.terms.join_s:g} s for one to join")
        elif now - self._alone_since > self.terms.join_s:
            self._give_up(f"the cluster had no worker for {self.terms.join_s:g} s")

    def _hand_out(self) -> None:
        for seat in sorted(self._free(), key=lambda seat: seat.faults):
            task = self._task_for(seat)
            if task is None:
                continue
            try:
                seat.errand = self._sent(task, seat)
            except GraderError as error:
                self._answers.append((task, Worked(None, str(error), fault=isinstance(error, GradingFailed))))
            except OSError as error:
                problem = f"{task.path.name} cannot be read: {error.strerror or error}"
                self._answers.append((task, Worked(None, problem, fault=True)))

    def _free(self) -> list[_Seat]:
        """Workers with nothing to do; sick ones only where no other is sound."""
        usable = [seat for seat in self._seats.values() if seat.usable and seat.ready]
        sound = [seat for seat in usable if seat.faults < _SICK]
        return [seat for seat in sound or usable if seat.errand is None]

    def _task_for(self, seat: _Seat) -> Task | None:
        usable = {other.address for other in self._seats.values() if other.usable}
        for task in self._again:
            tried = self._tried[task.number]
            if seat.address not in tried or usable <= set(tried):
                self._again.remove(task)
                return task
        return self._waiting.popleft() if self._waiting else None

    # ------------------------------------------------------------ Dask

    def _engaged(self, address: str) -> _Seat:
        """A desk is opened on a worker, if it is one that can grade."""
        post = self.client.submit(
            opened_post,
            self.desk,
            self.terms.patience_s,
            versions(),
            key=f"{self._run}-post-{self._next()}",
            workers=[address],
            pure=False,
        )
        post.add_done_callback(lambda done: self._messages.put(("opened", done.key, _error_of(done))))
        return _Seat(address, post, monotonic())

    def _sent(self, task: Task, seat: _Seat) -> _Errand:
        key = f"{self._run}-{task.number}-{self._next()}"
        future = self.client.submit(
            answer_of,
            seat.post,
            task,
            packed(task.path),
            self._run,
            key=key,
            workers=[seat.address],
            pure=False,
        )
        self._count += 1
        future.add_done_callback(lambda done: self._messages.put(("answer", done.key, _result_of(done))))
        return _Errand(key, task, future, monotonic())

    def _next(self) -> str:
        return uuid.uuid4().hex[:8]

    def _forget(self, future: Handle) -> None:
        """Dask drops it, result and all; where it still runs, the worker ends it."""
        self.client.cancel([future])

    # ------------------------------------------------------------ the end of things

    def _lose(self, seat: _Seat, problem: str, worked: Worked | None = None) -> None:
        """A submission came back without a verdict: another worker gets it, or it is given up."""
        errand, seat.errand = seat.errand, None
        if errand is None:
            return
        seat.faults += 1
        self._forget(errand.future)
        tried = self._tried[errand.task.number]
        tried.append(seat.address)
        if len(tried) < self.terms.tries:
            self._again.append(errand.task)
            return
        told = f"not graded: {problem.removeprefix('not graded: ')}; tried {len(tried)} times on the cluster"
        self._answers.append((errand.task, replace(worked or Worked(None, fault=True), problem=told)))

    def _give_up(self, why: str) -> None:
        """Everything that is not graded yet is our fault."""
        under_way = [errand.task for errand in self._under_way]
        for task in [*under_way, *self._again, *self._waiting]:
            self._answers.append((task, Worked(None, f"not graded: {why}", fault=True)))
        self._seats.clear()
        self._again.clear()
        self._waiting.clear()

    def _leave(self) -> None:
        """Let go of whatever is still there; the client may be gone already."""
        futures = [seat.post for seat in self._seats.values()] + [errand.future for errand in self._under_way]
        if futures and self.client.status == "running":
            self.client.cancel(futures)
        self._seats.clear()


def _error_of(done: Handle) -> BaseException | None:
    if done.status == "finished":
        return None
    return done.exception() if done.status == "error" else GradingFailed("the cluster gave it up")


def _result_of(done: Handle) -> Worked | BaseException:
    """What a worker answered, or why it did not; in Dask's own thread for callbacks."""
    try:
        worked: Worked = done.result()
        return worked
    except BaseException as error:
        return error
