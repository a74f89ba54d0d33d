"""The command for a class at desks that need no kernels, with faults on request.

`python -c 'from tests.batch.tiny_class import main; main()' FAULTS [ARGUMENT…]` is `grade ARGUMENT…`; FAULTS is JSON,
see `Faults`. Reading, gradebook, workers, files, class page and exports are those of the command.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from grader.batch.order import Order
from grader.batch.task import Desk, Task, Work
from grader.load.submission import load_submission
from grader.model.assignment import Assignment, ExerciseSpec
from grader.model.classroom import Worked
from grader.model.grade import AssignmentInfo, ExerciseResult, Grade, Outcome, SubmissionInfo
from grader.model.submission import Submission
from grader.report.html_report import to_html
from grader.report.json_report import to_json
from tests.report.sample import ENVIRONMENT

HELD = "held-"
"""Submissions whose names begin so wait until they are let go."""
_LONGEST_WAIT_S = 240.0
_EVIDENCE = b"PK\5\6" + bytes(18)
"""An archive with nothing in it."""


@dataclass(frozen=True)
class Faults:
    """What is to go wrong."""

    gate: str = ""
    """File without which held submissions are not graded; beside it each leaves `NAME.begun`."""
    wait_s: float = 30.0
    """How long to wait for a locked gradebook."""
    clock: str = ""
    """What the clock shows, ISO 8601; empty: what it shows everywhere."""


@dataclass(frozen=True)
class TinyDesk(Desk):
    """Gives points by the submission's own digest."""

    order: Order
    gate: Path
    lend: None = None
    """It has no kernels to take from a launcher."""

    @contextmanager
    def opened(self) -> Iterator[Work]:
        yield self._work

    def _work(self, task: Task) -> Worked:
        if task.path.name.startswith(HELD):
            self._wait(task.path.stem)
        grade = graded(load_submission(task.path), self.order.assignment)
        reports = {"html": to_html(grade), "json": to_json(grade)}
        return Worked(grade, reports=reports, evidence=_EVIDENCE, seconds=0.001)

    def _wait(self, name: str) -> None:
        end = time.monotonic() + _LONGEST_WAIT_S
        self.gate.with_name(f"{name}.begun").touch()
        while not self.gate.exists() and time.monotonic() < end:
            time.sleep(0.02)


def graded(submission: Submission, assignment: Assignment) -> Grade:
    """The same grade for the same bytes."""
    digest = hashlib.sha256(submission.sha256.encode()).digest()
    specs = [spec for spec in assignment.exercises if spec.graded]
    results = [_result(spec, digest[number] % 2) for number, spec in enumerate(specs)]
    total = float(sum(result.points or 0.0 for result in results))
    return Grade(
        submission=SubmissionInfo(name=submission.name, sha256=submission.sha256, kind=submission.kind),
        assignment=AssignmentInfo(id=assignment.id, title=assignment.title, version=assignment.version),
        environment=ENVIRONMENT,
        status="graded",
        points=total,
        max_points=float(len(specs)),
        grade=assignment.base_points + total,
        max_grade=assignment.base_points + len(specs),
        exercises=tuple(results),
    )


def _result(spec: ExerciseSpec, points: int) -> ExerciseResult:
    status = Outcome.PASSED if points else Outcome.FAILED
    return ExerciseResult(number=spec.number, title=spec.title, status=status, points=points, max_points=1.0)


def main() -> None:
    """Put the desk and the faults in the place of what the command uses, and run it."""
    import grader.batch.local
    import grader.commands.whole_class as command
    from grader import cli

    faults = Faults(**json.loads(sys.argv.pop(1)))
    gate = Path(faults.gate)
    now: dict[str, Callable[[], datetime]] = {}
    if faults.clock:
        now["now"] = lambda: datetime.fromisoformat(faults.clock)
    command.GradingDesk = partial(TinyDesk, gate=gate)  # type: ignore[misc, assignment]
    command.opened = partial(command.opened, wait_s=faults.wait_s, **now)
    command.check_sandbox = lambda sandbox: None
    command.launcher_for = lambda order: nullcontext()
    # What workers are forked from needs neither torch nor scikit-learn for this desk.
    grader.batch.local.PRELOADED = ("tests.batch.tiny_class",)
    cli.main()
