"""The helper modules that students may import take what students hand them."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.collections import PathCollection
from torch import Tensor, nn

SUPPORT = Path(__file__).resolve().parents[2] / "exercises" / "support"


@pytest.fixture(scope="module")
def utils() -> Iterator[SimpleNamespace]:
    matplotlib.use("agg")
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(SUPPORT)
        yield SimpleNamespace(**runpy.run_path(str(SUPPORT / "utils.py")))


@pytest.fixture(scope="module")
def helpers() -> SimpleNamespace:
    matplotlib.use("agg")
    return SimpleNamespace(**runpy.run_path(str(SUPPORT / "helper_functions.py")))


@pytest.fixture(autouse=True)
def no_figure_left() -> Iterator[None]:
    yield
    plt.close("all")


class RightHalf(nn.Module):
    """Class 1 where the first feature is positive; one logit, in the shape asked for."""

    def __init__(self, flat: bool) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.ones(1))
        self.flat = flat

    def forward(self, points: Tensor) -> Tensor:
        logits = self.slope * points[:, :1]
        return logits.squeeze(1) if self.flat else logits


class Quadrants(nn.Module):
    """Four logits; the class is the quadrant."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 4, bias=False)
        self.layer.weight.data = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])

    def forward(self, points: Tensor) -> Tensor:
        logits: Tensor = self.layer(points)
        return logits


def colours_at(*places: tuple[float, float]) -> list[tuple[float, ...]]:
    """The background of the current axes at these data coordinates, as drawn."""
    axes = plt.gca()
    for collection in axes.collections:
        collection.set_visible(not isinstance(collection, PathCollection))
    axes.figure.canvas.draw()
    image = np.asarray(axes.figure.canvas.buffer_rgba())
    pixels = axes.transData.transform(places).astype(int)
    return [tuple(image[image.shape[0] - row, column].tolist()) for column, row in pixels]


POINTS = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])


@pytest.mark.parametrize("flat", [True, False])
def test_one_logit_parts_the_plane_in_two(utils: SimpleNamespace, flat: bool) -> None:
    utils.plot_decision_boundary(RightHalf(flat), POINTS, torch.tensor([0.0, 0.0, 1.0, 1.0]))
    left, left_too, right, right_too = colours_at((-0.6, 0.4), (-0.6, -0.4), (0.6, 0.4), (0.6, -0.4))
    assert left == left_too != right == right_too


def test_four_logits_part_it_in_four(utils: SimpleNamespace) -> None:
    utils.plot_decision_boundary(Quadrants(), POINTS, torch.tensor([[2], [1], [3], [0]]))
    assert len(set(colours_at((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5)))) == 4


@pytest.mark.parametrize("training", [True, False])
def test_the_model_keeps_its_mode(utils: SimpleNamespace, training: bool) -> None:
    model = RightHalf(flat=False).train(training)
    utils.plot_decision_boundary(model, POINTS, torch.zeros(4))
    assert model.training is training


def test_a_double_model_and_arrays_are_welcome(utils: SimpleNamespace) -> None:
    utils.plot_decision_boundary(Quadrants().double(), POINTS.numpy(), np.array([2, 1, 3, 0]))
    assert len(set(colours_at((0.5, 0.5), (-0.5, 0.5)))) == 2


def test_accuracy_is_a_percentage_and_never_spreads(helpers: SimpleNamespace) -> None:
    truth = torch.tensor([0.0, 1.0, 1.0, 0.0])
    said = torch.tensor([[0.0], [1.0], [0.0], [0.0]])
    assert helpers.accuracy_fn(truth, said) == 75.0


def test_accuracy_refuses_other_lengths(helpers: SimpleNamespace) -> None:
    with pytest.raises(ValueError, match="4 labels cannot be compared with 1"):
        helpers.accuracy_fn(torch.zeros(4), torch.zeros(1))


def test_predictions_are_drawn_over_the_test_part(helpers: SimpleNamespace) -> None:
    x, y = torch.arange(5.0).unsqueeze(1), torch.arange(5.0).unsqueeze(1).requires_grad_()
    helpers.plot_predictions(x[:3], y[:3], x[3:], y[3:])
    helpers.plot_predictions(x[:3], y[:3], x[3:], y[3:], predictions=2 * y[3:])
    without, with_predictions = (plt.figure(number).axes[0].collections for number in plt.get_fignums())
    assert (len(without), len(with_predictions)) == (2, 3)
    assert with_predictions[2].get_offsets().tolist() == [[3.0, 6.0], [4.0, 8.0]]
