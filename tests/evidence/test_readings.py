"""How else a loop's losses may be read: what is reported may be taken on other outputs than the training loss is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from grader.evidence.losses import view_of
from grader.evidence.measuring import measure, views_of
from grader.model.evidence import OTHER_READING


def run(kind: str) -> Any:
    """A run as far as its readings depend on it."""
    return SimpleNamespace(loss_kind=kind, backwards=10, hard_labels=None)


@pytest.mark.parametrize(("kind", "applied"), [("bce-with-logits", "sigmoid"), ("cross-entropy", "softmax")])
def test_a_loss_of_logits_that_gets_probabilities_may_be_reported_on_the_logits(
    kind: Any, applied: Any
) -> None:
    view = view_of(kind, applied, "none")
    reading, other = views_of(view, run(kind), None, several=kind == "cross-entropy")
    assert reading == view and reading.applied == applied
    assert other is not None and other.applied == "none"


@pytest.mark.parametrize(
    ("kind", "applied"), [("bce", "sigmoid"), ("bce-with-logits", "none"), ("cross-entropy", "none")]
)
def test_a_sound_loss_has_one_reading(kind: Any, applied: Any) -> None:
    view = view_of(kind, applied, "none")
    assert views_of(view, run(kind), None, several=False) == (view, None)


@pytest.mark.parametrize(("kind", "other"), [("mse", 0.5), ("bce-with-logits", None)])
def test_classes_of_a_regression_may_begin_at_zero_or_at_one_half(kind: Any, other: float | None) -> None:
    outputs, labels = np.array([[-0.2], [0.3], [0.6], [0.9]]), np.array([0, 0, 1, 0])
    given = (np.zeros((4, 2)), labels)
    model: Any = SimpleNamespace(outputs=lambda weights, rows: outputs)
    found = measure(model, 0, {}, view_of(kind, "none", "none"), None, given, formula_holds=True)
    assert found.test_accuracy == (0.75 if kind == "mse" else 0.5)
    assert found.mistaken["test"].get(OTHER_READING["accuracy"]) == other
