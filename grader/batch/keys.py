"""What a result depends on, as hashes: equal keys mean equal grades."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import grader
from grader.batch.order import Order
from grader.model.assignment import Assignment
from grader.model.classroom import Key
from grader.model.submission import Submission

_NOT_JUDGED = {"support", "attempts", "deadline"}
"""Fields of an assignment that decide nothing about one submission's grade; support files count by content."""


def key_of(submission: Submission, order: Order) -> Key:
    """The key of a submission that was read from a file."""
    return _key(_submission_digest(submission), order)


def key_of_bundle(path: Path, order: Order) -> Key:
    """The key of stored evidence: its own bytes.

    Raises OSError.
    """
    return _key(hashlib.sha256(path.read_bytes()).hexdigest(), order)


def rejudged_key(key: Key, assignment: Assignment) -> Key:
    """The same submission and run, judged by another rubric or another grader."""
    return Key(key.submission, assignment_digest(assignment), key.seed, key.device, grader.__version__)


def assignment_digest(assignment: Assignment) -> str:
    """SHA-256 over everything in the assignment that can change a grade."""
    fields = assignment.model_dump_json(exclude=_NOT_JUDGED)
    return _digest([fields.encode(), *(part for path in assignment.support for part in _named(path, path))])


def _key(submission: str, order: Order) -> Key:
    return Key(
        submission,
        assignment_digest(order.assignment),
        order.assignment.seed,
        order.device,
        grader.__version__,
    )


def _submission_digest(submission: Submission) -> str:
    """Over the file and every file that travels with it; what lies elsewhere beside it changes nothing."""
    parts = [submission.sha256.encode()]
    for companion in submission.companions:
        files = sorted(companion.rglob("*")) if companion.is_dir() else [companion]
        for file in files:
            if file.is_file():
                parts += _named(file, companion)
    return _digest(parts)


def _named(file: Path, top: Path) -> tuple[bytes, bytes]:
    name = file.relative_to(top.parent).as_posix()
    return name.encode("utf-8", "surrogateescape"), file.read_bytes()


def _digest(parts: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        # Lengths keep ("ab", "c") and ("a", "bc") apart.
        whole.update(len(part).to_bytes(8, "big"))
        whole.update(part)
    return whole.hexdigest()
