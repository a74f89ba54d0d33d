"""The tutorial's published figures come out of the reference: losses to 2e-5, accuracies exactly."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sklearn.datasets import make_blobs, make_circles
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "reference" / "tutorial"
PUBLISHED: dict[str, Any] = json.loads(Path(__file__).with_name("published_tables.json").read_text("utf-8"))
LOSS = 2e-5
PRINTED = 5.1e-5  # values published with four decimals


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tutorial() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TUTORIAL / "circles.py")))


@pytest.fixture(scope="module")
def line_tutorial() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(TUTORIAL / "straight_line.py")))


def published_state() -> dict[str, torch.Tensor]:
    """V0 was made without a seed: its start is known from what the tutorial printed, to four decimals."""
    return {name: torch.tensor(values) for name, values in PUBLISHED["model_v0"]["initial_state"].items()}


def as_v0_class(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    layers = {"0": "layer_1", "1": "layer_2"}
    return {f"{layers[name[0]]}{name[1:]}": value for name, value in state.items()}


def assert_rows(rows: list[Any], published: list[list[float]]) -> None:
    assert len(rows) == len(published)
    for row, (epoch, loss, accuracy, test_loss, test_accuracy) in zip(rows, published, strict=True):
        assert row.epoch == epoch
        assert row.loss == pytest.approx(loss, abs=LOSS, rel=0)
        assert row.test_loss == pytest.approx(test_loss, abs=LOSS, rel=0)
        assert f"{row.accuracy:.2f}" == f"{accuracy:.2f}"
        assert f"{row.test_accuracy:.2f}" == f"{test_accuracy:.2f}"


def assert_begins(values: Any, published: list[Any], within: float) -> None:
    expected = torch.tensor(published, dtype=torch.float64)
    begin = torch.as_tensor(values[: len(published)]).to(torch.float64)
    torch.testing.assert_close(begin, expected, atol=within, rtol=0)


def test_the_1000_circles_and_their_split(tutorial: SimpleNamespace) -> None:
    circles, published = tutorial.load_circles(), PUBLISHED["circles_1000"]
    assert_begins(circles.X, published["first_X"], within=1e-7)
    assert_begins(circles.y, published["first_y"], within=0)
    assert [int((circles.y == label).sum()) for label in (0, 1)] == [published["per_class"]] * 2
    assert (len(circles.X_train), len(circles.X_test)) == (800, 200)
    assert_begins(circles.X_train, published["X_train_first"], within=PRINTED)
    assert_begins(circles.y_train, published["y_train_first"], within=0)
    assert_begins(circles.X_test, published["X_test_first"], within=PRINTED)
    assert_begins(circles.y_test, published["y_test_first"], within=0)


def test_the_2000_circles_of_the_assignment() -> None:
    published = PUBLISHED["circles_2000"]
    features, labels = make_circles(2000, noise=0.05, random_state=42)
    assert_begins(features, published["first_X"], within=PRINTED)
    assert_begins(labels, published["first_y"], within=0)
    parts = train_test_split(features, labels, test_size=0.2, random_state=42)
    assert [len(part) for part in parts[:2]] == published["split_sizes"]


def test_the_blobs_of_the_assignment() -> None:
    published = PUBLISHED["blobs_1000"]
    features, labels = make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
    assert_begins(features, published["first_X"], within=PRINTED)
    assert_begins(labels, published["first_y"], within=0)


def test_v0_as_sequential_starts_with_the_published_logits(tutorial: SimpleNamespace) -> None:
    model, circles = tutorial.sequential_v0(), tutorial.load_circles()
    model.load_state_dict(published_state())
    with torch.inference_mode():
        logits = model(circles.X_test).squeeze(dim=1)
    # The rounding of 15 weights and 6 biases adds up, at worst to six times that of one.
    assert_begins(logits, PUBLISHED["model_v0"]["first_test_logits"], within=3 * PRINTED)


def test_logits_become_probabilities_and_labels(tutorial: SimpleNamespace) -> None:
    logits = torch.tensor(PUBLISHED["model_v0"]["first_test_logits"])
    assert_begins(tutorial.probabilities(logits), [0.4630, 0.4634, 0.4810, 0.4579, 0.5111], within=PRINTED)
    assert tutorial.labels(logits).tolist() == [0, 0, 0, 0, 1]


def test_every_row_of_v0_as_sequential(tutorial: SimpleNamespace) -> None:
    model = tutorial.sequential_v0()
    model.load_state_dict(published_state())
    rows = tutorial.train(model, tutorial.load_circles(), epochs=100, report_every=10)
    assert_rows(rows, PUBLISHED["model_v0"]["rows"])


def test_every_row_of_v0_as_subclass(tutorial: SimpleNamespace) -> None:
    model = tutorial.CircleModelV0()
    model.load_state_dict(as_v0_class(published_state()))
    rows = tutorial.train(model, tutorial.load_circles(), epochs=100, report_every=10)
    assert_rows(rows, PUBLISHED["model_v0"]["rows"])


def test_every_row_of_v1(tutorial: SimpleNamespace) -> None:
    torch.manual_seed(42)
    rows = tutorial.train(tutorial.CircleModelV1(), tutorial.load_circles(), epochs=1000, report_every=100)
    assert_rows(rows, PUBLISHED["model_v1"]["rows"])


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_every_row_of_the_straight_line(line_tutorial: SimpleNamespace, rate: float) -> None:
    torch.manual_seed(42)
    rows = line_tutorial.train(line_tutorial.line_model(), line_tutorial.load_line(), rate)
    published = PUBLISHED["straight_line"][f"lr_{rate}"]
    assert [row.epoch for row in rows] == [epoch for epoch, _, _ in published]
    for row, (_, train_loss, test_loss) in zip(rows, published, strict=True):
        assert row.train_loss == pytest.approx(train_loss, abs=LOSS, rel=0)
        assert row.test_loss == pytest.approx(test_loss, abs=LOSS, rel=0)
