"""Sound work in other styles than the worked one: no diagnosis may name anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grader.model.evidence import ClassDefinition, Evidence, LinearLayer
from grader.model.recording import CellError, CellRun
from grader.model.submission import Where
from tests.check.building import (
    assignment,
    claim,
    drawn,
    excellent,
    measured,
    optimizer,
    split_of,
    with_model,
    with_optimizer,
    with_page,
    with_run,
    with_split,
    with_task,
    without_run,
)
from tests.diagnose.scenes import (
    CIRCLES,
    FALLING,
    SIGMOID_END,
    SOUND,
    STRAIGHT,
    codes,
    maps,
    opaque,
    told,
    trained_on,
    wrong_map,
)
from tests.evidence.building import notebook

BASELINE, NONLINEAR = assignment().task("baseline"), assignment().task("nonlinear")

RAISED = CellRun(
    number=4, status="error", error=CellError(name="NameError", message="name 'losses' is not defined")
)


def drawing_raised() -> Evidence:
    """An unmarked cell that would have drawn the curves stands above the loop."""
    return replace(told(*SOUND[:4]), cells=(RAISED,), submission=notebook(*["pass"] * 3, "plt.plot(losses)"))


LEGITIMATE: list[tuple[str, Evidence]] = [
    ("the excellent submission", excellent()),
    ("nothing trained at all", without_run("baseline", without_run("nonlinear", without_run("blobs")))),
    ("no model at all", without_run("baseline", model=None, models=(), optimizers=())),
    ("a sigmoid at the baseline's end, which has its own price", with_model("baseline", **SIGMOID_END)),
    ("a straight model for blobs", with_model("blobs", **STRAIGHT)),
    (
        "two outputs under cross entropy",
        with_run(
            "baseline",
            with_model("baseline", output_width=2),
            loss_kind="cross-entropy",
            output_shape=(1600, 2),
        ),
    ),
    ("BCELoss on a sigmoid", with_run("baseline", loss_kind="bce", activation_before_loss="sigmoid")),
    ("NLL on log-softmax", with_run("blobs", loss_kind="nll", activation_before_loss="log_softmax")),
    ("three layers in the non-linear model", with_model("nonlinear", linear_layers=(LinearLayer(2, 8),) * 3)),
    ("a model that cannot be followed", opaque("nonlinear", "its path depends on the values it is given")),
    ("AdamW in exercise 7", with_optimizer("nonlinear", class_name="AdamW", settings={"lr": 0.003})),
    (
        "frozen parameters that the optimizer leaves out",
        with_optimizer(
            "baseline",
            with_model("baseline", trainable=("last.weight", "last.bias")),
            parameters=("last.weight", "last.bias"),
        ),
    ),
    ("steps by hand", with_run("nonlinear", steps=0, optimizers=(), order="BBB")),
    ("gradients cleared by hand in a way that was not seen", with_run("nonlinear", reset=None)),
    ("cleared after the step", with_run("nonlinear", order="BSZ" * 21)),
    ("wiped once between backward and step, and yet trained", with_run("nonlinear", reset_before_step=True)),
    ("a run that goes on with its own weights", with_run("nonlinear", initial_weights_of="r-nonlinear")),
    ("trained on the train rows", trained_on(split_of(CIRCLES).train_features.rows)),  # type: ignore[arg-type]
    ("rows that could not be recognised", trained_on(np.full(50, -1))),
    (
        "validation rows swallowed by chance, one in a hundred",
        trained_on(
            np.concatenate(
                [split_of(CIRCLES).train_features.rows[:990], split_of(CIRCLES).test_features.rows[:10]]
            )
        ),
    ),  # type: ignore[index]
    ("a full accuracy with a falling loss", with_run("nonlinear", held_out_accuracy=0.95, losses=FALLING)),
    ("short of it but at rest", with_run("nonlinear", held_out_accuracy=0.7, losses=np.full(200, 0.4))),
    ("the baseline, from which no accuracy is asked", with_run("baseline", losses=FALLING)),
    ("a kept row that is untrue beside true ones", told(*SOUND, claim("kept", "loss", verdict="untrue"))),
    ("nothing printed where any two forms will do", told(*SOUND[2:], task="nonlinear")),
    ("no curve, as a cell of the exercise raised", with_page(5, told(*SOUND[:4]), errors=(RAISED,))),
    ("no curve, as the cell that draws it raised", drawing_raised()),
    (
        "test rows put through a model that is never trained",
        with_run("baseline", trained_on(split_of(CIRCLES).test_features.rows), backwards=0, steps=0),  # type: ignore[arg-type]
    ),
    ("no plot in exercise 7", told(*SOUND[:4], task="nonlinear")),
    ("exercise 8 not begun", with_page(8, maps(), attempted=False)),
    (
        "a wrong trial before the right map",
        maps(drawn("train", verdict="transposed"), drawn("train"), drawn("test")),
    ),
    (
        "a map of something else beside both right ones",
        maps(drawn("train"), drawn("test"), drawn("none", verdict="wrong-model")),
    ),
    (
        "maps of the baseline, which nobody asked for",
        with_task("baseline", maps=(drawn("train", verdict="wrong-model"),)),
    ),
    ("a map that could not be matched", wrong_map("unclear")),
    (
        "titles that say nothing",
        maps(drawn("train", title_part="unknown"), drawn("test", title_part="unknown")),
    ),
    (
        "a class of its own, defined twice in its exercise",
        with_page(
            3,
            replace(
                with_model("baseline", class_name="Net"),
                classes=(ClassDefinition("Net", Where(cell=2)), ClassDefinition("Net", Where(cell=3))),
            ),
            cells=(2, 3),
        ),
    ),
    (
        "a class name used again later",
        replace(
            with_model("baseline", class_name="Net"),
            classes=(ClassDefinition("Net", Where(cell=3)), ClassDefinition("Net", Where(cell=6))),
        ),
    ),
    ("a split seen only in use", with_split(source="training", lost=200)),
    ("labels that were never named", with_split(aligned_train=None, aligned_test=None)),
    (
        "a spare optimizer for the old model beside the one that trained",
        with_task("nonlinear", optimizers=(optimizer(BASELINE), optimizer(NONLINEAR))),
    ),
    ("a loop that ends a little off", with_run("baseline", measured=measured(0.7, 0.70))),
]


@pytest.mark.parametrize(("style", "evidence"), LEGITIMATE)
def test_sound_work_in_another_style_is_named_nothing(style: str, evidence: Evidence) -> None:
    assert codes(evidence) == []
