"""Graphs that no recorder wrote: refused with a reason, before memory or time is spent."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import UntrustedData
from grader.evidence.graph import matches, parse_graph, run_graph
from grader.evidence.graph_operators import CHECKED_KERNELS, kernel_for
from grader.evidence.operator_names import ALLOWED, IN_PLACE

ROWS = np.ones((4, 2), dtype=np.float32)
WEIGHTS = {"w": np.ones((3, 2), dtype=np.float32), "b": np.zeros(3, dtype=np.float32)}


def ref(name: str) -> dict[str, str]:
    return {"tensor": name}


def node(op: str, *args: Any, out: str = "y", **kwargs: Any) -> dict[str, Any]:
    return {"op": f"aten.{op}", "args": list(args), "out": [out], **({"kwargs": kwargs} if kwargs else {})}


def graph_of(*nodes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "input": {"name": "x", "features": [2], "dtype": "float32"},
        "parameters": ["w", "b"],
        "buffers": [],
        "constants": {},
        "nodes": list(nodes),
        "output": "y",
        **changes,
    }


LINEAR = graph_of(node("t.default", ref("w"), out="wt"), node("addmm.default", ref("b"), ref("x"), ref("wt")))


def run(data: object, weights: dict[str, np.ndarray] = WEIGHTS) -> np.ndarray:
    return run_graph(parse_graph(data, {}), weights, ROWS)


def test_the_honest_one_runs() -> None:
    np.testing.assert_array_equal(run(LINEAR), np.full((4, 3), 2.0))


@pytest.mark.parametrize(
    "junk",
    [
        None,
        [],
        "graph",
        {},
        graph_of(node("relu.default", ref("later")), node("relu.default", ref("x"), out="later")),
        graph_of(node("relu.default", ref("y"))),
        graph_of(node("relu.default", ref("x"), out="x")),
        graph_of(node("relu.default", ref("x"), out="w")),
        graph_of(node("relu.default", ref("x")), node("relu.default", ref("x"))),
        graph_of(node("relu.default", ref("x")), output="z"),
        graph_of(node("relu.default", {"tensor": "x", "more": 1})),
        graph_of(node("relu.default", {"tensor": ["x"]})),
        graph_of(node("relu.default", {"storage": 1234})),
        graph_of(node("relu.default", [[[[[[ref("x")]]]]]])),
        graph_of(node("relu.default", 2**63)),
        graph_of(node("relu.default", {"batch": 2**40})),
        graph_of(node("relu.default", {"float": "1e999"})),
        graph_of(node("relu.default", {"dtype": "complex64"})),
        graph_of(node("relu.default", "x" * 201)),
        graph_of(node("relu.default", [0] * 10_001)),
        graph_of(*[node("relu.default", ref("x"), out=f"n{i}") for i in range(2001)], output="x"),
        graph_of(*[node("cat.default", [ref("x")] * 5000, out=f"n{i}") for i in range(5)], output="x"),
        graph_of(nodes={"op": "aten.relu.default"}),
        graph_of(input={"name": "x", "features": [-1], "dtype": "float32"}),
        graph_of(constants={"c": {"parameter": True}}, output="x"),
        graph_of(aliases={"a": 3}, output="x"),
    ],
)
def test_junk_is_refused_when_read(junk: object) -> None:
    with pytest.raises(UntrustedData):
        parse_graph(junk, {})


@pytest.mark.parametrize(
    "op",
    [
        "aten.set_.source_Storage",
        "aten.as_strided.default",
        "aten.resize_.default",
        "aten.from_file.default",
        "aten.uniform_.default",
        "aten.add.out",
        "aten.mm.out",
        "aten.sum.dim_DimnameList",
        "aten.relu.nonsense",
        "aten.mm_.default",
        "aten.__dict__.default",
        "aten._reshape_from_tensor.default",
        "prims.add.default",
        "os.system.default",
        "aten.relu",
        "",
        7,
        None,
    ],
)
def test_unknown_operators_are_named(op: object) -> None:
    with pytest.raises(UntrustedData, match=r"operator|not a name"):
        parse_graph(graph_of({"op": op, "args": [ref("x")], "out": ["y"]}), {})


def test_no_overload_writes_into_a_given_tensor_unless_in_place() -> None:
    for base in ALLOWED | {f"{name}_" for name in IN_PLACE}:
        packet = getattr(torch.ops.aten, base, None)
        for overload in packet.overloads() if packet else ():
            try:
                kernel_for(f"aten.{base}.{overload}")
            except KeyError:
                continue
            if base.removesuffix("_") in CHECKED_KERNELS:
                continue
            arguments = getattr(packet, overload)._schema.arguments
            written = {argument.name for argument in arguments if argument.is_write}
            assert written <= ({"self"} if base.endswith("_") else set()), (base, overload, written)


HUGE = 10**9


@pytest.mark.parametrize(
    "steps",
    [
        [node("expand.default", ref("b"), [HUGE, 3], out="e"), node("clone.default", ref("e"))],
        [node("expand.default", [], self=ref("b"), size=[HUGE, 3])],
        [node("full.default", [HUGE, HUGE], 1.0)],
        [node("zeros.default", size=[HUGE])],
        [node("zeros.default", [{"batch": 2**30}])],
        [node("ones.default", [2] * 60)],
        [node("arange.default", HUGE)],
        [node("arange.start_step", 0, 1, {"float": "nan"})],
        [node("arange.start_step", 0, 1, 1e-12)],
        [node("linspace.default", 0, 1, HUGE)],
        [node("eye.default", HUGE)],
        [node("eye.m", HUGE, HUGE)],
        [node("repeat.default", ref("x"), [HUGE, 10])],
        [node("constant_pad_nd.default", ref("x"), [HUGE, HUGE], 0)],
        [node("new_zeros.default", ref("x"), [HUGE, 7])],
        [node("arange.default", 40_000_000, out="a"), node("unbind.int", ref("a"))],
        [node("arange.default", 40_000_000, out="a"), node("split.Tensor", ref("a"), 1)],
        [
            node("arange.default", 20_000, out="a"),
            node("view.default", ref("a"), [20_000, 1], out="c"),
            node("add.Tensor", ref("a"), ref("c")),
        ],
        [
            node("zeros.default", [20_000, 1], out="a"),
            node("zeros.default", [1, 20_000], out="c"),
            node("mm.default", ref("a"), ref("c")),
        ],
        [
            node("zeros.default", [7000, 7000], out="a"),
            node("mm.default", ref("a"), ref("a")),
        ],
        [node("zeros.default", [40_000_000], out=f"n{i}") for i in range(8)]
        + [node("dot.default", ref(f"n{i}"), ref("n7"), out=f"d{i}") for i in range(8)]
        + [node("relu.default", ref("x"))],
        [
            node("zeros.default", [2, 3, 4], out="d"),
            node("zeros.default", [5, 3, 1], out="k"),
            node("convolution.default", ref("d"), ref("k"), None, [1], [HUGE], [1], False, [0], 1),
        ],
        [
            node("arange.default", 30_000, out="i"),
            node("zeros.default", [4, 30_000], out="d"),
            node("index.Tensor", ref("d"), [None, ref("i")], out="big"),
            node("unsqueeze.default", ref("i"), 1, out="column"),
            node("index.Tensor", ref("d"), [None, ref("column"), ref("i")]),
        ],
    ],
)
def test_memory_is_refused_before_it_is_taken(steps: list[dict[str, Any]]) -> None:
    began = time.perf_counter()
    with pytest.raises(UntrustedData):
        run(graph_of(*steps))
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    "steps",
    [
        [node("mm.default", ref("x"), ref("w"))],
        [node("select.int", ref("x"), 1, 99)],
        [node("index.Tensor", ref("x"), [ref("i")])],
        [node("view.default", ref("x"), [7, 7])],
        [node("view.default", ref("x"), {"dtype": "float64"})],
        [node("embedding.default", ref("w"), ref("i"))],
        [
            node(
                "native_batch_norm.default",
                ref("x"),
                ref("b"),
                ref("b"),
                ref("b"),
                ref("b"),
                False,
                0.1,
                1e-5,
            )
        ],
        [node("native_layer_norm.default", ref("x"), [2], ref("b"), ref("b"), 1e-5)],
        [node("native_group_norm.default", ref("x"), ref("b"), ref("b"), 400, 300, 200, 3, 1e-5)],
        [node("native_dropout.default", ref("x"), 0.5, True)],
        [node("rrelu_with_noise.default", ref("x"), ref("x"), 0.1, 0.3, True)],
        [node("relu.default")],
        [node("relu.default", "x")],
        [node("softmax.int", ref("x"), 5)],
        [node("add.Tensor", ref("x"), ref("x"), nonsense=1)],
    ],
)
def test_what_does_not_fit_is_refused_not_run(steps: list[dict[str, Any]]) -> None:
    index = node("full.default", [1], 1000, out="i", dtype={"dtype": "int64"})
    with pytest.raises(UntrustedData):
        run(graph_of(index, *steps))


def test_weights_that_are_missing_or_no_numbers() -> None:
    with pytest.raises(UntrustedData, match="'w'"):
        run(LINEAR, {"b": WEIGHTS["b"]})
    with pytest.raises(UntrustedData, match="'w'"):
        run(LINEAR, {**WEIGHTS, "w": np.array(["a"])})
    with pytest.raises(UntrustedData):
        run(LINEAR, {**WEIGHTS, "w": np.ones((3, 5), dtype=np.float32)})


def test_in_place_operators_reach_neither_weights_nor_rows() -> None:
    data = graph_of(
        node("mul_.Tensor", ref("w"), 0, out="w2"),
        node("mul_.Tensor", ref("x"), 0, out="x2"),
        node("relu.default", ref("x2")),
    )
    assert not run(data).any()
    assert WEIGHTS["w"].all() and ROWS.all()


def test_matching_wants_shape_type_and_values() -> None:
    graph, outputs = parse_graph(LINEAR, {}), np.full((4, 3), 2.0, dtype=np.float32)
    assert matches(graph, WEIGHTS, ROWS, outputs + np.float32(1e-6))
    assert not matches(graph, WEIGHTS, ROWS, outputs + np.float32(1e-3))
    assert not matches(graph, WEIGHTS, ROWS, outputs.reshape(3, 4))
    assert not matches(graph, WEIGHTS, ROWS, outputs.astype(np.float64))
    assert not matches(graph, {}, ROWS, outputs)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "x", "w", "y", "aten.mm.default"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tensor", "batch", "dtype", "op"]), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(places(LINEAR)[1:]), junk=JUNK)
def test_one_place_spoilt_gives_numbers_or_a_refusal(place: tuple[Any, ...], junk: Any) -> None:
    data = copy.deepcopy(LINEAR)
    inside: Any = data
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = junk
    try:
        outputs = run(json.loads(json.dumps(data)))
    except UntrustedData:
        return
    assert isinstance(outputs, np.ndarray)
