"""Decision maps drawn with a real matplotlib: whose boundary, over which rows, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from grader.evidence.datasets import Match, RowFinder, make_rows
from grader.evidence.maps import drawn_maps, predictor
from grader.evidence.markers import Markers
from grader.evidence.models import Answers, Model
from grader.evidence.raw import RawModel, RawRun
from grader.evidence.run_rows import Data
from grader.evidence.runs import Run
from grader.model.evidence import DrawnMap
from tests.check import building
from tests.check.building import assignment, excellent
from tests.drawing import Watched, watching
from tests.evidence.building import events, notebook, run_event

Array = np.ndarray[Any, Any]
SPEC, TASK = assignment().dataset("circles"), assignment().task("nonlinear")
ROWS = make_rows(SPEC)
SPLIT = excellent().datasets["circles"].split
assert SPLIT is not None and SPLIT.train_features.rows is not None and SPLIT.test_features.rows is not None
PARTS = {"train": SPLIT.train_features.rows, "test": SPLIT.test_features.rows, "all": np.arange(2000)}
DATA = Data(SPEC, RowFinder(ROWS), SPLIT)
MARKERS = Markers(notebook("pass", "pass", "# Ex 8\npass"), set(range(10)))


def ring(rows: Array) -> Array:
    """The logit of a model that knows the circles, a little off their centre so that no mirror image fits."""
    x, y = rows.T
    return np.asarray(8 * (0.81 - (x - 0.15) ** 2 - 0.8 * (y + 0.1) ** 2 + 0.15 * x * y))


def slope(rows: Array) -> Array:
    return np.asarray(3 * rows[:, 0] + rows[:, 1] - 0.4)


@dataclass(frozen=True)
class Formula(Model):
    """A model whose outputs are known by a formula."""

    formula: Callable[[Array], Array] = ring

    def final_outputs(self, weights: Any, rows: Array) -> Array | None:
        return self.formula(rows)[:, None]


def trained(formula: Callable[[Array], Array] = ring, name: str = "own", match: Match | None = None) -> Run:
    (raw,) = events({"kind": "model", "cell": 6, "model": name, "class": name.title()}).of(RawModel)
    facts = building.model(TASK, id=name, class_name=name.title())
    asked = (Answers(np.zeros((1, 2)), np.zeros((1, 1))),)
    model = Formula(raw, None, {}, {}, facts, asked, formula=formula)
    (event,) = events(run_event(model=name)).of(RawRun)
    return Run(building.run(TASK, model=name), event, model, {}, match, None, None)


OWN, OTHER = trained(), trained(slope, "other")


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watching() as each:
        yield each


def draw(
    part: str, of: Callable[[Array], Array] = ring, title: str = "", rows: Array = ROWS.features
) -> None:
    """A filled map of classes with the part's rows over it, as a plotting helper draws it."""
    low, high = rows.min(axis=0) - 0.1, rows.max(axis=0) + 0.1
    xx, yy = np.meshgrid(np.linspace(low[0], high[0], 101), np.linspace(low[1], high[1], 90))
    classes = (of(np.column_stack((xx.ravel(), yy.ravel()))) > 0).astype(float).reshape(xx.shape)
    plt.contourf(xx, yy, classes, alpha=0.5)
    shown = PARTS[part]
    plt.scatter(rows[shown, 0], rows[shown, 1], c=ROWS.labels[shown], s=4)
    plt.title(title)


def seen(
    watched: Watched, own: tuple[Run, ...] = (OWN,), others: tuple[Run, ...] = (OTHER,), data: Data = DATA
) -> DrawnMap:
    (found,) = drawn_maps(watched.figures(), data, own, others, MARKERS)
    return found


@pytest.mark.parametrize(("part", "over"), [("train", "train"), ("test", "test"), ("all", "both")])
def test_the_models_own_boundary_over_each_part(watched: Watched, part: str, over: str) -> None:
    draw(part, title=f"On {part}")
    found = seen(watched)
    assert (found.verdict, found.over, found.labels_agree) == ("true", over, True)
    assert found.agreement > 0.98
    assert found.where is not None and found.where.cell == 3


@pytest.mark.parametrize(
    ("title", "part"),
    [("Train", "train"), ("Date de antrenare", "train"), ("Test", "test"), ("Validation", "test"),
     ("Train and test", "unknown"), ("", "unknown")],
)  # fmt: skip
def test_what_the_title_says(watched: Watched, title: str, part: str) -> None:
    draw("train", title=title)
    assert seen(watched).title_part == part


def test_x_and_y_exchanged(watched: Watched) -> None:
    draw("train", lambda rows: ring(rows[:, ::-1]))
    assert seen(watched).verdict == "transposed"


def test_classes_exchanged(watched: Watched) -> None:
    draw("train", lambda rows: -ring(rows))
    assert seen(watched).verdict == "inverted"


def test_another_models_boundary_is_that_models(watched: Watched) -> None:
    draw("train", slope)
    found = seen(watched)
    assert (found.verdict, found.other_model) == ("wrong-model", "other")


def test_nobodys_boundary_is_a_wrong_one(watched: Watched) -> None:
    draw("train", lambda rows: rows[:, 1] - 0.2)
    found = seen(watched)
    assert (found.verdict, found.other_model) == ("wrong-model", None)


def test_an_earlier_run_of_the_task_will_do(watched: Watched) -> None:
    draw("train", slope)
    assert seen(watched, own=(trained(slope, "first"), OWN), others=()).verdict == "true"


def test_without_any_model_it_is_unclear(watched: Watched) -> None:
    draw("train")
    assert seen(watched, own=(), others=()).verdict == "unclear"


def test_a_map_in_the_units_of_a_scaled_model(watched: Watched) -> None:
    scale, shift = np.array([1.6, 1.7]), np.array([0.2, -0.1])
    scaled = trained(lambda rows: ring((rows - shift) / scale), match=Match(np.arange(2000), scale, shift))
    draw("test", lambda rows: ring((rows - shift) / scale), rows=ROWS.features * scale + shift)
    found = seen(watched, own=(scaled,), others=())
    assert (found.verdict, found.over) == ("true", "test")


def test_rows_that_are_not_the_datasets(watched: Watched) -> None:
    draw("all", rows=ROWS.features[::-1] * 0.3 + 5)
    assert seen(watched).over == "none"


def test_without_a_split_all_rows_are_both_parts(watched: Watched) -> None:
    draw("all")
    assert seen(watched, data=replace(DATA, split=None)).over == "both"


def test_curves_are_no_map(watched: Watched) -> None:
    plt.plot([1, 2, 3])
    plt.scatter(ROWS.features[:, 0], ROWS.features[:, 1], c=ROWS.labels)
    assert drawn_maps(watched.figures(), DATA, (OWN,), (OTHER,), MARKERS) == ()


def test_two_maps_side_by_side_are_two(watched: Watched) -> None:
    plt.subplot(1, 2, 1)
    draw("train", title="Train")
    plt.subplot(1, 2, 2)
    draw("test", title="Test")
    found = drawn_maps(watched.figures(), DATA, (OWN,), (OTHER,), MARKERS)
    assert [(each.over, each.title_part, each.verdict) for each in found] == [
        ("train", "train", "true"), ("test", "test", "true"),
    ]  # fmt: skip


def test_predictions_are_asked_in_the_datasets_units() -> None:
    scale, shift = np.array([2.0, 2.0]), np.array([1.0, 1.0])
    scaled = trained(lambda rows: rows[:, 0] - 2.0, match=Match(np.arange(2000), scale, shift))
    predict = predictor(scaled)
    assert predict is not None
    assert predict(np.array([[0.4, 0.0], [0.6, 0.0]])).tolist() == [0, 1]


def test_a_run_without_a_model_predicts_nothing() -> None:
    assert predictor(replace(OWN, model=None)) is None
