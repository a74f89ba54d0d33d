"""Watches a student's session from inside its process and writes down what it did.

Nothing here judges, nothing changes a value, a random state or an order of side effects, and no fault of ours
reaches the student's code: it becomes a `problem` event. What is written may still be forged by the student; the
reader outside treats it so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.record.answers import Questions
from grader.record.comparisons import ComparisonWatch
from grader.record.failures import FailureWatch
from grader.record.figures import FigureWatch
from grader.record.intact import IntactWatch
from grader.record.models import Forward, ModelWatch
from grader.record.names import NameWatch
from grader.record.place import Places
from grader.record.seeding import Seeding, seed_everything
from grader.record.speech import SpeechWatch
from grader.record.store import Store, guarded
from grader.record.training import TrainingWatch
from grader.record.turning import turn_generators

_MOST_PROBLEMS = 50


class Recorder:
    """All watches together, driven by IPython's cell events.

    `config`: `seed` (int), `exercise_of_cell` (cell number → exercise or None), `bytes` (capacity for arrays),
    `probes` (file of unlabelled rows for models that cannot be exported), `turns` (data that a probe turns).
    """

    def __init__(self, directory: Path, config: dict[str, Any]) -> None:
        self._store = Store(directory, int(config.get("bytes", 64 * 1024**2)))
        self._places = Places()
        self._problems = 0
        self._shell: Any = None
        self._own_seconds = 0.0
        exercises = {int(cell): number for cell, number in dict(config.get("exercise_of_cell") or {}).items()}
        self._seed = int(config.get("seed", 0))
        self._seeding = Seeding(self._store, self._places, self._seed, exercises)
        self._training = TrainingWatch(self._store, self._places, lambda: self._seeding.by_student)
        self._models = ModelWatch(self._store, self._places, self._evaluated)
        self._models.operators = frozenset(config.get("operators") or ()) or None
        self._training.models = self._models
        self._training.first_detail = self._first_detail
        self._comparisons = ComparisonWatch(self._store, self._places, self._moment)
        self._comparisons.paused = lambda: self._models.inside
        self._comparisons.outputs = lambda: self._models.latest
        self._speech = SpeechWatch(self._store, self._places, self._moment, self._speaking)
        self._names = NameWatch(self._store, self._places)
        self._failures = FailureWatch(self._store, self._places)
        self._turns = list(config.get("turns") or ())
        self._questions = Questions(self._store, config.get("probes"))
        self._figures = FigureWatch(self._store.keep, self._emit_figure, self._places.stack)

    def install(self, shell: Any) -> None:
        """Put every watch in place; call once, after the imports and before the first cell."""
        self._shell = shell
        if self._turns:
            turn_generators(self._turns)
        seed_everything(self._seed)
        self._places.follow(shell)
        for watch in (self._seeding, self._training, self._models, self._comparisons, self._speech):
            watch.install(self._guard)
        self._figures.install()
        self._intact = IntactWatch()
        # Not sooner: a kernel may be up before the grader has made the rows.
        shell.events.register("pre_run_cell", self._guard(lambda _: self._questions.learn()))
        shell.events.register("pre_run_cell", self._guard(self._begin_cell))
        shell.events.register("post_run_cell", self._guard(self._end_cell))

    def finish(self) -> None:
        """Write what is left; call once, after the last cell."""
        self._store.emit({"kind": "end", "recorder_s": round(self._own_seconds, 4), "full": self._store.full})
        self._store.flush()

    def _guard(self, action: Callable[..., Any]) -> Callable[..., None]:
        return guarded(self._problem, action)

    def _problem(self, text: str) -> None:
        self._problems += 1
        if self._problems <= _MOST_PROBLEMS:
            self._store.emit({"kind": "problem", "cell": self._places.current_cell, "text": text[:500]})

    def _begin_cell(self, info: Any) -> None:
        if not info.raw_cell.strip():
            return
        self._places.current_cell += 1
        self._seeding.begin_cell(self._places.current_cell)

    def _end_cell(self, result: Any) -> None:
        """Each part on its own: a fault in one must not lose what the others saw."""
        started = time.perf_counter()
        trained = self._training.trained()
        for part in (
            self._speech.end_of_cell,
            lambda: self._models.describe(trained),
            lambda: self._questions.ask(
                self._models.opaque(trained),
                self._places.current_cell,
                self._shell.user_ns,
            ),
            self._training.describe,
            self._comparisons.describe,
            self._figures.end_of_cell,
            lambda: self._names.describe(self._shell.user_ns),
            lambda: self._failures.describe(result.error_in_exec),
        ):
            self._guard(part)()
        altered = self._intact.altered()
        if altered:
            self._store.emit({"kind": "altered", "cell": self._places.current_cell, "names": altered})
        self._store.emit({"kind": "cell", "cell": self._places.current_cell})
        self._store.flush()
        self._own_seconds += time.perf_counter() - started

    def _evaluated(self, forward: Forward) -> None:
        self._training.evaluated(forward)

    def _first_detail(self) -> None:
        self._names.hold_arrays(self._shell.user_ns)
        self._names.follow_locals(self._places.student_frames())

    def _moment(self) -> tuple[str | None, int]:
        run = self._training.current
        return (None, 0) if run is None else (run.id, run.backwards or run.steps)

    def _speaking(self) -> None:
        run = self._training.current
        if run is not None and not run.closed:
            run.snapshot()

    def _emit_figure(self, event: dict[str, Any]) -> None:
        self._store.emit({**event, "cell": self._places.current_cell})
