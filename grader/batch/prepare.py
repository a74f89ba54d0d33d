"""Before anything runs: each hand-in is read, given its key, and looked up in what is known already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grader.batch.keys import key_of, key_of_bundle
from grader.batch.order import BUNDLE, Order
from grader.errors import GraderError, UnreadableSubmission
from grader.execute.bundle import read_bundle
from grader.load.submission import load_submission
from grader.model.classroom import Handin, Key
from grader.model.submission import Submission

_BYTES_PER_COST = 1000.0


@dataclass(frozen=True)
class Prepared:
    """A hand-in that can be graded."""

    handin: Handin
    key: Key
    submission: Submission

    @property
    def expected(self) -> float:
        """How long it may take, seen from outside: code that is longer mostly trains more."""
        if self.handin.path.name.endswith(BUNDLE):
            return 0.0
        return 1.0 + sum(len(cell.source) for cell in self.submission.code_cells) / _BYTES_PER_COST


@dataclass(frozen=True)
class Unreadable:
    """A hand-in that is no submission; costs nobody else anything."""

    handin: Handin
    problem: GraderError


def prepared(handins: Iterable[Handin], order: Order) -> Iterator[Prepared | Unreadable]:
    """Read every hand-in."""
    for handin in handins:
        try:
            yield _prepared(handin, order)
        except GraderError as error:
            yield Unreadable(handin, error)
        except OSError as error:
            problem = f"{handin.path.name} cannot be read: {error.strerror or error}"
            yield Unreadable(handin, UnreadableSubmission(problem))


def _prepared(handin: Handin, order: Order) -> Prepared:
    if handin.path.name.endswith(BUNDLE):
        submission, _ = read_bundle(handin.path)
        return Prepared(handin, key_of_bundle(handin.path, order), submission)
    submission = load_submission(handin.path)
    return Prepared(handin, key_of(submission, order), submission)
