"""What a diagnosis looks at: one task of the assignment with its evidence, and what its checks are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grader.model.assignment import Assignment
from grader.model.evidence import Evidence, TaskEvidence
from grader.model.finding import Cost, Mistake
from grader.model.submission import Where


@dataclass(frozen=True)
class Scene:
    """One task in its evidence."""

    assignment: Assignment
    evidence: Evidence
    task: TaskEvidence

    def costs(self, by_use: Mapping[str, Cost]) -> dict[str, Cost]:
        """The ids of this task's checks that judge the given things, with what it costs them."""
        return {
            check.id: by_use[check.use]
            for exercise in self.assignment.exercises
            if exercise.task == self.task.spec.id
            for check in exercise.checks
            if check.use in by_use
        }

    def option(self, use: str, name: str) -> Any:
        """What the rubric asks of this task in one of its checks; None where it has no such check."""
        for exercise in self.assignment.exercises:
            for check in exercise.checks:
                if exercise.task == self.task.spec.id and check.use == use:
                    return check.options.get(name)
        return None

    def mistake(
        self,
        code: str,
        exercise: int,
        message: str,
        hint: str,
        where: Where | None,
        explains: Iterable[int] = (),
        **by_use: Cost,
    ) -> Mistake:
        """A mistake of this task. `by_use`: check words with `_` for their dot and dashes, `loop_learns="fail"`.

        `explains`: cells that it ended with an error.
        """
        wanted = {_spelt(use): use for use in _uses(self.assignment)}
        costs = self.costs({wanted[name]: cost for name, cost in by_use.items() if name in wanted})
        return Mistake(code, exercise, message, hint, where, costs, frozenset(explains))


Diagnosis = Callable[[Scene], Iterable[Mistake]]
"""Looks at one task and tells each of its mistakes of one kind; nothing for correct work."""


def _uses(assignment: Assignment) -> set[str]:
    return {check.use for exercise in assignment.exercises for check in exercise.checks}


def _spelt(use: str) -> str:
    return use.replace(".", "_").replace("-", "_")
