from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
import torch

from grader.evidence.boundary import boundary_in, compare_boundary, points_over
from grader.model.figures import BoundaryVerdict
from tests.drawing import Watched, watching

Array = np.ndarray[Any, Any]

# A lopsided blob: no way of turning the picture round leaves it as it is.
ROWS = np.random.default_rng(0).normal(0.1, 0.6, (400, 2)).astype(np.float32)


def logit(rows: Array) -> Array:
    x, y = np.asarray(rows, dtype=float).T
    return np.asarray(4 * (0.5 - (x - 0.3) ** 2 - 0.4 * (y + 0.5) ** 2) + x * y)


def model(rows: Array) -> Array:
    return (logit(rows) > 0).astype(int)


def sigmoid(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))


LABELS = model(ROWS)


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watching() as watched:
        yield watched


def mesh(nx: int = 101, ny: int = 101) -> tuple[Array, Array]:
    x = np.linspace(ROWS[:, 0].min() - 0.1, ROWS[:, 0].max() + 0.1, nx)
    y = np.linspace(ROWS[:, 1].min() - 0.3, ROWS[:, 1].max() + 0.1, ny)
    return tuple(np.meshgrid(x, y))  # type: ignore[return-value]


def on(xx: Array, yy: Array, of: Callable[[Array], Array] = model) -> Array:
    return of(np.column_stack((xx.ravel(), yy.ravel()))).reshape(xx.shape)


def box(xx: Array, yy: Array) -> list[float]:
    return [xx.min(), xx.max(), yy.min(), yy.max()]


def shown(watched: Watched, predict: Callable[[Array], Array] = model) -> BoundaryVerdict:
    drawn = boundary_in(watched.axes())
    assert drawn is not None
    return compare_boundary(drawn, predict)


def by_contourf() -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, on(xx, yy), cmap="RdYlBu", alpha=0.7)
    plt.scatter(ROWS[:, 0], ROWS[:, 1], c=LABELS)
    plt.xlim(xx.min(), xx.max())


def by_torch_ij_meshgrid() -> None:
    x, y = (torch.tensor(axis) for axis in (mesh()[0][0], mesh()[1][:, 0]))
    xx, yy = torch.meshgrid(x, y, indexing="ij")
    plt.contourf(xx, yy, torch.tensor(on(xx.numpy(), yy.numpy())), alpha=0.3)


def by_axes_vectors() -> None:
    xx, yy = mesh(80, 120)
    plt.contourf(xx[0], yy[:, 0], on(xx, yy))


def by_pcolormesh() -> None:
    xx, yy = mesh(90, 60)
    plt.pcolormesh(xx, yy, on(xx, yy))


def by_pcolormesh_gouraud() -> None:
    xx, yy = mesh(90, 60)
    plt.pcolormesh(xx, yy, on(xx, yy), shading="gouraud")


def by_pcolor() -> None:
    xx, yy = mesh(40, 50)
    plt.pcolor(xx, yy, on(xx, yy))


def by_imshow_lower() -> None:
    xx, yy = mesh(120, 100)
    plt.imshow(on(xx, yy), origin="lower", extent=box(xx, yy), aspect="auto")


def by_imshow_upper_turned() -> None:
    xx, yy = mesh(120, 100)
    plt.imshow(on(xx, yy)[::-1], extent=box(xx, yy))


def by_contourf_extent() -> None:
    xx, yy = mesh()
    plt.contourf(on(xx, yy), extent=box(xx, yy))


def by_contour_line() -> None:
    xx, yy = mesh()
    plt.contour(xx, yy, on(xx, yy, logit), levels=[0])


def by_half_probability_line() -> None:
    xx, yy = mesh()
    plt.contour(xx, yy, sigmoid(on(xx, yy, logit)), [0.5])


def by_smooth_probabilities() -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, sigmoid(on(xx, yy, logit)), 20)


def by_cut_probabilities() -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, sigmoid(on(xx, yy, logit)), levels=[0, 0.5, 1])


def by_cut_logits() -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, on(xx, yy, logit), levels=[-1000, 0, 1000])


def by_filling_one_class() -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, on(xx, yy, logit), levels=[0, 1000])


def by_booleans_on_ax() -> None:
    xx, yy = mesh()
    _, ax = plt.subplots()
    ax.contourf(xx, yy, on(xx, yy) > 0)


def by_minus_one_and_one() -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, 2 * on(xx, yy) - 1)


def by_scattered_grid() -> None:
    xx, yy = mesh(60, 70)
    plt.scatter(xx.ravel(), yy.ravel(), c=on(xx, yy).ravel(), s=2)


def by_scattered_colours() -> None:
    xx, yy = mesh(60, 70)
    plt.scatter(xx, yy, color=["blue" if one else "red" for one in on(xx, yy).ravel()])


def by_triangles() -> None:
    xx, yy = mesh(50, 50)
    plt.tricontourf(xx.ravel(), yy.ravel(), on(xx, yy).ravel())


def by_fine_grid() -> None:
    xx, yy = mesh(900, 800)
    plt.contourf(xx, yy, on(xx, yy))


def by_logits_under_a_line() -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, on(xx, yy, logit))
    plt.contour(xx, yy, on(xx, yy, logit), levels=[0], colors="k")


STYLES = [style for name, style in list(globals().items()) if name.startswith("by_")]


@pytest.mark.parametrize("draw", STYLES)
def test_a_true_boundary_is_true_however_it_is_drawn(watched: Watched, draw: Callable[[], None]) -> None:
    draw()
    verdict = shown(watched)
    assert (verdict.explanation, verdict.agreement) == ("true", pytest.approx(1, abs=0.004))
    assert verdict.compared > 500


@pytest.mark.parametrize("draw", STYLES)
def test_another_models_boundary_is_not_this_models(watched: Watched, draw: Callable[[], None]) -> None:
    draw()
    verdict = shown(watched, lambda rows: (rows @ np.array([1.0, -0.4]) > 0.2).astype(int))
    assert verdict.explanation == "other"
    assert verdict.agreement < 0.9


def swapped_columns(xx: Array, yy: Array) -> None:
    plt.contourf(xx, yy, on(yy, xx))


def turned_array(xx: Array, yy: Array) -> None:
    plt.contourf(xx, yy, on(xx, yy).T)


def turned_image(xx: Array, yy: Array) -> None:
    plt.imshow(on(xx, yy).T, origin="lower", extent=box(xx, yy))


@pytest.mark.parametrize("draw", [swapped_columns, turned_array, turned_image])
def test_exchanged_axes_are_called_transposed(watched: Watched, draw: Callable[[Array, Array], None]) -> None:
    draw(*np.meshgrid(np.linspace(-1, 2, 101), np.linspace(-4, 0.5, 101)))
    assert shown(watched).explanation == "transposed"


def egg_as_a_picture(watched: Watched, drawn: Callable[[Array], Array]) -> BoundaryVerdict:
    """A nearly round region computed up to the edges of its picture, as linspace does."""

    def egg(rows: Array) -> Array:
        x, y = np.asarray(rows).T
        return (np.hypot(1.06 * x, y) < 0.9).astype(int)

    side = np.linspace(-1.25, 1.25, 60)
    plt.imshow(drawn(on(*np.meshgrid(side, side), egg)), origin="lower", extent=(-1.25, 1.25, -1.25, 1.25))
    return shown(watched, egg)


def test_a_picture_computed_up_to_its_edges_is_true(watched: Watched) -> None:
    assert egg_as_a_picture(watched, lambda classes: classes).explanation == "true"


def test_such_a_picture_of_exchanged_axes_is_transposed(watched: Watched) -> None:
    assert egg_as_a_picture(watched, np.transpose).explanation == "transposed"


def test_places_beside_the_boundary_are_left_to_rounding(watched: Watched) -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, on(xx + (xx[0, 1] - xx[0, 0]) / 2, yy))
    verdict = shown(watched)
    assert (verdict.explanation, verdict.agreement) == ("true", 1)
    assert 3000 < verdict.compared < 3999


def test_a_region_that_exchange_leaves_alone_is_true(watched: Watched) -> None:
    def ring(rows: Array) -> Array:
        return (np.hypot(*np.asarray(rows).T) < 0.9).astype(int)

    x = np.linspace(-1.5, 1.5, 101)
    xx, yy = np.meshgrid(x, x)
    plt.contourf(xx, yy, on(yy, xx, ring))
    assert shown(watched, ring).explanation == "true"


def test_a_nearly_round_region_exchanged_is_transposed(watched: Watched) -> None:
    verdict = egg_exchanged(watched, 1.06)
    assert verdict.agreement > 0.98
    assert (verdict.explanation, verdict.transposed) == ("transposed", 1)


def test_a_round_region_that_hardly_differs_is_true(watched: Watched) -> None:
    verdict = egg_exchanged(watched, 1.006)
    assert verdict.exact < 1
    assert verdict.explanation == "true"


def test_two_models_that_agree_are_told_apart_beside_their_boundary(watched: Watched) -> None:
    by_contourf()
    axes = watched.axes()
    drawn = boundary_in(axes)
    assert drawn is not None
    own = compare_boundary(drawn, model)
    other = compare_boundary(drawn, lambda rows: (logit(rows) > 0.1).astype(int))
    assert (own.explanation, other.explanation) == ("true", "true")
    assert other.exact < 0.995 < own.exact


def egg_exchanged(watched: Watched, longer: float) -> BoundaryVerdict:
    def egg(rows: Array) -> Array:
        x, y = np.asarray(rows).T
        return (x**2 + (y / longer) ** 2 < 0.8).astype(int)

    x = np.linspace(-1.5, 1.5, 101)
    xx, yy = np.meshgrid(x, x)
    plt.contourf(xx, yy, on(yy, xx, egg))
    return shown(watched, egg)


def test_an_image_without_origin_stands_on_its_head(watched: Watched) -> None:
    xx, yy = mesh()
    plt.imshow(on(xx, yy), extent=box(xx, yy))
    assert shown(watched).explanation == "flipped"


def test_exchanged_classes_are_called_inverted(watched: Watched) -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, on(xx, yy, logit) < 0)
    verdict = shown(watched)
    assert (verdict.explanation, verdict.inverted) == ("inverted", pytest.approx(1))


@pytest.mark.parametrize("levels", [None, 5, [-20, -5, 0, 2, 20]])
def test_raw_logits_show_no_class(watched: Watched, levels: object) -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, on(xx, yy, logit), levels=levels)
    assert shown(watched).explanation == "raw-logits"


def test_raw_logits_of_another_model_are_other(watched: Watched) -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, on(xx, yy, lambda rows: rows @ np.array([3.0, 2.0])))
    assert shown(watched).explanation == "other"


CENTRES = np.array([[-2.5, 9.0], [4.7, 2.0], [-6.8, -6.8], [-8.8, 7.2]])


def nearest_centre(rows: Array) -> Array:
    return np.asarray(((np.asarray(rows)[:, None] - CENTRES) ** 2).sum(-1).argmin(1))


def blob_mesh() -> tuple[Array, Array]:
    return tuple(np.meshgrid(np.arange(-13, 9, 0.1), np.arange(-12, 14, 0.1)))  # type: ignore[return-value]


def test_four_classes(watched: Watched) -> None:
    xx, yy = blob_mesh()
    plt.contourf(xx, yy, on(xx, yy, nearest_centre), cmap="RdYlBu")
    verdict = shown(watched, nearest_centre)
    assert (verdict.explanation, verdict.agreement) == ("true", 1)


def test_four_classes_named_otherwise(watched: Watched) -> None:
    xx, yy = blob_mesh()
    plt.contourf(xx, yy, np.array([1, 2, 3, 0])[on(xx, yy, nearest_centre)])
    assert shown(watched, nearest_centre).explanation == "inverted"


def test_a_one_class_map_over_a_one_class_model_is_true(watched: Watched) -> None:
    xx, yy = mesh()
    plt.contourf(xx, yy, np.ones_like(xx))
    axes = watched.axes()
    drawn = boundary_in(axes)
    assert drawn is not None
    assert compare_boundary(drawn, lambda rows: np.ones(len(rows))).explanation == "true"
    assert compare_boundary(drawn, model).explanation == "other"


def test_points_and_curves_alone_are_no_boundary(watched: Watched) -> None:
    plt.scatter(ROWS[:, 0], ROWS[:, 1], c=LABELS)
    plt.plot([0.7, 0.6, 0.5])
    assert boundary_in(watched.axes()) is None


# ---------------------------------------------------------------- points


def points_at_once() -> None:
    plt.scatter(ROWS[:, 0], ROWS[:, 1], c=LABELS, cmap="RdYlBu")


def points_by_class() -> None:
    for label in (0, 1):
        plt.scatter(*ROWS[label == LABELS].T, label=str(label))


def points_as_markers() -> None:
    for label, style in enumerate(("ro", "b^")):
        plt.plot(*ROWS[label == LABELS].T, style)


def points_by_seaborn() -> None:
    sns.scatterplot(x=ROWS[:, 0], y=ROWS[:, 1], hue=LABELS)


def points_by_pandas() -> None:
    pd.DataFrame({"a": ROWS[:, 0], "b": ROWS[:, 1]}).plot.scatter("a", "b", c=LABELS)


@pytest.mark.parametrize(
    "draw", [points_at_once, points_by_class, points_as_markers, points_by_seaborn, points_by_pandas]
)
def test_drawn_rows_are_recognised(watched: Watched, draw: Callable[[], None]) -> None:
    draw()
    axes = watched.figures()[0].axes[0]
    seen = points_over(axes, ROWS, LABELS)
    assert (seen.share, seen.foreign, seen.labels_agree) == (1, 0, 1)
    assert points_over(axes, ROWS[:100]).share == 1
    assert points_over(axes, ROWS[:100]).foreign == pytest.approx(0.75)
    assert points_over(axes, ROWS + 0.01).share < 0.1


def test_rows_of_the_other_part_are_foreign(watched: Watched) -> None:
    by_scattered_grid()
    plt.scatter(ROWS[:300, 0], ROWS[:300, 1], c=1 - LABELS[:300])
    axes = watched.axes()
    test = points_over(axes, ROWS[300:])
    assert (test.share, test.foreign, test.labels_agree) == (0, 1, None)
    train = points_over(axes, ROWS[:300], LABELS[:300])
    assert (train.share, train.foreign, train.labels_agree) == (1, 0, 1)
    wrong = np.random.default_rng(1).permutation(LABELS[:300])
    agreement = points_over(axes, ROWS[:300], wrong).labels_agree
    assert agreement is not None and agreement < 0.8


def test_no_points_at_all(watched: Watched) -> None:
    by_imshow_lower()
    assert points_over(watched.axes(), ROWS).share == 0
