"""What follows from a deeper mistake is not told beside it."""

from __future__ import annotations

import pytest

from grader.diagnose.consequences import told_once
from grader.model.finding import Mistake
from tests.check.building import assignment, excellent


def told(*mistakes: tuple[str, int]) -> list[str]:
    found = [Mistake(code, exercise, "", "") for code, exercise in mistakes]
    return [mistake.code for mistake in told_once(assignment(), excellent(), found)]


@pytest.mark.parametrize(
    ("follows", "deeper"),
    [
        ("model-wrong-width", "model-layers-unregistered"),
        ("model-wrong-width", "model-missing-super-init"),
        ("model-layer-count", "model-missing-super-init"),
        ("model-affine", "model-layers-unregistered"),
        ("model-not-affine", "model-missing-super-init"),
        ("loop-under-no-grad", "loss-on-rounded"),
        ("loop-loss-rewrapped", "loop-under-no-grad"),
    ],
)
def test_the_deeper_of_two_is_told_and_only_in_its_own_task(follows: str, deeper: str) -> None:
    assert told((follows, 3), (deeper, 3)) == [deeper]
    assert told((follows, 9), (deeper, 3)) == [follows, deeper]
