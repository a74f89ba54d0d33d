from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grader.evidence.figures import read_figures

TENSORS: dict[str, np.ndarray[Any, Any]] = {
    "three": np.array([1.0, 2.0, 3.0], dtype=np.float32),
    "four": np.arange(4),
    "points": np.zeros((3, 2)),
    "grid": np.zeros((4, 3)),
    "rgba": np.ones((3, 4)),
    "words": np.array(["a", "b", "c"]),
    "objects": np.array([object()] * 3),
    "empty": np.zeros(0),
    "scalar": np.zeros(()),
}


def axes(**parts: Any) -> dict[str, Any]:
    return {"title": "t", "at": [[1, 2]], "lines": [], "scatters": [], "fields": [], "bars": 0, **parts}


def event(*drawn: Any, **other: Any) -> dict[str, Any]:
    return {"kind": "figure", "cell": 4, "at": [[1, 2], [4, 1]], "axes": list(drawn), **other}


def line(**fields: Any) -> dict[str, Any]:
    return {"x": None, "y": "three", "label": "loss", "style": "--", "marker": "None", **fields}


def field(**fields: Any) -> dict[str, Any]:
    return {"how": "contourf", "x": "three", "y": "four", "z": "grid", "levels": None, **fields}


def scatter(**fields: Any) -> dict[str, Any]:
    return {"offsets": "points", "values": "three", "colors": None, "label": "", **fields}


def test_a_sound_event_is_read_whole() -> None:
    drawn = axes(
        lines=[line(x="three")],
        scatters=[scatter(), scatter(values=None, colors="rgba")],
        fields=[field(levels="three", extent=[0, 1, 2, 3.5], origin="upper")],
        legend=["a", "b"],
        bars=3,
    )
    (figure,) = read_figures([{"kind": "print"}, event(drawn, title="T")], TENSORS)
    (read,) = figure.axes
    assert (figure.cell, figure.title, figure.at, figure.dropped) == (4, "T", ((1, 2), (4, 1)), 0)
    assert (read.title, read.at, read.legend, read.bars) == ("t", ((1, 2),), ("a", "b"), 3)
    assert read.lines[0].y.tolist() == [1, 2, 3] and read.lines[0].style == "--"
    assert read.scatters[0].values is not None and read.scatters[1].colors is not None
    assert read.fields[0].extent == (0, 1, 2, 3.5) and read.fields[0].origin == "upper"
    assert read.fields[0].levels is not None and read.fields[0].levels.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "part",
    [
        {"lines": [line(y=None)]},
        {"lines": [line(y="nowhere")]},
        {"lines": [line(y=["three"])]},
        {"lines": [line(y="grid")]},
        {"lines": [line(y="words")]},
        {"lines": [line(y="objects")]},
        {"lines": [line(y="empty")]},
        {"lines": [line(y="scalar")]},
        {"lines": ["three"]},
        {"lines": {"y": "three"}},
        {"lines": None},
        {"scatters": [scatter(offsets="grid")]},
        {"scatters": [scatter(offsets="three")]},
        {"fields": [field(how="exec")]},
        {"fields": [field(z="three")]},
        {"fields": [field(x="four", y="three")]},
        {"fields": [field(x=None)]},
        {"fields": [field(how=["contourf"])]},
    ],
)
def test_junk_is_dropped_and_counted_beside_what_is_sound(part: dict[str, Any]) -> None:
    sound = axes(lines=[line()])
    (figure,) = read_figures([event(axes(**part), sound)], TENSORS)
    junk, kept = figure.axes
    assert (junk.lines, junk.scatters, junk.fields, figure.dropped) == ((), (), (), 1)
    assert kept.lines[0].label == "loss"


@pytest.mark.parametrize(
    "part",
    [
        {"lines": [line(x="four")]},
        {"scatters": [scatter(values="four")]},
        {"scatters": [scatter(values=None, colors="grid")]},
        {"fields": [field(extent=[0, 1, 2])]},
        {"fields": [field(extent=[0, 1, 2, float("inf")])]},
        {"fields": [field(extent=["0", 1, 2, 3])]},
        {"fields": [field(levels="grid")]},
        {"at": "here"},
        {"at": [[1, 2, 3]]},
        {"at": [[-1, True]]},
    ],
)
def test_a_bad_detail_costs_the_detail_alone(part: dict[str, Any]) -> None:
    (figure,) = read_figures([event(axes(**part))], TENSORS)
    (read,) = figure.axes
    assert figure.dropped == 1
    assert len(read.lines) + len(read.scatters) + len(read.fields) == (0 if "at" in part else 1)
    assert all(each.x is None for each in read.lines)
    assert all(each.values is None and each.colors is None for each in read.scatters)
    assert all(each.extent is None and each.levels is None for each in read.fields)


@pytest.mark.parametrize("drawn", [None, 7, "axes", {"0": axes()}, [None], [[axes()]]])
def test_an_event_of_junk_is_an_empty_figure(drawn: Any) -> None:
    (figure,) = read_figures([{"kind": "figure", "at": [], "axes": drawn, "cell": "4"}], TENSORS)
    assert (figure.axes, figure.cell) == ((), None)
    assert figure.dropped == 1


def test_texts_and_numbers_are_bounded() -> None:
    drawn = axes(title="x" * 10**6, xlabel=7, legend=["y" * 999] * 999, bars=-1, lines=[line(label=None)])
    (figure,) = read_figures([event(drawn, title={}, cell=True)], TENSORS)
    (read,) = figure.axes
    assert (len(read.title), read.xlabel, read.bars, read.lines[0].label) == (200, "", 0, "")
    assert len(read.legend) == 40 and len(read.legend[0]) == 200
    assert figure.cell is None


def test_floods_are_cut() -> None:
    flood = event(axes(lines=[line()] * 5000), *[axes()] * 100)
    figures = read_figures([flood] * 1000, TENSORS)
    assert (len(figures), len(figures[0].axes), len(figures[0].axes[0].lines)) == (200, 40, 400)
    assert figures[0].dropped == 4600 + 61


def test_what_the_recorder_cut_is_said() -> None:
    events = [event(axes(lines=[line(cut=True)])), event(axes()), event(axes(cut="no"))]
    assert [figure.cut for figure in read_figures(events, TENSORS)] == [True, False, False]


def test_events_that_are_no_objects_are_passed_over() -> None:
    assert read_figures([None, 3, "figure", ["kind", "figure"]], TENSORS) == ()  # type: ignore[list-item]
