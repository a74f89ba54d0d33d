"""Checks about data parts, models, losses and optimizers, each on the excellent submission with one thing changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grader.model.evidence import ClassDefinition, Evidence, LinearLayer
from grader.model.grade import Outcome
from grader.model.reported import Reports
from grader.model.submission import Where
from tests.check.building import (
    assignment,
    excellent,
    found,
    model,
    optimizer,
    split_of,
    with_model,
    with_optimizer,
    with_page,
    with_run,
    with_split,
    with_task,
    without_run,
    without_split,
)

CIRCLES = excellent().datasets["circles"]
BASELINE = assignment().task("baseline")
NONLINEAR = assignment().task("nonlinear")

Expected = tuple[float | None, Outcome]
PASSED: Expected = (1.0, Outcome.PASSED)
HALF: Expected = (0.5, Outcome.PARTIAL)
FAILED: Expected = (0.0, Outcome.FAILED)
ABSENT: Expected = (0.0, Outcome.NOT_ATTEMPTED)
UNKNOWN: Expected = (None, Outcome.NOT_GRADED)


def share_and_outcome(check: str, evidence: Evidence) -> Expected:
    finding = found(check, evidence)
    if finding.outcome not in (Outcome.PASSED, Outcome.NOT_GRADED):
        assert finding.expected and finding.actual, "a lost point says what was expected and what was seen"
    return finding.share, finding.outcome


# ---------------------------------------------------------------- exercise 2


def parts(**changes: Any) -> Evidence:
    """The four parts with other facts about each; nothing was trained, so only the arrays speak."""
    split = split_of(CIRCLES)
    names = ("train_features", "test_features", "train_labels", "test_labels")
    evidence = with_split(**{name: replace(getattr(split, name), **changes) for name in names})
    return without_run("nonlinear", without_run("baseline", evidence))


def with_validation_part() -> Evidence:
    order = np.random.default_rng(1).permutation(2000)
    split = split_of(CIRCLES)

    def part(name: str, rows: np.ndarray) -> Any:
        values = CIRCLES.features[rows]
        return replace(split.train_features, name=name, rows=rows, values=values, shape=values.shape)

    three = [part("X_train", order[:1400]), part("X_test", order[1400:1700]), part("X_val", order[1700:])]
    split = replace(
        split, train_features=three[0], test_features=three[1], lost=300, train_labels=None, test_labels=None
    )
    data = replace(CIRCLES, split=split, arrays=tuple(three))
    return replace(excellent(), datasets={**excellent().datasets, "circles": data})


DATA = [
    ("ex2.tensors", excellent(), PASSED),
    ("ex2.tensors", without_split(), ABSENT),
    ("ex2.tensors", parts(), PASSED),
    ("ex2.tensors", parts(container="array", dtype="float64"), FAILED),
    ("ex2.tensors", parts(dtype="torch.int64"), FAILED),
    ("ex2.tensors", parts(dtype="torch.float64"), FAILED),
    (
        "ex2.tensors",
        replace(parts(dtype="torch.float64"), models=(model(BASELINE, dtype="torch.float64"),)),
        PASSED,
    ),
    # arrays that were turned into tensors batch by batch, or whose names were lost: the loop went over them
    (
        "ex2.tensors",
        with_split(train_features=replace(split_of(CIRCLES).train_features, container="array")),
        PASSED,
    ),
    ("ex2.split", excellent(), PASSED),
    ("ex2.split", without_split(), ABSENT),
    ("ex2.split", with_split(tested=0.10), PASSED),
    ("ex2.split", with_split(tested=0.40), PASSED),
    ("ex2.split", with_split(tested=0.05), HALF),
    ("ex2.split", with_split(tested=0.50), HALF),
    ("ex2.split", with_split(test_features=split_of(CIRCLES, 0.1).test_features), FAILED),
    ("ex2.split", with_validation_part(), PASSED),
    ("ex2.aligned", excellent(), PASSED),
    ("ex2.aligned", without_split(), ABSENT),
    ("ex2.aligned", with_split(aligned_train=0.5), FAILED),
    ("ex2.aligned", with_split(aligned_test=0.99), FAILED),
    ("ex2.aligned", with_split(aligned_train=None, aligned_test=None), PASSED),
    ("ex2.aligned", with_split(overlap=3), FAILED),
    ("ex2.aligned", with_split(lost=3), FAILED),
    ("ex2.aligned", with_split(lost=3, source="training"), PASSED),
    ("ex2.aligned", with_validation_part(), PASSED),
]


@pytest.mark.parametrize(("check", "evidence", "expected"), DATA)
def test_data(check: str, evidence: Evidence, expected: Expected) -> None:
    assert share_and_outcome(check, evidence) == expected


# ---------------------------------------------------------------- models


def no_model(name: str) -> Evidence:
    return without_run(name, model=None, models=())


def opaque(name: str, why: str = "its path depends on the values it is given", **changes: Any) -> Evidence:
    """A model that could not be followed outside."""
    facts: dict[str, Any] = {
        "input_width": None,
        "output_width": None,
        "linear_layers": (),
        "affine": None,
        "affine_before_output": None,
        "how": "unreadable",
        "unreadable": why,
    }
    return with_model(name, **{**facts, **changes})


SIGMOID_AT_THE_END = {"affine": False, "affine_before_output": True, "output_activation": "sigmoid"}
BENT = {"affine": False, "affine_before_output": False, "hidden_activations": ("ReLU",)}

MODELS = [
    ("ex3.module", excellent(), PASSED),
    ("ex3.module", no_model("baseline"), ABSENT),
    ("ex3.module", with_model("baseline", input_width=3), FAILED),
    ("ex3.module", with_model("baseline", output_width=2), FAILED),
    (
        "ex3.module",
        with_run("baseline", with_model("baseline", output_width=2), loss_kind="cross-entropy"),
        PASSED,
    ),
    (
        "ex3.module",
        with_run("baseline", with_model("baseline", output_width=3), loss_kind="cross-entropy"),
        FAILED,
    ),
    ("ex3.module", with_model("baseline", linear_layers=(LinearLayer(2, 1),)), PASSED),
    ("ex3.module", opaque("baseline"), PASSED),  # its outputs were seen in the loop
    ("ex3.module", with_run("baseline", opaque("baseline"), output_shape=(1600,)), PASSED),
    ("ex3.module", with_run("baseline", opaque("baseline"), output_shape=(1600, 3)), FAILED),
    ("ex3.module", with_run("baseline", opaque("baseline"), output_shape=None), UNKNOWN),
    ("ex3.module", without_run("baseline", opaque("baseline")), UNKNOWN),
    (
        "ex3.module",
        without_run("baseline", opaque("baseline", "its forward pass raised an error")),
        FAILED,
    ),
    ("ex3.module", without_run("baseline", opaque("baseline", "it was never called")), FAILED),
    ("ex3.module", without_run("baseline", opaque("baseline", "it makes new layers at every call")), FAILED),
    ("ex6.module", excellent(), PASSED),
    ("ex6.module", with_model("nonlinear", linear_layers=(LinearLayer(2, 1),)), FAILED),
    ("ex6.module", with_model("nonlinear", linear_layers=(), how="predictions"), PASSED),
    ("ex3.layers", excellent(), PASSED),
    ("ex3.layers", no_model("baseline"), ABSENT),
    ("ex3.layers", with_model("baseline", linear_layers=(LinearLayer(2, 1),)), FAILED),
    ("ex3.layers", with_model("baseline", linear_layers=(LinearLayer(2, 2),) * 3), FAILED),
    ("ex3.layers", with_model("baseline", linear_layers=()), FAILED),
    (
        "ex3.layers",
        with_model("baseline", linear_layers=(LinearLayer(2, 1),), unused_layers=("a.weight", "a.bias")),
        HALF,
    ),
    (
        "ex3.layers",
        with_model("baseline", linear_layers=(), unused_layers=("a.weight", "a.bias")),
        FAILED,
    ),
    ("ex3.layers", opaque("baseline"), UNKNOWN),
    ("ex3.layers", with_model("baseline", how="predictions"), UNKNOWN),
    ("ex3.affine", excellent(), PASSED),
    ("ex3.affine", no_model("baseline"), ABSENT),
    ("ex3.affine", with_model("baseline", **SIGMOID_AT_THE_END), HALF),
    ("ex3.affine", with_model("baseline", **{**SIGMOID_AT_THE_END, "output_activation": "relu"}), FAILED),
    ("ex3.affine", with_model("baseline", **BENT), FAILED),
    ("ex3.affine", opaque("baseline"), UNKNOWN),
    ("ex6.nonlinear", excellent(), PASSED),
    ("ex6.nonlinear", no_model("nonlinear"), ABSENT),
    ("ex6.nonlinear", with_model("nonlinear", affine=True, affine_before_output=True), FAILED),
    ("ex6.nonlinear", with_model("nonlinear", **SIGMOID_AT_THE_END), FAILED),
    ("ex6.nonlinear", opaque("nonlinear"), UNKNOWN),
    ("ex6.logits", excellent(), PASSED),
    ("ex6.logits", no_model("nonlinear"), ABSENT),
    ("ex6.logits", with_model("nonlinear", output_activation="sigmoid"), FAILED),
    (
        "ex6.logits",
        with_run("nonlinear", with_model("nonlinear", output_activation="sigmoid"), loss_kind="bce"),
        PASSED,
    ),
    ("ex6.logits", with_model("nonlinear", output_activation="relu"), FAILED),
    ("ex6.logits", without_run("nonlinear", with_model("nonlinear", output_activation="sigmoid")), FAILED),
    (
        "ex6.logits",
        with_run("nonlinear", with_model("nonlinear", output_activation="log_softmax"), loss_kind="nll"),
        PASSED,
    ),
    ("ex6.logits", opaque("nonlinear"), UNKNOWN),
    ("ex6.logits", opaque("nonlinear", "its forward pass raised an error"), FAILED),
    ("ex9.model", excellent(), PASSED),
    ("ex9.model", no_model("blobs"), ABSENT),
    ("ex9.model", with_model("blobs", output_width=3), FAILED),
    ("ex9.model", with_model("blobs", output_width=1), FAILED),
    ("ex9.model", with_model("blobs", output_width=2), FAILED),
    ("ex9.model", with_model("blobs", linear_layers=(LinearLayer(2, 4),), affine=True), PASSED),
]


@pytest.mark.parametrize(("check", "evidence", "expected"), MODELS)
def test_models(check: str, evidence: Evidence, expected: Expected) -> None:
    assert share_and_outcome(check, evidence) == expected


def named(class_name: str, *definitions: tuple[str, int], cells: tuple[int, ...] = (3,)) -> Evidence:
    """A baseline of this class name, and where classes were defined: (name, cell)."""
    classes = tuple(ClassDefinition(name, Where(cell=cell, line=1)) for name, cell in definitions)
    evidence = replace(with_model("baseline", class_name=class_name), classes=classes)
    return with_page(3, evidence, cells=cells)


NAMES = [
    (named("Mine", ("Perceptron", 0), ("Mine", 3)), PASSED),
    (named("Perceptron", ("Perceptron", 0), ("Perceptron", 3)), FAILED),
    (named("Sequential", ("Perceptron", 0)), PASSED),
    (named("Net", ("Net", 2), ("Net", 3)), FAILED),
    # a second try of the same exercise, in its own cells, shadows nothing of an earlier exercise
    (named("Net", ("Net", 2), ("Net", 3), cells=(2, 3)), PASSED),
    # a class that a later exercise defines again is that exercise's affair
    (named("Net", ("Net", 3), ("Net", 6)), PASSED),
    (no_model("baseline"), ABSENT),
]


@pytest.mark.parametrize(("evidence", "expected"), NAMES)
def test_a_name_of_its_own(evidence: Evidence, expected: Expected) -> None:
    assert share_and_outcome("ex3.own-name", evidence) == expected


# ---------------------------------------------------------------- losses and optimizers


def loss_made(name: str, *classes: str) -> Evidence:
    """No training; these loss classes were made."""
    return without_run(name, loss_modules=tuple((each, Where(cell=4, line=2)) for each in classes))


def no_optimizer(name: str) -> Evidence:
    return without_run(name, optimizers=())


def by_hand(name: str, **changes: Any) -> Evidence:
    """The loop moves the parameters itself; nothing of torch.optim is there."""
    bare = with_task(name, optimizers=())
    return with_run(name, bare, **{"optimizers": (), "steps": 0, "moved": True, **changes})


def never_backward(name: str, **changes: Any) -> Evidence:
    """Its loss, a function's, has no graph; what it reports is true."""
    silent = with_run(name, loss_kind="unknown", backwards=0)
    return with_task(name, silent, loss_modules=(), **changes)


LOSSES = [
    ("ex4.loss", excellent(), PASSED),
    ("ex4.loss", with_run("baseline", loss_kind="bce"), (0.6, Outcome.PARTIAL)),
    ("ex4.loss", with_run("baseline", loss_kind="mse"), HALF),
    ("ex4.loss", with_run("baseline", loss_kind="cross-entropy"), HALF),
    ("ex4.loss", with_run("baseline", loss_kind="other"), HALF),
    # what trained the model counts, not what was made and left
    ("ex4.loss", with_run("baseline", loss_made("nonlinear"), loss_kind="mse"), HALF),
    ("ex4.loss", with_run("baseline", loss_kind="unknown"), PASSED),
    ("ex4.loss", loss_made("baseline", "BCEWithLogitsLoss"), PASSED),
    ("ex4.loss", loss_made("baseline", "MSELoss", "BCEWithLogitsLoss"), PASSED),
    ("ex4.loss", loss_made("baseline", "BCELoss"), (0.6, Outcome.PARTIAL)),
    ("ex4.loss", loss_made("baseline", "TripletMarginLoss"), HALF),
    ("ex4.loss", loss_made("baseline"), ABSENT),
    ("ex9.loss", excellent(), PASSED),
    ("ex9.loss", with_run("blobs", loss_kind="nll"), HALF),
    ("ex9.loss", with_run("blobs", loss_kind="bce-with-logits"), HALF),
    ("ex9.loss", loss_made("blobs"), ABSENT),
    ("ex4.optimizer", excellent(), PASSED),
    ("ex4.optimizer", with_optimizer("baseline", class_name="Adam"), HALF),
    ("ex4.optimizer", no_optimizer("baseline"), ABSENT),
    ("ex4.optimizer", without_run("baseline"), PASSED),  # made, never used
    ("ex4.learning-rate", excellent(), PASSED),
    ("ex4.learning-rate", with_optimizer("baseline", settings={"lr": 0.01}), FAILED),
    ("ex4.learning-rate", with_optimizer("baseline", settings={}), FAILED),
    ("ex4.learning-rate", with_optimizer("baseline", settings={"lr": "0.1"}), FAILED),
    ("ex4.learning-rate", with_optimizer("baseline", class_name="Adam", settings={"lr": 0.01}), PASSED),
    ("ex4.learning-rate", with_optimizer("baseline", class_name="Adam", settings={"lr": 1e-7}), FAILED),
    ("ex4.learning-rate", with_optimizer("baseline", class_name="Adam", settings={"lr": 3}), FAILED),
    ("ex4.learning-rate", no_optimizer("baseline"), ABSENT),
    ("ex4.parameters", excellent(), PASSED),
    ("ex4.parameters", with_optimizer("baseline", parameters=("first.weight",)), HALF),
    ("ex4.parameters", with_optimizer("baseline", model="m-nonlinear"), FAILED),
    ("ex4.parameters", with_optimizer("baseline", model=None), FAILED),
    ("ex4.parameters", with_model("baseline", trainable=("last.weight", "last.bias")), PASSED),
    ("ex4.parameters", no_optimizer("baseline"), ABSENT),
    ("ex4.parameters", without_run("baseline", model=None), ABSENT),
    ("ex7.optimizer", excellent(), PASSED),
    ("ex7.optimizer", with_optimizer("nonlinear", model="m-baseline"), FAILED),
    ("ex7.optimizer", no_optimizer("nonlinear"), ABSENT),
    ("ex7.optimizer", by_hand("nonlinear"), PASSED),
    ("ex7.optimizer", by_hand("nonlinear", unmoved=("first.weight", "first.bias")), HALF),
    ("ex7.optimizer", by_hand("nonlinear", moved=False), ABSENT),
    ("ex7.optimizer", by_hand("nonlinear", model="m-baseline"), ABSENT),
    ("ex7.optimizer", by_hand("nonlinear", steps=100), ABSENT),
    ("ex9.loss", never_backward("blobs"), PASSED),
    ("ex9.loss", never_backward("blobs", reports=Reports()), ABSENT),
    ("ex4.loss", never_backward("baseline"), PASSED),
]


@pytest.mark.parametrize(("check", "evidence", "expected"), LOSSES)
def test_losses_and_optimizers(check: str, evidence: Evidence, expected: Expected) -> None:
    assert share_and_outcome(check, evidence) == expected


def test_the_optimizer_that_trained_is_judged_before_one_that_was_only_made() -> None:
    spare = optimizer(NONLINEAR, id="o-spare", model="m-nonlinear", parameters=("first.weight",))
    both = with_task("nonlinear", optimizers=(optimizer(NONLINEAR), spare))
    assert found("ex7.optimizer", both).share == 1.0
    assert found("ex7.optimizer", without_run("nonlinear", both)).share == 0.5
