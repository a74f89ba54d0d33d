"""Keys: equal where the grade must be equal, different where it may differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.batch.keys import assignment_digest, key_of, rejudged_key
from grader.batch.order import Order
from grader.load.submission import load_submission
from grader.model.assignment import Assignment
from grader.model.classroom import Key


def key(folder: Path, assignment: Assignment, code: str = "import helper\n", helper: str = "x = 1\n") -> Key:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "helper.py").write_text(helper)
    (folder / "lab.py").write_text(code)
    return key_of(load_submission(folder / "lab.py"), Order(assignment))


def test_the_same_files_elsewhere_have_the_same_key(nine: Assignment, tmp_path: Path) -> None:
    assert key(tmp_path / "one", nine) == key(tmp_path / "two", nine)


def test_the_code_and_what_travels_with_it_count(nine: Assignment, tmp_path: Path) -> None:
    plain = key(tmp_path / "plain", nine)
    assert key(tmp_path / "code", nine, code="import helper\n2\n") != plain
    assert key(tmp_path / "helper", nine, helper="x = 2\n") != plain


def test_what_lies_beside_and_stays_there_does_not_count(nine: Assignment, tmp_path: Path) -> None:
    plain = key(tmp_path / "class", nine)
    (tmp_path / "class" / "other.ipynb").write_text('{"cells": []}')
    assert key(tmp_path / "class", nine) == plain


def test_a_seed_or_a_device_makes_another_key(nine: Assignment, tmp_path: Path) -> None:
    (tmp_path / "lab.py").write_text("print(1)\n")
    submission, order = load_submission(tmp_path / "lab.py"), Order(nine)
    plain = key_of(submission, order)
    reseeded = replace(order, assignment=nine.model_copy(update={"seed": 7}))
    assert key_of(submission, reseeded) != plain
    assert key_of(submission, replace(order, device="mps")) != plain


@pytest.mark.parametrize(
    ("field", "value", "counts"),
    [
        ("base_points", 2.0, True),
        ("thresholds", {"extra_runs": 0}, True),
        ("deadline", datetime(2026, 11, 1, tzinfo=UTC), False),
        ("attempts", "best", False),
    ],
)
def test_what_of_an_assignment_counts(nine: Assignment, field: str, value: object, counts: bool) -> None:
    changed = nine.model_copy(update={field: value})
    assert (assignment_digest(changed) != assignment_digest(nine)) is counts


def test_support_files_count_by_their_content_and_not_by_their_place(
    nine: Assignment, tmp_path: Path
) -> None:
    copies = []
    for path in nine.support:
        (tmp_path / path.name).write_bytes(path.read_bytes())
        copies.append(tmp_path / path.name)
    moved = nine.model_copy(update={"support": tuple(copies)})
    assert copies and assignment_digest(moved) == assignment_digest(nine)
    copies[0].write_text("pass\n")
    assert assignment_digest(moved) != assignment_digest(nine)


def test_judging_again_keeps_the_run(nine: Assignment, tmp_path: Path) -> None:
    old = key(tmp_path, nine)
    new = rejudged_key(old, nine.model_copy(update={"base_points": 2.0}))
    assert (new.submission, new.seed, new.device) == (old.submission, old.seed, old.device)
    assert new.assignment != old.assignment
