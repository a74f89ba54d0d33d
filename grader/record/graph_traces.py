"""What two runs of a model left behind, reduced to what its output needs and laid upon each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

SHORT_BATCH, LONG_BATCH = 5, 8
MAX_NODES = 2000


@dataclass(frozen=True)
class Untraceable:
    """Why a model cannot be written down as a graph."""

    reason: str
    """`raised`, `random-numbers`, `layers-made-in-forward`, `batch-size`, `data-values`, `no-tensor-output`,
    `too-large` or `unsupported-argument`."""
    detail: str = ""


class NotTraceable(Exception):
    """Carries an `Untraceable` out of the tracing."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.verdict = Untraceable(reason, detail[:300])


@dataclass
class Node:
    op: str
    args: list[Any]
    kwargs: dict[str, Any]
    out: list[str | None]
    mutates: bool
    random: bool


@dataclass
class Trace:
    """One run of the model."""

    rows: int
    nodes: list[Node] = field(default_factory=list)
    output: str = ""
    constants: dict[str, Tensor] = field(default_factory=dict)
    kinds: dict[str, dict[str, bool]] = field(default_factory=dict)
    """What each constant was in the student's process: `parameter`, `trainable`."""
    storages: dict[str, int] = field(default_factory=dict)
    reads_values: bool = False


def tidied(trace: Trace) -> Trace:
    """Only what the output needs, under names counted from zero, so that two traces can be compared."""
    live = _live_nodes(trace)
    if len(live) > MAX_NODES:
        raise NotTraceable("too-large", f"{len(live)} operators")
    drawn = next((node.op for node in live if node.random), None)
    if drawn:
        raise NotTraceable("random-numbers", drawn)
    made = [name for node in live for name in node.out if name]
    new_names = {name: f"%{number}" for number, name in enumerate(made)}
    used = {name for node in live for name in _tensor_names([node.args, node.kwargs])} | {trace.output}
    kept = [name for name in trace.constants if name in used]
    new_names |= {name: f"%const{number}" for number, name in enumerate(kept)}
    return Trace(
        rows=trace.rows,
        nodes=[_renamed(node, new_names) for node in live],
        output=new_names.get(trace.output, trace.output),
        constants={new_names[name]: trace.constants[name] for name in kept},
        kinds={new_names[name]: trace.kinds[name] for name in kept},
        reads_values=trace.reads_values,
    )


def _live_nodes(trace: Trace) -> list[Node]:
    """The nodes that the output depends on, by a name or by a write into memory that is read later."""
    needed = {trace.output}
    memory = {trace.storages.get(trace.output)}
    live = []
    for node in reversed(trace.nodes):
        names = {name for name in node.out if name}
        writes = node.mutates and any(trace.storages.get(name) in memory for name in names)
        if writes or names & needed:
            live.append(node)
            needed |= set(_tensor_names([node.args, node.kwargs]))
            memory |= {trace.storages[name] for name in needed if name in trace.storages}
    return live[::-1]


def _tensor_names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "tensor" in value:
            yield value["tensor"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _tensor_names(item)


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    args, kwargs = _with_names(node.args, names), _with_names(node.kwargs, names)
    out = [names[name] if name else None for name in node.out]
    return Node(node.op, args, kwargs, out, node.mutates, node.random)


def _with_names(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_with_names(item, names) for item in value]
    if isinstance(value, dict):
        if "tensor" in value:
            return {"tensor": names.get(value["tensor"], value["tensor"])}
        return {key: _with_names(item, names) for key, item in value.items()}
    return value


def same_constants(short: Trace, long: Trace) -> dict[str, Tensor]:
    """The constants of both runs; a difference means that they were computed from the rows."""
    if short.constants.keys() != long.constants.keys():
        raise NotTraceable("batch-size", "a different number of constants")
    for name, tensor in short.constants.items():
        other = long.constants[name]
        if tensor.shape != other.shape:
            raise NotTraceable("batch-size", f"a tensor of shape {tuple(tensor.shape)} made outside PyTorch")
        if not torch.allclose(tensor.double(), other.double(), equal_nan=True):
            raise NotTraceable("data-values", f"a tensor of shape {tuple(tensor.shape)} made outside PyTorch")
    return short.constants


def merged_nodes(short: Trace, long: Trace) -> list[dict[str, Any]]:
    operators = [node.op for node in short.nodes], [node.op for node in long.nodes]
    if operators[0] != operators[1] or short.output != long.output:
        raise NotTraceable(
            "batch-size",
            f"{len(operators[0])} operators for {short.rows} rows, {len(operators[1])} for {long.rows}",
        )
    return [_merged_node(one, other) for one, other in zip(short.nodes, long.nodes, strict=True)]


def _merged_node(one: Node, other: Node) -> dict[str, Any]:
    if one.out != other.out:
        raise NotTraceable("batch-size", f"{one.op} gives another number of tensors")
    merged = {"op": one.op, "args": _merged(one.args, other.args, one.op), "out": one.out}
    kwargs = _merged(one.kwargs, other.kwargs, one.op)
    return {**merged, "kwargs": kwargs} if kwargs else merged


def _merged(one: Any, other: Any, op: str) -> Any:
    """An argument of both runs: itself where they agree, `{"batch": k}` where it is k times the batch."""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_merged(a, b, op) for a, b in zip(one, other, strict=True)]
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: _merged(one[key], other[key], op) for key in one}
    if one == other and type(one) is type(other):
        return one
    if type(one) is int and type(other) is int and one * LONG_BATCH == other * SHORT_BATCH:
        return {"batch": one // SHORT_BATCH}
    raise NotTraceable(
        "data-values" if isinstance(one, float) else "batch-size", f"{op}: {one} and {other}"[:200]
    )
