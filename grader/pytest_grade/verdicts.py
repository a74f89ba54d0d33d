"""Verdicts for tests: each file is graded once, however many tests and worker processes ask for it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock

from grader.batch.order import BUNDLE, Order, Outcome
from grader.batch.single import grade_all
from grader.execute.kernel import Kernel
from grader.files import write_atomically
from grader.model.grade import Grade


@dataclass(frozen=True)
class Verdict:
    """What became of one file."""

    grade: Grade | None
    problem: str = ""
    """One line, where there is no grade."""
    written: tuple[str, ...] = ()
    """Reports."""


class Verdicts:
    """Grades files when they are asked for; `shared` is a folder that all workers of one run of pytest know."""

    def __init__(self, order: Order, files: Sequence[Path], shared: Path | None) -> None:
        self._order = order
        self._stems = [file.stem for file in files]
        self._shared = shared
        self._known: dict[Path, Verdict] = {}
        self._kernel: Kernel | None = None
        self._open = ExitStack()

    def of(self, file: Path) -> Verdict:
        """The verdict on a file."""
        if file not in self._known:
            self._known[file] = self._graded(file) if self._shared is None else self._fetched(file)
        return self._known[file]

    def close(self) -> None:
        """End the kernels, if there are any."""
        self._kernel = None
        self._open.close()

    def _fetched(self, file: Path) -> Verdict:
        """As another worker graded it; the first that asks grades, and the others wait for it."""
        assert self._shared is not None
        kept = self._shared / f"{sha256(str(file).encode()).hexdigest()}.json"
        with FileLock(f"{kept}.lock"):
            if kept.exists():
                return _read(json.loads(kept.read_text(encoding="utf-8")))
            verdict = self._graded(file)
            write_atomically(kept, json.dumps(_written(verdict)))
        return verdict

    def _graded(self, file: Path) -> Verdict:
        order = self._order
        if order.out is not None and self._stems.count(file.stem) > 1:
            order = replace(order, out=order.out / file.parent.name)
        kernel = None if file.name.endswith(BUNDLE) else self._opened()
        (outcome,) = grade_all([file], order, kernel, lambda _: None)
        return _verdict(outcome)

    def _opened(self) -> Kernel:
        if self._kernel is None:
            from grader.execute.choice import opened_kernel

            # As the command does: two threads on two busy cores made notebooks ten times slower.
            os.environ.setdefault("OMP_NUM_THREADS", "1")
            opening = opened_kernel(self._order.assignment.limits, "cpu", self._order.sandbox, spares=0)
            self._kernel = self._open.enter_context(opening)
        return self._kernel


def _verdict(outcome: Outcome) -> Verdict:
    problem = "" if outcome.problem is None else str(outcome.problem)
    return Verdict(outcome.grade, problem, tuple(map(str, outcome.written)))


def _written(verdict: Verdict) -> dict[str, Any]:
    grade = None if verdict.grade is None else verdict.grade.model_dump(mode="json")
    return {"grade": grade, "problem": verdict.problem, "written": verdict.written}


def _read(fields: dict[str, Any]) -> Verdict:
    grade = None if fields["grade"] is None else Grade.model_validate(fields["grade"])
    return Verdict(grade, fields["problem"], tuple(fields["written"]))
