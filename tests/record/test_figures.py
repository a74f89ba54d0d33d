from __future__ import annotations

import random
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
import torch
from matplotlib.ticker import LogLocator

from tests.drawing import Watched, watching

CURVE = [0.9, 0.7, 0.55, 0.5]
X, Y = np.meshgrid(np.linspace(-1, 1, 12), np.linspace(0, 3, 15))
Z = (X + Y > 1).astype(float)


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watching() as watched:
        yield watched


def plot_and_close() -> None:
    plt.plot(CURVE)
    plt.close()


def plot_and_close_all() -> None:
    plt.plot(range(4), CURVE)
    plt.close("all")


def plot_on_axes() -> None:
    _, ax = plt.subplots()
    ax.plot(torch.tensor(CURVE))


def plot_without_pyplot() -> None:
    from matplotlib.figure import Figure

    Figure().subplots().plot(CURVE)


def plot_on_twin() -> None:
    ax = plt.figure().add_subplot()
    ax.set_ylabel("loss")
    ax.twinx().plot(np.float32(CURVE))


def plot_by_pandas() -> None:
    pd.DataFrame({"loss": CURVE}).plot()


def plot_by_pandas_index() -> None:
    pd.Series(CURVE, index=pd.date_range("2026-01-01", periods=4)).plot()


def plot_by_seaborn() -> None:
    sns.lineplot(x=range(4), y=CURVE)


def plot_then_clear_and_draw_again() -> None:
    plt.plot(CURVE)
    plt.clf()
    plt.plot([5.0, 6.0])


def plot_then_clear_axes() -> None:
    _, ax = plt.subplots()
    ax.plot(CURVE)
    ax.clear()


def plot_with_gap() -> None:
    plt.plot(np.ma.masked_array([*CURVE, 9.0], mask=[0, 0, 0, 0, 1]))


def plot_with_strings() -> None:
    plt.plot(["a", "b", "c", "d"], CURVE)


def plot_filled_in_later() -> None:
    (line,) = plt.plot([], [])
    line.set_data(range(4), CURVE)


def plot_in_subfigure() -> None:
    plt.figure().subfigures(1, 2)[1].subplots().plot(CURVE)


def plot_saved(tmp: str = "/dev/null") -> None:
    fig, ax = plt.subplots()
    ax.semilogy(CURVE)
    fig.savefig(tmp, format="png")
    plt.close(fig)


STYLES = [
    plot_and_close,
    plot_and_close_all,
    plot_on_axes,
    plot_without_pyplot,
    plot_on_twin,
    plot_by_pandas,
    plot_by_pandas_index,
    plot_by_seaborn,
    plot_then_clear_and_draw_again,
    plot_then_clear_axes,
    plot_with_gap,
    plot_with_strings,
    plot_filled_in_later,
    plot_in_subfigure,
    plot_saved,
]


@pytest.mark.parametrize("draw", STYLES)
def test_a_curve_is_seen_however_it_is_drawn(watched: Watched, draw: object) -> None:
    draw()  # type: ignore[operator]
    lines = [line.y[:4] for figure in watched.figures() for axes in figure.axes for line in axes.lines]
    assert any(len(y) == 4 and np.allclose(y, CURVE) for y in lines)
    assert not [event for event in watched.events if event["kind"] == "problem"]


def test_texts_and_places(watched: Watched) -> None:
    fig, (left, right) = plt.subplots(1, 2)
    fig.suptitle("Both")
    left.plot(CURVE, "r--", label="train")
    left.plot(CURVE)
    right.plot(CURVE)
    left.set(title="Loss", xlabel="epoch", ylabel="BCE")
    left.legend()
    right.set_title("x" * 1000)
    (figure,) = watched.figures()
    one, two = figure.axes
    assert (figure.title, one.title, one.xlabel, one.ylabel, one.legend) == (
        "Both",
        "Loss",
        "epoch",
        "BCE",
        ("train",),
    )
    assert (one.lines[0].label, one.lines[0].style) == ("train", "--")
    assert len(two.title) == 200
    assert (figure.at, one.at, two.at) == (((3, 1),), ((3, 1),), ((3, 2),))


def test_each_figure_once_per_cell_that_draws_on_it(watched: Watched) -> None:
    _, ax = plt.subplots()
    ax.plot(CURVE)
    assert len(watched.figures()) == 1
    assert len(watched.figures()) == 1
    ax.plot(CURVE)
    again = watched.figures()
    assert len(again) == 2
    assert len(again[1].axes[0].lines) == 2


def test_scatter_keeps_points_and_what_colours_them(watched: Watched) -> None:
    plt.scatter(X[0], Y[0], c=torch.tensor([0.0, 1.0] * 6))
    plt.scatter([1], [2], color="red", label="reds")
    by_value, by_colour = watched.axes().scatters
    assert by_value.values is not None and by_value.values.tolist() == [0, 1] * 6
    assert np.allclose(by_value.offsets, np.column_stack((X[0], Y[0])))
    assert by_colour.values is None and by_colour.colors is not None
    assert by_colour.colors.tolist() == [[1, 0, 0, 1]] and by_colour.label == "reds"


@pytest.mark.parametrize("how", ["contourf", "contour", "pcolormesh", "pcolor"])
@pytest.mark.parametrize("given", ["meshes", "axes", "ij", "tensors"])
def test_grids_come_back_whole(watched: Watched, how: str, given: str) -> None:
    x, y, z = {
        "meshes": (X, Y, Z),
        "axes": (X[0], Y[:, 0], Z),
        "ij": (X.T, Y.T, Z.T),
        "tensors": (torch.tensor(X), torch.tensor(Y), torch.tensor(Z)),
    }[given]
    getattr(plt, how)(x, y, z)
    (field,) = watched.axes().fields
    assert field.x is not None and field.y is not None
    places = np.meshgrid(field.x, field.y) if field.x.shape != field.z.shape else (field.x, field.y)
    seen = {(round(a, 3), round(b, 3), c) for a, b, c in np.stack([*places, field.z], -1).reshape(-1, 3)}
    assert seen == {(round(a, 3), round(b, 3), c) for a, b, c in np.stack([X, Y, Z], -1).reshape(-1, 3)}


def test_levels_are_those_that_were_drawn(watched: Watched) -> None:
    plt.contourf(X, Y, Z, levels=[-1, 0.5, 2])
    plt.contour(X, Y, Z, [0.5])
    plt.contourf(X, Y, Z, 7)
    filled, line, counted = watched.axes().fields
    assert filled.levels is not None and filled.levels.tolist() == [-1, 0.5, 2]
    assert line.levels is not None and line.levels.tolist() == [0.5] and line.how == "contour"
    assert counted.levels is not None and len(counted.levels) > 5


def test_colour_bars_are_no_drawings(watched: Watched) -> None:
    plt.contourf(X, Y, Z)
    plt.colorbar()
    assert len(watched.axes().fields) == 1


def test_a_grid_changed_after_drawing_keeps_what_was_drawn(watched: Watched) -> None:
    z = Z.copy()
    plt.contourf(X, Y, z)
    z[:] = 7
    assert watched.axes().fields[0].z.max() == 1


def test_big_grids_are_thinned_and_say_so(watched: Watched) -> None:
    x = np.linspace(0, 1, 1500)
    plt.contourf(x, x, np.add.outer(x, x) > 1)
    (figure,) = watched.figures()
    (field,) = figure.axes[0].fields
    assert figure.cut and field.z.size <= 250_000
    assert field.x is not None and field.x[0] == 0 and field.x[-1] > 0.99


def test_endless_drawing_is_bounded_but_its_end_is_kept(watched: Watched) -> None:
    for number in range(100):
        plt.plot([float(number), 0])
        plt.close()
    seen = [figure.axes[0].lines[0].y[0] for figure in watched.figures()]
    assert len(seen) == 40 and seen[0] == 0 and seen[-1] == 99


def test_odd_things_are_left_out_without_a_word(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    plt.imshow(np.zeros((4, 4, 3)))
    plt.scatter([], [])
    plt.plot([1, 2], [None, None])
    plt.plot([1, 2], [3, 4])
    plt.hist([1, 2, 3], bins=3)
    plt.tripcolor([0, 1, 0, 1], [0, 0, 1, 1], facecolors=[1, 2])
    plt.tricontourf([0, 1, 0], [0, 0, 1], [[0, 1, 2]], [5, 6, 7])
    axes = watched.axes()
    assert axes.lines[-1].y.tolist() == [3, 4]
    assert (axes.fields, axes.scatters, axes.bars) == ((), (), 3)
    assert watched.figures()[0].dropped == 0
    assert capsys.readouterr() == ("", "")


def test_a_fault_of_ours_never_reaches_the_student(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched.watch, "_place", lambda: 1 / 0)
    (line,) = plt.plot(CURVE)
    assert line.get_ydata().tolist() == CURVE
    assert "ZeroDivisionError" in watched.events[0]["text"]


def test_the_students_errors_stay_as_they_were(watched: Watched) -> None:
    with pytest.raises(ValueError, match="same first dimension"):
        plt.plot([1, 2, 3], CURVE)
    with pytest.raises(TypeError, match="must be 2D"):
        plt.contourf([1, 2, 3])


def test_warnings_point_at_the_students_line(watched: Watched) -> None:
    with pytest.warns(UserWarning, match="Log scale") as warned:
        plt.contourf(X, Y, Z, locator=LogLocator())
        plt.gca().contourf(X, Y, Z, locator=LogLocator())
    assert [each.filename for each in warned] == [__file__, __file__]


def test_drawing_moves_no_random_state_and_no_pixel(watched: Watched) -> None:
    def picture() -> bytes:
        fig, ax = plt.subplots()
        ax.contourf(X, Y, Z)
        ax.scatter(X, Y, c=Z)
        ax.plot(CURVE)
        watched.watch.end_of_cell()
        fig.canvas.draw()
        return bytes(fig.canvas.buffer_rgba())  # type: ignore[attr-defined]

    states = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # type: ignore[index,union-attr]
    seen = picture()
    assert states == (
        random.getstate(),
        np.random.get_state()[1].tolist(),  # type: ignore[index,union-attr]
        torch.get_rng_state().tolist(),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watched.watch, "end_of_cell", lambda: None)
        assert picture() == seen


def test_matplotlib_is_hooked_when_the_student_imports_it() -> None:
    program = """
        import sys
        from grader.record.figures import FigureWatch
        events = []
        watch = FigureWatch(lambda array: "a", events.append, lambda: [[1, 1]])
        watch.install()
        assert "matplotlib" not in sys.modules
        watch.end_of_cell()
        import matplotlib.pyplot as plt
        plt.switch_backend("Agg")
        plt.contourf([[1, 2], [3, 4]])
        plt.close()
        watch.end_of_cell()
        print(events[0]["kind"], len(events[0]["axes"][0]["fields"]))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("figure 1\n", "")
