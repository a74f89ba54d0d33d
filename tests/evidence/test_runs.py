"""What a training run did, from its events: resets, steps, rows, figures, accuracy on new data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from grader.evidence.datasets import RowFinder, make_rows
from grader.evidence.run_rows import Data
from grader.evidence.runs import Run, read_optimizers, read_runs
from grader.model.evidence import OptimizerEvidence
from grader.model.submission import Where
from tests.check.building import assignment, excellent
from tests.evidence.building import detail, events, run_event

SPEC = assignment().dataset("circles")
ROWS = make_rows(SPEC)
SPLIT = excellent().datasets["circles"].split
assert SPLIT is not None and SPLIT.train_features.rows is not None
TRAIN = SPLIT.train_features.rows


def data(split: Any = SPLIT) -> dict[str, Data]:
    return {"circles": Data(SPEC, RowFinder(ROWS), split)}


def read(event: dict[str, Any], split: Any = SPLIT, **tensors: Any) -> Run:
    (run,) = read_runs(events(event, **tensors), {}, {}, data(split))
    return run


def steps(*details: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return run_event(details=list(details), **changes)


# ---------------------------------------------------------------- gradients


def test_a_sound_loop() -> None:
    evidence = read(run_event(losses="l"), l=np.array([0.7, 0.6, 0.5], dtype=np.float32)).evidence
    assert (evidence.reset, evidence.reset_before_step, evidence.moved, evidence.cut_off) == (
        True,
        False,
        True,
        False,
    )
    assert (evidence.loss_kind, evidence.broadcast, evidence.finite) == ("bce-with-logits", False, True)
    assert evidence.losses == pytest.approx([0.7, 0.6, 0.5])
    assert (evidence.output_shape, evidence.target_shape, evidence.target_dtype) == (
        (1600,),
        (1600,),
        "torch.float32",
    )
    assert evidence.where == Where(cell=5, line=7)


def test_gradients_that_were_there_already_were_never_reset() -> None:
    run = steps(detail(0), detail(1, "S", grads_before=0.3), detail(2, "S", grads_before=0.6), order="BSBSBS")
    assert read(run).evidence.reset is False


@pytest.mark.parametrize("empty", [None, 0.0])
def test_gradients_set_to_zero_or_to_none_are_empty(empty: float | None) -> None:
    run = steps(detail(0), detail(1, "Z", grads_before=empty), detail(2, "Z", grads_before=empty))
    assert read(run).evidence.reset is True


def test_gradients_added_up_on_purpose_are_no_missing_reset() -> None:
    run = steps(detail(0), detail(1, "B", grads_before=0.3), detail(2, "Z"), detail(3, "B", grads_before=0.2))
    assert read(run).evidence.reset is True


@pytest.mark.parametrize(("grads", "reset"), [(None, True), (0.4, False)])
def test_steps_made_by_hand_begin_a_cycle_where_weights_moved(grads: float | None, reset: bool) -> None:
    run = steps(detail(0, None), detail(1, "B", grads_before=grads), steps=0, order="BBB")
    assert read(run).evidence.reset is reset


def test_one_step_alone_tells_nothing_about_resets() -> None:
    assert read(steps(detail(0))).evidence.reset is None
    assert read(steps()).evidence.reset is None


def test_gradients_wiped_before_the_step() -> None:
    wiped = [detail(n, "S", grads_at_step=0.0, moved=False) for n in range(3)]
    assert read(steps(*wiped, order="BZSBZSBZS")).evidence.reset_before_step
    assert not read(steps(*wiped, order="ZBSZBSZBS")).evidence.reset_before_step
    assert not read(run_event(order="BZSBZSBZS")).evidence.reset_before_step


def test_a_model_that_moved_only_in_the_end_moved() -> None:
    still = [detail(n, moved=False) for n in range(3)]
    assert read(steps(*still)).evidence.moved is False
    assert read(steps(*still, moved_at_end=True)).evidence.moved is True
    assert read(steps(detail(0, moved=None))).evidence.moved is None


def test_a_loss_that_reaches_no_parameter_is_cut_off() -> None:
    assert read(steps(*(detail(n, reached=0) for n in range(3)))).evidence.cut_off
    assert not read(steps(detail(0, reached=0), detail(1))).evidence.cut_off
    assert not read(steps()).evidence.cut_off


@pytest.mark.parametrize(
    ("changes", "detached"),
    [
        ({"grad": False, "leaf": True}, True),
        ({"outputs_grad": False, "leaf": True}, True),
        ({"leaf": False}, True),
        ({"leaf": True}, False),
        ({"leaf": False, "reached": 4}, False),
    ],
)
def test_outputs_were_cut_off_unless_the_loss_itself_was_made_anew(
    changes: dict[str, Any], detached: bool
) -> None:
    run = read(steps(*(detail(n, **{"reached": 0, **changes}) for n in range(3))))
    assert run.evidence.outputs_detached is detached


@pytest.mark.parametrize(("last", "finite"), [(0.5, True), (np.nan, False), (np.inf, False)])
def test_losses_that_are_no_numbers(last: float, finite: bool) -> None:
    assert read(run_event(losses="l"), l=np.array([0.7, 0.6, last])).evidence.finite is finite


def test_outputs_spread_against_targets() -> None:
    spread = {"op": "MseLossBackward0", "saved": {"self": {"shape": [32, 32]}}}
    fitting = {"op": "MseLossBackward0", "saved": {"self": {"shape": [32, 1]}}}
    column = detail(0, output_shape=[32, 1])
    assert read(steps(column, head=[spread])).evidence.broadcast
    assert not read(steps(column, head=[fitting])).evidence.broadcast
    assert not read(steps(detail(0, output_shape=None), head=[spread])).evidence.broadcast


# ---------------------------------------------------------------- rows


def test_the_rows_that_went_in_are_recognised_with_their_labels() -> None:
    run = read(
        run_event(rows="x", targets="y", batch_rows="b"),
        x=ROWS.features[TRAIN].astype(np.float32), y=ROWS.labels[TRAIN][:, None], b=np.array([32, 32, 32]),
    )  # fmt: skip
    assert (run.evidence.dataset, run.evidence.label_agreement, run.evidence.steps_per_epoch) == (
        "circles",
        1.0,
        50,
    )
    assert run.evidence.train_rows is not None and (run.evidence.train_rows == TRAIN).all()
    assert run.train is not None and run.test is not None
    assert (len(run.train[0]), len(run.test[0])) == (1600, 400)


def test_labels_that_were_shuffled_agree_by_chance() -> None:
    run = read(run_event(rows="x", targets="y"), x=ROWS.features[TRAIN], y=ROWS.labels[TRAIN][::-1])
    assert run.evidence.label_agreement is not None and 0.4 < run.evidence.label_agreement < 0.6


def test_one_hot_targets_are_labels() -> None:
    run = read(run_event(rows="x", targets="y"), x=ROWS.features[TRAIN], y=np.eye(2)[ROWS.labels[TRAIN]])
    assert run.evidence.label_agreement == 1.0


def test_scaled_rows_keep_their_scale_for_the_test_part() -> None:
    run = read(run_event(rows="x", targets="y"), x=ROWS.features[TRAIN] * 4 + 1, y=ROWS.labels[TRAIN])
    assert run.match is not None and run.match.scale == pytest.approx([4, 4], rel=1e-4)
    assert run.test is not None and SPLIT is not None
    assert run.test[0] == pytest.approx(SPLIT.test_features.values * 4 + 1, abs=1e-3)


def test_without_a_split_the_rows_only_evaluated_are_the_test_part() -> None:
    held_out = np.arange(1600, 2000)
    evaluation = {"kind": "evaluation", "cell": 5, "model": "m1", "rows": "e"}
    foreign = {**evaluation, "model": "other", "rows": "f"}
    raw = events(
        run_event(rows="x", targets="y"), foreign, evaluation,
        x=ROWS.features[:1600], y=ROWS.labels[:1600], e=ROWS.features[held_out], f=ROWS.features[1700:1900],
    )  # fmt: skip
    (run,) = read_runs(raw, {}, {}, data(split=None))
    assert run.train is not None and len(run.train[0]) == 1600
    assert run.test is not None and len(run.test[0]) == 400


def test_rows_of_no_dataset_are_still_trained_on() -> None:
    strange = np.random.default_rng(3).normal(size=(100, 2)) + 40
    run = read(run_event(rows="x", targets="y"), x=strange, y=np.zeros(100))
    assert (run.evidence.dataset, run.match, run.test) == (None, None, None)
    assert run.train is not None and len(run.train[0]) == 100


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"x": np.zeros(5)},
        {"x": np.zeros((0, 2)), "y": np.zeros(0), "b": np.zeros(0)},
        {"x": ROWS.features[:100], "y": np.zeros(7), "b": np.array([np.nan])},
        {"x": ROWS.features[:100], "y": np.zeros((100, 3)), "b": np.array([0, 0])},
        {"x": ROWS.features[:100], "y": np.array(1.0), "b": np.array([[32, 32]])},
        {"x": np.full((100, 2), np.nan), "y": np.full(100, np.nan), "b": np.array([-1])},
        {"x": ROWS.features[:100], "y": np.full(100, np.inf), "b": np.array([np.inf])},
    ],
)
def test_arrays_that_do_not_fit_are_no_crash(tensors: dict[str, Any]) -> None:
    run = read(run_event(rows="x", targets="y", batch_rows="b", losses="l"), **tensors)
    assert run.evidence.steps_per_epoch is None or run.evidence.steps_per_epoch >= 1


def test_a_loop_without_backward_goes_over_what_it_puts_through_its_model() -> None:
    idle = run_event(backwards=0, order="ZSZSZS", details=[], head=[])
    calls = [
        {"kind": "evaluation", "cell": 5, "model": "m1", "rows": "x", "grad": True, "count": 50},
        {"kind": "evaluation", "cell": 5, "model": "m1", "rows": "e", "grad": True, "count": 5},
        {"kind": "evaluation", "cell": 5, "model": "m1", "rows": "e", "grad": False, "count": 50},
    ]
    test = np.setdiff1d(np.arange(2000), TRAIN)
    raw = events(idle, *calls, x=ROWS.features[TRAIN], e=ROWS.features[test])
    (run,) = read_runs(raw, {}, {}, data())
    assert (run.evidence.dataset, run.evidence.steps_per_epoch) == ("circles", 1)
    assert run.evidence.train_rows is not None and (run.evidence.train_rows == TRAIN).all()


def test_a_loss_that_keeps_no_targets_is_held_against_the_datasets_labels() -> None:
    run = read(run_event(rows="x"), x=ROWS.features[TRAIN])
    assert run.train is not None and (run.train[1] == ROWS.labels[TRAIN]).all()
    assert run.evidence.label_agreement is None


# ---------------------------------------------------------------- many


def test_of_a_run_written_twice_the_last_version_counts() -> None:
    raw = events(run_event("a", backwards=3), run_event("b"), run_event("a", backwards=9))
    assert [(run.evidence.id, run.evidence.backwards) for run in read_runs(raw, {}, {}, data())] == [
        ("a", 9),
        ("b", 3),
    ]


def test_optimizers_are_read_as_last_described() -> None:
    event = {
        "kind": "optimizer",
        "cell": 4,
        "optimizer": "o1",
        "class": "MySGD",
        "base": "SGD",
        "model": "m1",
    }
    raw = events({**event, "settings": {"lr": 0.5}}, {**event, "settings": {"lr": 0.1}, "at": [[4, 2]]})
    found = read_optimizers(raw)
    assert found == {
        "o1": OptimizerEvidence("o1", "SGD", Where(cell=4, line=2), 4, "m1", (), {"lr": 0.1}, from_torch=True)
    }
    (run,) = read_runs(events(run_event(optimizers=["o1", "gone"])), {}, found, data())
    assert [each.id for each in run.evidence.optimizers] == ["o1"]


def test_an_optimizer_stays_that_of_the_model_it_trained_when_layers_pass_to_another() -> None:
    event = {"kind": "optimizer", "cell": 4, "optimizer": "o1", "class": "SGD"}
    raw = events(
        {**event, "model": "m1"},
        run_event(model="m1", optimizers=["o1"]),
        {**event, "model": "m2", "cell": 6},
    )
    assert read_optimizers(raw)["o1"].model == "m1"


@pytest.mark.parametrize(("outputs", "kind"), [(0.3, "bce-with-logits"), (2.0, "unknown")])
def test_without_a_graph_the_value_tells_the_loss(outputs: float, kind: str) -> None:
    """Losses of a model that answers 0.3 everywhere."""
    labels = ROWS.labels[TRAIN]
    loss = float(np.mean(np.logaddexp(0, 0.3) - 0.3 * labels))
    model = Mock()
    model.facts = excellent().tasks["nonlinear"].model
    model.outputs.side_effect = lambda weights, rows: np.full((len(rows), 1), outputs)
    model.final_outputs.return_value = None
    event = run_event(
        head=[], rows="x", batch_rows="n", losses="l", backwards=1, snapshots=[shots(w="w")],
        details=[detail(0, reached=0)],
    )  # fmt: skip
    arrays = {
        "x": ROWS.features[TRAIN].astype(np.float32),
        "n": np.array([len(TRAIN)]),
        "l": np.array([loss]),
    }
    (run,) = read_runs(events(event, w=np.zeros(1), **arrays), {"m1": model}, {}, data())
    assert run.evidence.loss_kind == kind


def shots(**weights: str) -> dict[str, Any]:
    return {"step": 0, "state": weights}


@pytest.mark.parametrize(
    ("first", "carried"),
    [
        ({"w": "a", "b": "b"}, True),
        ({"0.w": "a", "2.b": "b"}, True),
        ({"0.w": "a", "2.b": "b", "4.w": "c"}, True),
        ({"w": "a", "b": "c"}, False),
        ({}, False),
    ],
)
def test_weights_are_carried_over_under_whatever_names(first: dict[str, str], carried: bool) -> None:
    before = run_event("r1", model="m1", snapshots=[shots(w="x", b="y"), shots(w="a", b="b")])
    after = run_event("r2", model="m2", cell=7, snapshots=[shots(**first)])
    arrays = {name: np.full((1,), ord(name), dtype=np.float32) for name in "abcxy"}
    model = Mock()
    model.outputs.return_value = model.final_outputs.return_value = None
    model.facts = excellent().models[0]
    _, run = read_runs(events(before, after, **arrays), {"m1": model, "m2": model}, {}, data())
    assert run.evidence.initial_weights_of == ("r1" if carried else None)


def test_parameters_that_stand_still_are_told_apart() -> None:
    event = run_event(snapshots=[shots(w="a", b="b", frozen="c"), shots(w="x", b="b", frozen="c")])
    arrays = {name: np.full((1,), ord(name), dtype=np.float32) for name in "abcx"}
    model = Mock()
    model.outputs.return_value = model.final_outputs.return_value = None
    model.facts = replace(excellent().models[0], trainable=("w", "b"))
    (run,) = read_runs(events(event, **arrays), {"m1": model}, {}, data())
    assert run.evidence.unmoved == ("b",)


def test_a_split_of_the_students_wrong_labels_is_measured_by_these() -> None:
    assert SPLIT is not None and SPLIT.train_labels is not None
    wrong = replace(SPLIT.train_labels, values=1 - ROWS.labels[TRAIN].astype(float))
    run = read(
        run_event(rows="x", targets="y"),
        replace(SPLIT, train_labels=wrong, aligned_train=0.0),
        x=ROWS.features[TRAIN], y=1 - ROWS.labels[TRAIN],
    )  # fmt: skip
    assert run.evidence.label_agreement == 0.0
    assert run.train is not None and (run.train[1] == wrong.values).all()
