"""Judgements before they become points: mistakes that were named, and what each check found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from grader.model.grade import Outcome
from grader.model.submission import Where

Cost = Literal["fail", "part"]
"""`fail` zeroes a check, `part` halves it."""


@dataclass(frozen=True)
class Mistake:
    """A named mistake, seen in the evidence."""

    code: str
    exercise: int
    """Where it is reported."""
    message: str
    """The invariant that was violated, in plain words."""
    hint: str
    where: Where | None = None
    costs: Mapping[str, Cost] = field(default_factory=dict)
    """Ids of the checks it spoils, and how far; empty for a warning."""
    explains: frozenset[int] = frozenset()
    """Cells that this mistake ended with an error: their `run-error` is not told again."""
    link: str | None = None
    """Where to read more."""

    @property
    def severity(self) -> Literal["fail", "part", "warn"]:
        if not self.costs:
            return "warn"
        return "fail" if "fail" in self.costs.values() else "part"


@dataclass(frozen=True)
class Finding:
    """What one check saw."""

    share: float | None
    """Of the check's weight, 0..1; None where it could not be judged, which is our fault."""
    message: str
    expected: str | None = None
    actual: str | None = None
    where: Where | None = None
    attempted: bool = True
    """False where there is nothing of the student's to judge."""
    hint: str | None = None
    """Instead of the rubric's own."""

    @property
    def outcome(self) -> Outcome:
        if self.share is None:
            return Outcome.NOT_GRADED
        if self.share >= 1.0:
            return Outcome.PASSED
        if not self.attempted:
            return Outcome.NOT_ATTEMPTED
        return Outcome.PARTIAL if self.share > 0.0 else Outcome.FAILED


@dataclass(frozen=True)
class Judgement:
    """A check of the rubric with its finding, dependencies and mistakes accounted for."""

    check: str
    outcome: Outcome
    finding: Finding


@dataclass(frozen=True)
class Findings:
    """All that was judged in one submission."""

    judgements: Mapping[str, Judgement]
    """By check id, in the rubric's order."""
    mistakes: tuple[Mistake, ...] = ()
