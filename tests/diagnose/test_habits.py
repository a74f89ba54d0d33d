"""Seeds and scalings of a split, losses taken on the wrong thing, and mistakes that follow from others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grader.diagnose.seeds import shuffles_unseeded
from grader.evidence.loss_operands import rounds, swapped, taken_on_classes
from grader.evidence.losses import LossView
from grader.evidence.raw import RawOperation
from grader.model.evidence import Evidence
from grader.model.failure import Failure
from grader.model.submission import Cell, Submission
from tests.check.building import excellent, with_run, with_split
from tests.diagnose.scenes import codes, seen


def notebook(*sources: str) -> Submission:
    cells = tuple(Cell(kind="code", source=text, number=n) for n, text in enumerate(sources, 1))
    return Submission("a.ipynb", Path("a.ipynb"), "0", "notebook", cells)


@pytest.mark.parametrize(
    ("cells", "unseeded"),
    [
        (["a = train_test_split(X, y)"], True),
        (["a = train_test_split(X, y, random_state=None)"], True),
        (["X, y = make_circles(2000, random_state=42)", "a = train_test_split(X, y)"], True),
        (["order = torch.randperm(2000)"], True),
        (["a = train_test_split(X, y, random_state=SEED)"], False),
        (["a = train_test_split(X, y, **options)"], False),
        (["np.random.seed(1)", "a = train_test_split(X, y)"], False),
        (["g = torch.Generator().manual_seed(3)\np = torch.randperm(9, generator=g)"], False),
        (["a = my_split(X, y)"], False),
    ],
)
def test_a_shuffle_is_seeded_or_not(cells: list[str], unseeded: bool) -> None:
    assert shuffles_unseeded(notebook(*cells), len(cells)) is unseeded


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.6)", "data-split-size"),
        ("X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.2)", "data-split-size"),
        (
            "X_test, X_train, y_test, y_train = train_test_split(X, y, test_size=0.2)",
            "data-split-unpacked-wrong",
        ),
        (
            "X_test, X_train, y_test, y_train = train_test_split(X, y, train_size=0.8)",
            "data-split-unpacked-wrong",
        ),
        (
            "X_test, X_train, y_test, y_train = train_test_split(X, y, test_size=400)",
            "data-split-unpacked-wrong",
        ),
        ("X_train, X_test, y_train, y_test = my_split(X, y", "data-split-unpacked-wrong"),
    ],
)
def test_a_small_train_part_was_asked_for_or_is_unpacked_in_the_wrong_order(source: str, code: str) -> None:
    evidence = with_split(tested=0.8, small_train=True)
    evidence = replace(evidence, submission=notebook("", source))
    found = {m.code for m in seen(evidence) if m.code.startswith("data-split-") and m.exercise == 2}
    assert found - {"data-split-unseeded"} == {code}


def scaled_by(rows: np.ndarray) -> Evidence:
    evidence = excellent()
    circles = evidence.datasets["circles"]
    assert circles.split is not None
    scale = 1 / rows.std(axis=0)
    train = replace(circles.split.train_features, scale=scale, shift=-rows.mean(axis=0) * scale)
    circles = replace(circles, split=replace(circles.split, train_features=train))
    return replace(evidence, datasets={**evidence.datasets, "circles": circles})


def test_a_scaler_that_saw_the_test_rows_is_warned_of() -> None:
    circles = excellent().datasets["circles"]
    found = [m for m in seen(scaled_by(circles.features)) if m.code == "data-scaler-sees-test"]
    assert [(m.exercise, m.severity) for m in found] == [(2, "warn")]


def test_a_scaler_fitted_on_the_train_rows_is_right() -> None:
    circles = excellent().datasets["circles"]
    assert circles.split is not None and circles.split.train_features.rows is not None
    assert "data-scaler-sees-test" not in codes(
        scaled_by(circles.features[circles.split.train_features.rows])
    )


@pytest.mark.parametrize(
    ("changes", "code", "costs"),
    [
        ({"swapped": True}, "loss-arguments-swapped", {"ex5.learns": "fail"}),
        ({"hard_labels": "rounded"}, "loss-on-rounded", {"ex5.learns": "fail"}),
        ({"hard_labels": "argmax"}, "loss-on-argmax", {"ex4.loss": "fail"}),
    ],
)
def test_what_the_loss_was_taken_on(changes: dict[str, object], code: str, costs: dict[str, str]) -> None:
    found = {m.code: m for m in seen(with_run("baseline", **changes))}
    assert dict(found[code].costs) == costs


def test_an_optimizer_built_again_and_again_is_warned_of() -> None:
    run = excellent().tasks["baseline"].run
    assert run is not None
    one = run.optimizers[0]
    many = tuple(replace(one, id=f"o{n}") for n in range(5))
    assert "optimizer-rebuilt" in codes(with_run("baseline", optimizers=many))
    assert "optimizer-rebuilt" not in codes(with_run("baseline", optimizers=many[:2]))


def test_a_loss_cut_off_by_rounding_is_one_mistake_and_explains_its_error() -> None:
    evidence = with_run("baseline", hard_labels="rounded", cut_off=True, steps=0, moved=False)
    message = "element 0 of tensors does not require grad and does not have a grad_fn"
    failure = Failure(6, None, 5, "RuntimeError", message)
    found = {m.code: m for m in seen(replace(evidence, failures=(failure,)))}
    assert "loop-loss-rewrapped" not in found
    assert found["loss-on-rounded"].explains == {6}


def operation(name: str, *depends: bool) -> RawOperation:
    return RawOperation(op=name, depends=list(depends))


def test_gradients_by_way_of_the_targets_alone_are_swapped_arguments() -> None:
    assert swapped([operation("BinaryCrossEntropyWithLogitsBackward0", False, True)])
    assert not swapped([operation("BinaryCrossEntropyWithLogitsBackward0", True, False)])
    assert not swapped([operation("MseLossBackward0", False, True)])


def test_a_step_function_before_the_loss_is_seen() -> None:
    assert rounds([operation("MseLossBackward0"), operation("RoundBackward0")])
    assert not rounds([operation("MseLossBackward0"), operation("SigmoidBackward0")])


def test_a_loss_tells_by_its_value_what_it_was_taken_on() -> None:
    outputs = np.array([[-2.0], [0.3], [1.5], [-0.1]])
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    view = LossView("unknown", "none", 0.0)
    assert taken_on_classes(0.5, outputs, labels, view) == "rounded"  # half of the classes are right, by MSE
    plain = float(np.mean((outputs[:, 0] - labels) ** 2))
    assert taken_on_classes(plain, outputs, labels, view) is None
