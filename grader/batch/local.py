"""Workers on this machine: processes side by side, one submission in each, replaced when they die."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from grader.batch.forking import forking
from grader.batch.task import Desk, Desks, Task, in_order
from grader.batch.worker import PRELOADED, serve
from grader.execute.temporary import sweep
from grader.model.classroom import Worked

_LOOK_S = 1.0
"""How often workers that say nothing are looked at: is there memory again, has one been silent for too long?"""
_LEAVE_S = 15.0
"""For a worker to end its kernels when it is asked to."""


@dataclass
class _Hand:
    """A worker process and what it is at."""

    process: BaseProcess
    line: Connection
    task: Task | None = None
    since: float = 0.0


class LocalWorkers:
    """See `Engine`; leave it to end every process it started."""

    def __init__(
        self,
        desk: Desk,
        jobs: int,
        *,
        patience_s: float,
        has_room: Callable[[], bool] = lambda: True,
        tries: int = 2,
    ) -> None:
        """
        Args:
            desk: what each worker opens.
            jobs: workers side by side.
            patience_s: a worker that needs longer for one submission is ended.
            has_room: whether there is memory for one more submission; the first one is begun anyhow.
            tries: how many workers a submission may lose before it is given up.
        """
        self._desk = desk
        self._jobs = jobs
        self._patience = patience_s
        self._has_room = has_room
        self._tries = tries
        self._hands: list[_Hand] = []
        self._shared = contextlib.ExitStack()
        self._desks: Desks | None = None

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        for hand in self._hands:
            hand.line.close()
            if hand.task is not None:
                hand.process.terminate()
        for hand in self._hands:
            _see_off(hand.process)
        self._hands.clear()
        self._desks = None
        self._shared.close()
        # What a killed worker and its killed launcher left, the next launcher would remove; here comes none.
        sweep()

    def run(self, tasks: Sequence[Task], started: Callable[[Task], None]) -> Iterator[tuple[Task, Worked]]:
        """See `Engine.run`."""
        waiting = deque(in_order(tasks))
        lost: Counter[int] = Counter()
        while waiting or any(hand.task for hand in self._hands):
            self._hand_out(waiting, started)
            for hand in self._heard():
                task, hand.task = hand.task, None
                assert task is not None
                answer = _answer(hand)
                if answer is None:
                    self._dismiss(hand)
                    lost[task.number] += 1
                    if lost[task.number] < self._tries:
                        waiting.append(task)
                        continue
                    answer = Worked(None, _given_up(self._tries), fault=True)
                yield task, answer

    def _hand_out(self, waiting: deque[Task], started: Callable[[Task], None]) -> None:
        while waiting and (hand := self._free()) is not None:
            task = waiting.popleft()
            try:
                hand.line.send(task)
            except OSError:  # it died while it waited; another will do
                self._dismiss(hand)
                waiting.appendleft(task)
                continue
            hand.task, hand.since = task, time.monotonic()
            started(task)

    def _free(self) -> _Hand | None:
        """A worker with nothing to do; none where all are busy, or where memory is short."""
        busy = sum(hand.task is not None for hand in self._hands)
        if busy >= self._jobs or (busy and not self._has_room()):
            return None
        idle = (hand for hand in self._hands if hand.task is None)
        return next(idle, None) or self._hired()

    @cached_property
    def _context(self) -> BaseContext:
        return forking(PRELOADED)

    def _hired(self) -> _Hand:
        if self._desks is None:
            # First: it warms up while the process that workers are forked from does.
            self._desks = self._shared.enter_context(self._desk.shared())
        ours, theirs = self._context.Pipe()
        with self._desks() as desk:
            process = self._context.Process(target=serve, args=(theirs, desk), name="grade-worker")  # type: ignore[attr-defined]  # every concrete context has it
            process.start()
        theirs.close()
        hand = _Hand(process, ours)
        self._hands.append(hand)
        return hand

    def _heard(self) -> list[_Hand]:
        """Workers that have answered, died, or been silent for too long."""
        busy = [hand for hand in self._hands if hand.task is not None]
        ready = set(wait([hand.line for hand in busy], _LOOK_S))
        overdue = time.monotonic() - self._patience
        for hand in busy:
            if hand.line not in ready and hand.since < overdue:
                hand.process.kill()
        return [hand for hand in busy if hand.line in ready]

    def _dismiss(self, hand: _Hand) -> None:
        self._hands.remove(hand)
        hand.line.close()
        _see_off(hand.process)


def _answer(hand: _Hand) -> Worked | None:
    """What a worker says; None where it died instead, in the middle of a word perhaps."""
    with contextlib.suppress(EOFError, OSError):
        answer: Worked = hand.line.recv()
        return answer
    return None


def _see_off(process: BaseProcess) -> None:
    process.join(_LEAVE_S)
    if process.is_alive():
        process.kill()
        process.join()


def _given_up(tries: int) -> str:
    return (
        f"not graded: {tries} workers ended without an answer (killed, out of memory, or silent for too long)"
    )
