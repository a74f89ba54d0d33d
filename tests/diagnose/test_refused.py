"""Exceptions that a named mistake explains, as the library raises them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from grader.model.evidence import Evidence
from grader.model.failure import Failure, LibraryCall, Operand
from grader.model.submission import Where
from tests.check.building import excellent, with_model
from tests.diagnose.scenes import seen

LOSS = "torch.nn.functional."


def tensor(*shape: int, dtype: str = "float32", grad: bool = False) -> Operand:
    return Operand("Tensor", shape, f"torch.{dtype}", grad)


def module(name: str, family: str, own_init: bool = True) -> Operand:
    return Operand(name, family=family, own_init=own_init)


def call(function: str, **operands: Operand) -> LibraryCall:
    return LibraryCall(function, operands)


def loss(name: str, given: Operand, target: Operand) -> LibraryCall:
    return call(LOSS + name, input=given, target=target)


def failing(exercise: int | None, error: str, message: str, *calls: LibraryCall, **changes: Any) -> Evidence:
    place = Where(cell=7, line=3)
    failure = Failure(7, place, exercise, error, message, calls)
    return replace(changes.get("evidence", excellent()), failures=(failure,))


def without_parameters() -> Evidence:
    evidence = with_model("nonlinear", parameters=(), trainable=(), loose_layers=True)
    model = evidence.tasks["nonlinear"].model
    assert model is not None
    return replace(evidence, models=(model,))


LOGITS, FLAT = tensor(1600, 1, grad=True), tensor(1600, grad=True)
SCORES = tensor(800, 4, grad=True)
GETATTR = "torch.nn.modules.module.Module.__getattr__"

REFUSED = {
    "before-super-init": (
        failing(3, "AttributeError", "cannot assign module before Module.__init__() call"),
        ("model-missing-super-init", 3),
    ),
    "misspelt-init": (
        failing(
            6,
            "AttributeError",
            "'Net' object has no attribute 'layer'",
            call(GETATTR, self=module("Net", "own", own_init=False)),
        ),
        ("model-missing-super-init", 6),
    ),
    "nothing-to-train": (
        failing(
            7,
            "ValueError",
            "optimizer got an empty parameter list",
            evidence=without_parameters(),
        ),
        ("model-layers-unregistered", 6),
    ),
    "class-in-sequential": (
        failing(
            6,
            "TypeError",
            "torch.nn.modules.activation.ReLU is not a Module subclass",
            call(
                "torch.nn.modules.module.Module.add_module",
                module=Operand("type", class_name="ReLU", family="activation"),
            ),
        ),
        ("model-activation-not-instance", 6),
    ),
    "activation-as-data": (
        failing(
            7,
            "TypeError",
            "linear(): argument 'input' (position 1) must be Tensor, not ReLU",
            call(
                "torch.nn.modules.linear.Linear.forward",
                self=module("Linear", "torch"),
                input=module("ReLU", "activation"),
            ),
        ),
        ("model-activation-not-instance", 6),
    ),
    "loss-class-called": (
        failing(
            5,
            "RuntimeError",
            "Boolean value of Tensor with more than one value is ambiguous",
            call(
                "torch.nn.modules.loss.BCEWithLogitsLoss.__init__",
                self=module("BCEWithLogitsLoss", "loss"),
                weight=LOGITS,
            ),
        ),
        ("loss-not-instance", 4),
    ),
    "labels-first": (
        failing(
            9,
            "NotImplementedError",
            "not implemented for 'Long'",
            loss("cross_entropy", tensor(800, dtype="int64"), SCORES),
        ),
        ("loss-arguments-swapped", 9),
    ),
    "float64-rows": (
        failing(
            5,
            "RuntimeError",
            "mat1 and mat2 must have the same dtype, but got Double and Float",
            call("torch.nn.modules.linear.Linear.forward", input=tensor(1600, 2, dtype="float64")),
        ),
        ("data-wrong-dtype", 2),
    ),
    "whole-labels-for-bce": (
        failing(
            5,
            "RuntimeError",
            "result type Float can't be cast to the desired output type Long",
            loss("binary_cross_entropy_with_logits", FLAT, tensor(1600, dtype="int64")),
        ),
        ("data-wrong-dtype", 2),
    ),
    "widths": (
        failing(6, "RuntimeError", "mat1 and mat2 shapes cannot be multiplied (4x8 and 16x1)"),
        ("model-wrong-width", 6),
    ),
    "column-against-flat": (
        failing(
            5,
            "ValueError",
            "Target size must be the same",
            loss("binary_cross_entropy_with_logits", LOGITS, tensor(1600)),
        ),
        ("loss-shape-mismatch", 5),
    ),
    "two-outputs": (
        failing(
            5,
            "ValueError",
            "Target size must be the same",
            loss("binary_cross_entropy_with_logits", tensor(1600, 2, grad=True), tensor(1600)),
        ),
        ("model-wrong-width", 3),
    ),
    "logits-into-bce": (
        failing(
            5,
            "RuntimeError",
            "all elements of input should be between 0 and 1",
            loss("binary_cross_entropy", FLAT, tensor(1600)),
        ),
        ("loss-bce-on-logits", 4),
    ),
    "one-score": (
        failing(5, "IndexError", "Target 1 is out of bounds.", loss("cross_entropy", LOGITS, tensor(1600))),
        ("loss-one-column-ce", 4),
    ),
    "three-outputs": (
        failing(
            9,
            "IndexError",
            "Target 3 is out of bounds.",
            loss("cross_entropy", tensor(800, 3, grad=True), tensor(800, dtype="int64")),
        ),
        ("loss-class-count", 9),
    ),
    "argmax": (
        failing(
            9,
            "RuntimeError",
            "Expected floating point type for target",
            loss("cross_entropy", tensor(800), tensor(800, dtype="int64")),
        ),
        ("loss-on-argmax", 9),
    ),
    "float-class-numbers": (
        failing(
            9, "RuntimeError", "expected target dtype to be Long", loss("cross_entropy", SCORES, tensor(800))
        ),
        ("loss-target-type", 9),
    ),
    "one-hot-whole-numbers": (
        failing(
            9,
            "RuntimeError",
            "Expected floating point type",
            loss("cross_entropy", SCORES, tensor(800, 4, dtype="int64")),
        ),
        ("loss-target-type", 9),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_named_and_explains_its_cell(case: str) -> None:
    evidence, expected = REFUSED[case]
    found = [m for m in seen(evidence) if m.explains]
    assert [(m.code, m.exercise) for m in found] == [expected]
    assert found[0].explains == {7}


@pytest.mark.parametrize(
    "evidence",
    [
        failing(5, "ZeroDivisionError", "division by zero"),
        failing(
            5, "AttributeError", "'Net' object has no attribute 'x'", call(GETATTR, self=module("Net", "own"))
        ),
        failing(
            9, "RuntimeError", "out of memory", loss("cross_entropy", SCORES, tensor(800, dtype="int64"))
        ),
    ],
)
def test_what_no_named_mistake_explains_stays_an_error(evidence: Evidence) -> None:
    assert not [m for m in seen(evidence) if m.explains]


def test_a_file_without_markers_gives_the_failure_to_the_first_task_that_never_trained() -> None:
    evidence = failing(None, "AttributeError", "cannot assign module before Module.__init__() call")
    tasks = {
        **evidence.tasks,
        "nonlinear": replace(evidence.tasks["nonlinear"], run=None, runs=(), models=()),
    }
    found = [m for m in seen(replace(evidence, tasks=tasks)) if m.explains]
    assert [(m.code, m.exercise) for m in found] == [("model-missing-super-init", 6)]
