"""How predictions were made, and which rows figures are about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grader.evidence.losses import LossView
from grader.evidence.mixups import told_as_mixed_up
from grader.evidence.moments import Course
from grader.evidence.predictions import prediction_slip
from grader.model.evidence import Measured
from grader.model.reported import Claim, Comparison, Pairing
from grader.model.submission import Cell, Submission, Where
from tests.check.building import claim, reports, with_task
from tests.diagnose.scenes import SOUND, codes, seen, slip, told

RNG = np.random.default_rng(0)
SMALL = RNG.normal(0.1, 0.2, 200).astype(np.float32)
LARGE = RNG.normal(0.0, 4.0, 200).astype(np.float32)
LABELS = (np.arange(200) % 2).astype(np.float32)
FOUR = RNG.normal(0.0, 3.0, (200, 4)).astype(np.float32)
CLASSES = np.arange(200) % 4
LOGITS = LossView("bce-with-logits", "none", 0.0)
PROBABILITIES = LossView("bce", "none", 0.5)
MANY = LossView("cross-entropy", "none", 0.0)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-values)))


def softmax(values: np.ndarray, axis: int) -> np.ndarray:
    raised = np.exp(values - values.max(axis=axis, keepdims=True))
    return np.asarray(raised / raised.sum(axis=axis, keepdims=True))


def slip_of(predictions: np.ndarray, outputs: np.ndarray, view: LossView, source: str = "") -> str | None:
    labels = CLASSES if outputs.ndim == 2 and outputs.shape[1] > 1 else LABELS
    line = Comparison(
        where=None,
        cell=1,
        left_shape=(200,),
        right_shape=predictions.shape,
        results=(),
        pairs=(Pairing(labels, predictions, outputs),),
        places=(Where(cell=1, line=1),),
    )
    cells = (Cell(kind="code", source=source, number=1),)
    return prediction_slip(line, view, Submission("a.ipynb", Path("a.ipynb"), "0", "notebook", cells))


HONEST = [
    (LARGE > 0, LARGE, LOGITS),
    (np.round(sigmoid(LARGE)), LARGE[:, None], LOGITS),
    (sigmoid(SMALL) > 0.5, SMALL, LOGITS),
    (np.round(sigmoid(LARGE)), sigmoid(LARGE), PROBABILITIES),
    (FOUR.argmax(1), FOUR, MANY),
    (RNG.integers(0, 2, 200), LARGE, LOGITS),
    (np.zeros(200), -np.abs(LARGE), LOGITS),
]


@pytest.mark.parametrize(("predictions", "outputs", "view"), HONEST)
def test_honest_and_unknown_ways_have_no_code(
    predictions: np.ndarray, outputs: np.ndarray, view: LossView
) -> None:
    assert slip_of(predictions, outputs, view) is None


MISTAKEN = [
    ("metric-rounds-logits", np.round(LARGE), LARGE, LOGITS, ""),
    ("metric-rounds-logits", np.round(SMALL), SMALL, LOGITS, "acc(y, torch.round(logits))"),
    ("metric-rounds-logits", (LARGE > 0.5).astype(int), LARGE, LOGITS, ""),
    ("metric-sigmoid-twice", np.round(sigmoid(sigmoid(LARGE)) + 1e-9), LARGE, LOGITS, ""),
    ("metric-sigmoid-twice", np.ones(200), sigmoid(LARGE), PROBABILITIES, ""),
    ("metric-softmax-on-one-output", np.ones(200), LARGE[:, None], LOGITS, "(out.softmax(1).round() == y)"),
    ("metric-softmax-on-one-output", np.zeros(200, dtype=int), LARGE[:, None], LOGITS, ""),
    ("metric-softmax-on-one-output", np.zeros(200), SMALL[:, None], LOGITS, "out.argmax(1).float() == y"),
    ("metric-wrong-axis", np.zeros(200), LARGE, LOGITS, ""),
    ("metric-wrong-axis", FOUR.argmax(0), FOUR, MANY, ""),
    ("metric-wrong-axis", softmax(FOUR, 0).argmax(1), FOUR, MANY, ""),
]


@pytest.mark.parametrize(("code", "predictions", "outputs", "view", "source"), MISTAKEN)
def test_a_mistaken_way_is_told_from_the_outputs(
    code: str, predictions: np.ndarray, outputs: np.ndarray, view: LossView, source: str
) -> None:
    assert slip_of(predictions, outputs, view, source) == code


# ---------------------------------------------------------------- figures of something else


MEASURED = tuple(
    Measured(step, 0.60 - step / 100, 0.65 - step / 100, 0.8, 0.7, {"test": {"own-predictions": 0.4}})
    for step in (10, 20, 30)
)
COURSE = Course(np.zeros(40), np.zeros(41), MEASURED, (), 1, 1.0, 1600, 400, False)


def said(step: int, word: str, value: float) -> Claim:
    part = "test" if "test" in word else "train"
    text = f"{word} {value:.4f}"
    return claim("printed", "loss", part=part, step=step, value=float(f"{value:.4f}"), text=text)


def mixed(word: str, figures: list[float]) -> list[str | None]:
    claims = [said(step, word, value) for step, value in zip((10, 20, 30), figures, strict=True)]
    return [claim.code for claim in told_as_mixed_up(COURSE, claims)]


def test_test_figures_of_the_train_rows() -> None:
    assert mixed("test loss", [0.50, 0.40, 0.30]) == ["loop-tests-on-train"] * 3


def test_a_test_loss_against_the_models_own_predictions() -> None:
    assert mixed("test loss", [0.4, 0.4, 0.4])[::2] == ["loop-test-loss-against-predictions"] * 2


@pytest.mark.parametrize(
    ("word", "figures"),
    [
        ("test loss", [0.55, 0.45, 0.35]),
        ("train loss", [0.50, 0.40, 0.30]),
        ("test loss", [0.50, 0.45, 0.35]),
        ("test loss", [0.50, 0.40, 0.35]),
        ("test loss", [0.51, 0.41, 0.31]),
    ],
    ids=["the right ones", "called train figures", "one of three by chance", "two of three", "neither"],
)
def test_other_figures_stay_as_they_were_judged(word: str, figures: list[float]) -> None:
    assert mixed(word, figures) == [None] * 3


# ---------------------------------------------------------------- naming and pricing


@pytest.mark.parametrize(
    ("code", "cost"),
    [
        ("metric-softmax-on-one-output", "fail"),
        ("metric-wrong-axis", "part"),
        ("loop-tests-on-train", "fail"),
        ("loop-test-loss-against-predictions", "part"),
    ],
)
def test_each_slip_has_its_price(code: str, cost: str) -> None:
    (mistake,) = seen(told(*SOUND, slip(code), task="nonlinear"))
    assert (mistake.code, dict(mistake.costs)) == (code, {"ex7.reports": cost})


def test_what_a_slip_makes_of_other_accuracies_is_not_told_again() -> None:
    untrue = claim("printed", "accuracy", verdict="untrue")
    assert codes(told(*SOUND, slip("metric-rounds-logits"), untrue)) == ["metric-rounds-logits"]
    about_loss = claim("printed", "loss", verdict="untrue")
    assert "metric-untrue" in codes(told(*SOUND, slip("metric-rounds-logits"), about_loss))


def test_a_comparison_that_raised_is_told_and_explains_its_cell() -> None:
    line = Comparison(Where(cell=9, line=4), 9, (200,), (4,), (), raised=True, slip="metric-wrong-axis")
    (mistake,) = seen(with_task("blobs", reports=reports(comparisons=(line,))))
    assert (mistake.code, mistake.where, mistake.explains) == ("metric-wrong-axis", line.where, {9})


def test_losses_kept_with_their_graphs_are_a_warning() -> None:
    kept = replace(claim("kept", "loss"), with_graph=20, text="losses")
    (mistake,) = seen(told(*SOUND, kept))
    assert (mistake.code, dict(mistake.costs)) == ("metric-keeps-graph", {})
    assert "`losses`" in mistake.message


def test_one_last_loss_with_its_graph_is_nothing() -> None:
    assert codes(told(*SOUND, replace(claim("kept", "loss"), with_graph=1))) == []


def test_figures_at_one_moment_only_are_no_report() -> None:
    once = with_task("baseline", reports=reports(printed_steps=(200,)))
    assert codes(once) == ["metric-not-reported"]


@pytest.mark.parametrize(("task", "check"), [("nonlinear", "ex7.reports"), ("blobs", "ex9.reports")])
def test_where_other_forms_will_do_only_their_absence_is_silence(task: str, check: str) -> None:
    (mistake,) = seen(with_task(task, reports=reports(claims=())))
    assert (mistake.code, dict(mistake.costs)) == ("metric-not-reported", {check: "fail"})
    assert codes(with_task(task, reports=reports(claims=SOUND[2:]))) == []
