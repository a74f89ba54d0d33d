"""Events from the student's process: what fits is read, everything else is dropped and counted."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.evidence.raw import (
    RawComparison,
    RawEvaluation,
    RawLossModule,
    RawModel,
    RawName,
    RawOptimizer,
    RawRun,
    RawSay,
    RawSeed,
    in_file_lines,
    read_events,
)
from grader.model.submission import Where
from tests.evidence.building import detail, events, name_event, run_event

SOUND: list[tuple[type, dict[str, Any]]] = [
    (RawRun, run_event()),
    (RawName, name_event("X", "t1", shape=(2000, 2))),
    (RawModel, {"kind": "model", "cell": 3, "model": "m1", "class": "Net"}),
    (
        RawOptimizer,
        {"kind": "optimizer", "cell": 4, "optimizer": "o1", "class": "SGD", "settings": {"lr": 0.1}},
    ),
    (RawEvaluation, {"kind": "evaluation", "cell": 5, "model": "m1"}),
    (
        RawComparison,
        {"kind": "comparison", "cell": 5, "shapes": [[400, 1], [400]], "dtypes": ["bool", "float32"]},
    ),
    (RawSay, {"kind": "say", "cell": 5, "text": "loss 0.5"}),
    (RawLossModule, {"kind": "loss_module", "cell": 4, "class": "BCEWithLogitsLoss"}),
    (RawSeed, {"kind": "seed", "cell": 1}),
]


@pytest.mark.parametrize(("kind", "event"), SOUND)
def test_what_the_recorder_writes_is_read(kind: type, event: dict[str, Any]) -> None:
    raw = events(event)
    assert len(raw.of(kind)) == 1
    assert raw.dropped == {}


@pytest.mark.parametrize(("kind", "event"), SOUND)
def test_a_newer_recorder_may_say_more(kind: type, event: dict[str, Any]) -> None:
    assert len(events({**event, "colour": "red"}).of(kind)) == 1


JUNK: list[tuple[dict[str, Any], str]] = [
    ({}, "no kind"),
    ({"kind": "spell"}, "spell"),
    ({"kind": 7}, "no kind"),
    ({"kind": ["run"]}, "no kind"),
    ({"kind": "x" * 500}, "x" * 40),
    ({"kind": "seed"}, "seed"),
    ({"kind": "seed", "cell": -1}, "seed"),
    ({"kind": "seed", "cell": 10**30}, "seed"),
    ({"kind": "seed", "cell": "five"}, "seed"),
    ({"kind": "seed", "cell": 1, "at": [[1, 2]] * 401}, "seed"),
    ({"kind": "seed", "cell": 1, "at": [["a", "b"]]}, "seed"),
    (run_event(order="ZBX"), "run"),
    (run_event(order="Z" * 65), "run"),
    (run_event(backwards=-3), "run"),
    (run_event(details=[detail(n) for n in range(101)]), "run"),
    (run_event(details="many"), "run"),
    (run_event(head=[{"op": 3}]), "run"),
    (name_event("X", "t1", shape=[1] * 17), "name"),
    (name_event("X", "t1", type="secret"), "name"),
    ({"kind": "model", "cell": 1, "model": "m", "class": "C", "state": ["w"]}, "model"),
    ({"kind": "comparison", "cell": 1, "shapes": [[4]], "dtypes": ["bool", "bool"]}, "comparison"),
]


@pytest.mark.parametrize(("event", "counted"), JUNK)
def test_junk_is_dropped_and_counted(event: dict[str, Any], counted: str) -> None:
    raw = events(event, {"kind": "say", "cell": 1, "text": "still here"})
    assert raw.dropped == {counted: 1}
    assert [said.text for said in raw.of(RawSay)] == ["still here"]


def test_junk_of_one_kind_is_counted_together() -> None:
    assert events({"kind": "seed"}, {"kind": "seed"}, {"kind": "run"}).dropped == {"seed": 2, "run": 1}


def test_things_that_are_no_events_at_all_are_dropped() -> None:
    raw = read_events([None, 3, "text", [1]], {})  # type: ignore[list-item]  # lies about the type
    assert raw.dropped == {"no kind": 4}


def test_what_other_readers_read_is_no_junk() -> None:
    assert events({"kind": "figure"}, {"kind": "cell"}, {"kind": "end"}, {"kind": "problem"}).dropped == {}


def test_nesting_without_end_is_dropped() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    lies = in_file_lines([name_event("X", "t1", shape=deep), {"kind": deep}], {1: 1})
    assert read_events(lies, {}).dropped == {"name": 1, "no kind": 1}


def test_long_text_is_cut() -> None:
    (said,) = events({"kind": "say", "cell": 1, "text": "x" * 10_000}).of(RawSay)
    assert len(said.text) == 4000


def test_places_are_the_innermost_and_the_outermost_line() -> None:
    (seed,) = events({"kind": "seed", "cell": 4, "at": [[4, 2], [1, 9]]}).of(RawSeed)
    assert (seed.where, seed.outer) == (Where(cell=1, line=9), Where(cell=4, line=2))
    (bare,) = events({"kind": "seed", "cell": 4}).of(RawSeed)
    assert (bare.where, bare.outer) == (None, Where(cell=4))


def test_references_give_arrays_that_were_read_and_nothing_else() -> None:
    raw = events(t1=np.arange(3))
    assert raw.array("t1") is not None and raw.array("t2") is None and raw.array(None) is None
    assert list(raw.arrays({"weight": "t1", "bias": "gone", "other": None})) == ["weight"]


def test_kinds_that_never_happened_are_empty() -> None:
    assert events().of(RawRun) == ()


KINDS = st.sampled_from([event["kind"] for _, event in SOUND])
FIELDS = st.sampled_from(sorted({field for _, event in SOUND for field in event}))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(FIELDS | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(FIELDS | st.text(max_size=4), VALUES, max_size=6), max_size=4), KINDS)
@settings(max_examples=150, deadline=None)
def test_no_json_whatever_breaks_the_reader(given_events: list[dict[str, Any]], kind: str) -> None:
    lies = [*given_events, *({**event, "kind": kind} for event in given_events)]
    raw = read_events(in_file_lines(json.loads(json.dumps(lies)), {1: 5}), {})
    assert sum(map(len, raw.by_kind.values())) + sum(raw.dropped.values()) <= len(lies)


@given(st.sampled_from([event for _, event in SOUND]), FIELDS, VALUES)
@settings(max_examples=150, deadline=None)
def test_one_field_turned_into_a_lie_is_read_or_counted(
    event: dict[str, Any], field: str, value: Any
) -> None:
    raw = read_events([{**event, field: value}], {})
    kinds = sum(map(len, raw.by_kind.values())) + sum(raw.dropped.values())
    assert kinds == 1 or value in ("figure", "cell", "end", "problem")


# ---------------------------------------------------------------- lines of a script


def test_places_are_counted_in_lines_of_the_file() -> None:
    event = run_event(at=[[2, 3], [1, 1]], details=[detail(0, place=[[2, 4]])])
    moved = in_file_lines([event], {1: 1, 2: 11})[0]
    assert moved["at"] == [[2, 13], [1, 1]]
    assert moved["details"][0]["place"] == [[2, 14]]
    assert moved["order"] == event["order"] and event["at"] == [[2, 3], [1, 1]]


@pytest.mark.parametrize(
    "junk", [7, "here", [1, 2], [[1]], [["a", "b"]], {"cell": 1}, [[None, None]], [[[1], 2]]]
)
def test_places_that_are_junk_stay_junk(junk: Any) -> None:
    moved = in_file_lines([{"kind": "seed", "cell": 1, "at": junk}], {1: 5})
    assert moved[0]["at"] == junk
    assert read_events(moved, {}).dropped == {"seed": 1}
