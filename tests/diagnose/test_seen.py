"""Every diagnosis: seen where its invariant is violated, with its exercise, costs and place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grader.diagnose.catalogue import CATALOGUE, diagnose
from grader.diagnose.scene import Scene
from grader.model.evidence import Evidence, LinearLayer
from grader.model.finding import Cost
from grader.model.submission import Where
from tests.check.building import (
    assignment,
    claim,
    drawn,
    with_model,
    with_optimizer,
    with_run,
    with_split,
    with_task,
)
from tests.diagnose.scenes import (
    BENT,
    FALLING,
    SOUND,
    STRAIGHT,
    codes,
    maps,
    opaque,
    rebuilt,
    seen,
    shadowing,
    slip,
    told,
    trained_on,
    wrong_map,
)

Costs = dict[str, Cost]
MODEL3, LOOP5, LOOP7, LOOP9 = (
    Where(cell=3, line=9),
    Where(cell=5, line=7),
    Where(cell=7, line=7),
    Where(cell=9, line=7),
)
SPLIT = Where(cell=2, line=4)
MODEL6, MODEL9 = Where(cell=6, line=9), Where(cell=9, line=9)
OPTIMIZER4, OPTIMIZER7 = Where(cell=4, line=2), Where(cell=7, line=2)
CLAIM, MAP = Where(cell=5, line=12), Where(cell=8, line=6)

SEEN: list[tuple[str, Evidence, int, Costs, Where | None]] = [
    (
        "data-split-unpacked-wrong",
        with_split(swapped=True),
        2,
        {"ex2.split": "fail", "ex2.aligned": "fail"},
        SPLIT,
    ),
    (
        "data-split-misaligned",
        with_split(aligned_train=0.5, aligned_test=0.5),
        2,
        {"ex2.aligned": "fail"},
        SPLIT,
    ),
    ("data-split-misaligned", with_split(aligned_test=0.6), 2, {"ex2.aligned": "fail"}, SPLIT),
    (
        "data-split-misaligned",
        with_split(aligned_train=0.5, source="training"),
        2,
        {"ex2.aligned": "fail"},
        None,
    ),
    ("data-split-size", with_split(tested=0.5), 2, {"ex2.split": "part"}, SPLIT),
    ("data-split-size", with_split(tested=0.05), 2, {"ex2.split": "part"}, SPLIT),
    ("model-not-affine", with_model("baseline", **BENT), 3, {"ex3.affine": "fail"}, MODEL3),
    ("model-affine", with_model("nonlinear", **STRAIGHT), 6, {"ex6.nonlinear": "fail"}, MODEL6),
    (
        "model-layer-count",
        with_model("baseline", linear_layers=(LinearLayer(2, 1),)),
        3,
        {"ex3.layers": "fail"},
        MODEL3,
    ),
    (
        "model-layer-count",
        with_model("baseline", linear_layers=(LinearLayer(2, 2),) * 3),
        3,
        {"ex3.layers": "fail"},
        MODEL3,
    ),
    (
        "model-layer-unused",
        with_model("baseline", unused_layers=("spare.weight", "spare.bias")),
        3,
        {"ex3.layers": "part"},
        MODEL3,
    ),
    ("model-wrong-width", with_model("baseline", input_width=3), 3, {"ex3.module": "fail"}, MODEL3),
    ("model-wrong-width", with_model("baseline", output_width=2), 3, {"ex3.module": "fail"}, MODEL3),
    ("model-wrong-width", with_model("nonlinear", output_width=4), 6, {"ex6.module": "fail"}, MODEL6),
    ("model-wrong-width", with_model("blobs", output_width=10), 9, {"ex9.model": "fail"}, MODEL9),
    (
        "model-layers-unregistered",
        with_model("baseline", unregistered=True),
        3,
        {"ex3.module": "fail"},
        MODEL3,
    ),
    (
        "model-layers-made-in-forward",
        opaque("baseline", "it makes new layers at every call"),
        3,
        {"ex3.module": "fail"},
        MODEL3,
    ),
    (
        "model-relu-on-output",
        with_model("nonlinear", output_activation="relu"),
        6,
        {"ex6.logits": "fail"},
        MODEL6,
    ),
    (
        "model-softmax-on-one-output",
        with_model("baseline", output_activation="softmax"),
        3,
        {"ex3.module": "fail"},
        MODEL3,
    ),
    (
        "model-softmax-on-one-output",
        with_model("baseline", output_activation="log_softmax"),
        3,
        {"ex3.module": "fail"},
        MODEL3,
    ),
    ("model-name-shadowed", shadowing(), 3, {"ex3.own-name": "fail"}, Where(cell=3, line=2)),
    ("loss-wrong-kind", with_run("baseline", loss_kind="mse"), 4, {"ex4.loss": "part"}, LOOP5),
    ("loss-wrong-kind", with_run("blobs", loss_kind="l1"), 9, {"ex9.loss": "part"}, LOOP9),
    (
        "loss-sigmoid-twice",
        with_run("baseline", activation_before_loss="sigmoid"),
        4,
        {"ex4.loss": "part"},
        LOOP5,
    ),
    (
        "loss-sigmoid-twice",
        with_run("nonlinear", activation_before_loss="sigmoid"),
        6,
        {"ex6.logits": "fail"},
        LOOP7,
    ),
    ("loss-bce-on-logits", with_run("baseline", loss_kind="bce"), 4, {"ex4.loss": "fail"}, LOOP5),
    (
        "loss-softmax-twice",
        with_run("blobs", activation_before_loss="softmax"),
        9,
        {"ex9.loss": "part"},
        LOOP9,
    ),
    ("loss-one-column-ce", with_run("baseline", loss_kind="cross-entropy"), 4, {"ex4.loss": "fail"}, LOOP5),
    ("loss-arguments-swapped", with_run("baseline", swapped=True), 5, {"ex5.learns": "fail"}, LOOP5),
    ("loss-on-rounded", with_run("nonlinear", hard_labels="rounded"), 7, {"ex7.learns": "fail"}, LOOP7),
    ("loss-on-argmax", with_run("blobs", hard_labels="argmax"), 9, {"ex9.loss": "fail"}, LOOP9),
    ("optimizer-rebuilt", rebuilt("nonlinear"), 7, {}, OPTIMIZER7),
    ("loss-broadcast", with_run("baseline", broadcast=True), 5, {"ex5.learns": "fail"}, LOOP5),
    ("loss-class-count", with_model("blobs", output_width=3), 9, {"ex9.model": "fail"}, MODEL9),
    (
        "optimizer-wrong-model",
        with_run("nonlinear", with_optimizer("nonlinear", model="m-baseline"), moved=False),
        7,
        {"ex7.optimizer": "fail", "ex7.learns": "fail"},
        OPTIMIZER7,
    ),
    (
        "optimizer-wrong-model",
        with_run("baseline", with_optimizer("baseline", model="m-nonlinear"), moved=False),
        4,
        {"ex4.parameters": "fail", "ex5.learns": "fail"},
        OPTIMIZER4,
    ),
    (
        "optimizer-missing-parameters",
        with_optimizer("nonlinear", parameters=("last.weight", "last.bias")),
        7,
        {"ex7.optimizer": "part"},
        OPTIMIZER7,
    ),
    (
        "optimizer-not-recommended",
        with_optimizer("baseline", class_name="Adam"),
        4,
        {"ex4.optimizer": "part"},
        OPTIMIZER4,
    ),
    (
        "optimizer-wrong-rate",
        with_optimizer("baseline", settings={"lr": 0.01}),
        4,
        {"ex4.learning-rate": "fail"},
        OPTIMIZER4,
    ),
    ("loop-no-zero-grad", with_run("baseline", reset=False), 5, {"ex5.learns": "fail"}, LOOP5),
    ("loop-no-zero-grad", with_run("nonlinear", reset=False), 7, {"ex7.learns": "fail"}, LOOP7),
    ("loop-no-zero-grad", with_run("blobs", reset=False), 9, {"ex9.learns": "fail"}, LOOP9),
    (
        "loop-zero-grad-before-step",
        with_run("nonlinear", reset_before_step=True, moved=False),
        7,
        {"ex7.learns": "fail"},
        LOOP7,
    ),
    (
        "loop-no-backward",
        with_run("baseline", backwards=0, moved=False, losses=np.array([])),
        5,
        {"ex5.learns": "fail"},
        LOOP5,
    ),
    ("loop-no-step", with_run("nonlinear", steps=0, moved=False), 7, {"ex7.learns": "fail"}, LOOP7),
    (
        "loop-loss-rewrapped",
        with_run("nonlinear", cut_off=True, reached=0, moved=False),
        7,
        {"ex7.learns": "fail"},
        LOOP7,
    ),
    (
        "loop-weights-carried-over",
        with_run("nonlinear", initial_weights_of="r-baseline"),
        7,
        {"ex7.learns": "part"},
        LOOP7,
    ),
    ("loop-trains-on-test", trained_on(np.arange(2000)), 5, {"ex5.learns": "fail"}, LOOP5),
    ("loop-diverged", with_run("nonlinear", finite=False), 7, {"ex7.learns": "fail"}, LOOP7),
    ("loop-undertrained", with_run("nonlinear", held_out_accuracy=0.7, losses=FALLING), 7, {}, LOOP7),
    ("metric-broadcast", told(*SOUND, slip("metric-broadcast")), 5, {"ex5.reports": "fail"}, CLAIM),
    (
        "metric-broadcast",
        told(*SOUND, slip("metric-broadcast"), task="nonlinear"),
        7,
        {"ex7.reports": "fail"},
        CLAIM,
    ),
    ("metric-rounds-logits", told(*SOUND, slip("metric-rounds-logits")), 5, {"ex5.reports": "fail"}, CLAIM),
    ("metric-sigmoid-twice", told(*SOUND, slip("metric-sigmoid-twice")), 5, {"ex5.reports": "fail"}, CLAIM),
    ("metric-wrong-denominator", told(*SOUND, slip("metric-wrong-denominator")), 5, {}, CLAIM),
    (
        "metric-untrue",
        told(*SOUND, claim("printed", "loss", verdict="untrue", truth=0.3)),
        5,
        {"ex5.reports": "part"},
        CLAIM,
    ),
    ("metric-keeps-graph", told(*SOUND, claim("kept", "loss", with_graph=20)), 5, {}, LOOP5),
    ("metric-not-reported", told(*SOUND[2:]), 5, {"ex5.reports": "fail"}, LOOP5),
    ("plot-missing", told(*SOUND[:4]), 5, {"ex5.plots": "fail"}, LOOP5),
    ("plot-missing", maps(), 8, {"ex8.drawn": "fail"}, Where(cell=8)),
    ("plot-wrong-model", wrong_map("wrong-model", other_model="m-baseline"), 8, {"ex8.true": "fail"}, MAP),
    ("plot-raw-logits", wrong_map("raw-logits"), 8, {"ex8.true": "part"}, MAP),
    ("plot-grid-transposed", wrong_map("transposed"), 8, {"ex8.true": "fail"}, MAP),
    (
        "plot-wrong-data",
        maps(drawn("train", title_part="test", title="Test"), drawn("test")),
        8,
        {"ex8.true": "part"},
        Where(cell=8, line=3),
    ),
]


@pytest.mark.parametrize(("code", "evidence", "exercise", "costs", "where"), SEEN)
def test_a_violated_invariant_is_seen(
    code: str, evidence: Evidence, exercise: int, costs: Costs, where: Where | None
) -> None:
    named = [mistake for mistake in seen(evidence) if mistake.code == code]
    assert len(named) == 1, codes(evidence)
    mistake = named[0]
    assert (mistake.exercise, dict(mistake.costs), mistake.where) == (exercise, costs, where)
    assert mistake.message.endswith((".", "?")) and mistake.hint


@pytest.mark.parametrize(("code", "evidence", "exercise", "costs", "where"), SEEN)
def test_one_mistake_is_told_under_one_name(
    code: str, evidence: Evidence, exercise: int, costs: Costs, where: Where | None
) -> None:
    assert codes(evidence) == [code]


def test_every_diagnosis_of_these_kinds_is_tried_here() -> None:
    kinds = {f"grader.diagnose.{kind}" for kind in ("models", "losses", "loops", "reports", "plots")}
    tried = {
        look
        for look in CATALOGUE
        for _, evidence, *_ in SEEN
        if any(list(look(Scene(assignment(), evidence, task))) for task in evidence.tasks.values())
    }
    assert {look for look in CATALOGUE if look.__module__ in kinds} <= tried


# ---------------------------------------------------------------- telling


def test_a_slip_is_told_once_per_task_at_its_first_place() -> None:
    twice = told(
        *SOUND, slip("metric-broadcast"), replace(slip("metric-broadcast"), where=Where(cell=5, line=20))
    )
    named = [mistake for mistake in seen(twice) if mistake.code == "metric-broadcast"]
    assert [mistake.where for mistake in named] == [Where(cell=5, line=12)]


def test_a_slip_says_what_was_printed_what_it_should_be_and_how_it_came_about() -> None:
    (mistake,) = seen(told(*SOUND, slip("metric-wrong-denominator")))
    for part in ("accuracy 0.5", "0.9", "so it was made"):
        assert part in mistake.message


def test_the_other_model_of_a_wrong_map_is_named() -> None:
    (mistake,) = seen(wrong_map("wrong-model", other_model="m-baseline"))
    assert "`BaselineModel`" in mistake.message


def test_unused_layers_are_named_once_each() -> None:
    (mistake,) = seen(with_model("baseline", unused_layers=("spare.weight", "spare.bias", "other.weight")))
    assert mistake.message.count("spare") == 1 and "other" in mistake.message


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (with_task("nonlinear", maps=None), "plot_wrong_model"),
        (with_split(train_features=None), "data_mistakes"),
    ],
)
def test_a_diagnosis_that_breaks_is_told_and_the_others_go_on(broken: Evidence, fault: str) -> None:
    faults: list[str] = []
    spoilt = with_run("baseline", broken, loss_kind="mse")
    found = diagnose(assignment(), spoilt, lambda name, error: faults.append(name))
    assert fault in faults
    assert "loss-wrong-kind" in [mistake.code for mistake in found]
