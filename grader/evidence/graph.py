"""Models as graphs: junk is refused, the rest is run by an allow-list of operators in the grader's process.

Nothing of the student's code takes part. Sizes are bounded before a step is taken, not after.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.errors import UntrustedData
from grader.evidence.graph_operators import kernel_for, planned_elements
from grader.model.graph import (
    Argument,
    BatchMultiple,
    ElementType,
    GraphConstant,
    GraphNode,
    ModelGraph,
    TensorRef,
)

Array = np.ndarray[Any, Any]

MAX_NODES = 2000
MAX_NAME = 200
MAX_DEPTH = 4
MAX_LIST = 10_000
MAX_REFERENCES = 20_000
"""Tensors that all operators of a model take together."""
MAX_CONSTANT_ELEMENTS = 1_000_000
MAX_STEP_ELEMENTS = 50_000_000
"""What one operator may make, in elements: 200 MB of float32."""
MAX_HELD_ELEMENTS = 150_000_000
"""What may be alive at once."""
MAX_SECONDS = 20.0

ELEMENT_TYPES: Mapping[str, torch.dtype] = {
    name: getattr(torch, name)
    for name in (
        "float64",
        "float32",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
    )
}
IGNORED_OPTIONS = frozenset({"memory_format", "device", "layout", "pin_memory", "non_blocking"})


def parse_graph(data: object, tensors: Mapping[str, Array]) -> ModelGraph:
    """The graph that the recorder wrote, checked: each operator allowed, each name known before it is used.

    `tensors` holds the constants by their names in the graph. Raises `UntrustedData` for any junk.
    """
    fields = _mapping(data, "the graph")
    parameters, buffers = _names(fields.get("parameters")), _names(fields.get("buffers", []))
    aliases = {
        _name(name): _name(first) for name, first in _mapping(fields.get("aliases", {}), "aliases").items()
    }
    constants = _parse_constants(fields.get("constants", {}), tensors)
    rows = _mapping(fields.get("input"), "the input")
    known = {*parameters, *buffers, *constants, _name(rows.get("name"))}
    nodes = tuple(_parse_nodes(fields.get("nodes"), known))
    return ModelGraph(
        input=_name(rows.get("name")),
        features=tuple(_size(side) for side in _list(rows.get("features"))),
        dtype=_element_type(rows.get("dtype")),
        parameters=parameters,
        buffers=buffers,
        aliases=aliases,
        constants=constants,
        nodes=nodes,
        output=_known(fields.get("output"), known),
        notes=_names(fields.get("notes", [])),
    )


def _parse_constants(data: object, tensors: Mapping[str, Array]) -> dict[str, GraphConstant]:
    constants = {}
    for name, about in _mapping(data, "constants").items():
        values = tensors.get(_name(name))
        if values is None or values.dtype.kind not in "fiub" or values.size > MAX_CONSTANT_ELEMENTS:
            raise UntrustedData(f"the constant {_shown(name)} of a model is missing, too large or no numbers")
        kind = _mapping(about, "a constant")
        parameter, trainable = kind.get("parameter") is True, kind.get("trainable") is True
        constants[name] = GraphConstant(values=values, parameter=parameter, trainable=trainable)
    return constants


def _parse_nodes(data: object, known: set[str]) -> Iterator[GraphNode]:
    steps = _list(data)
    if len(steps) > MAX_NODES:
        raise UntrustedData(f"a model of {len(steps)} operators; at most {MAX_NODES} are read")
    made: set[str] = set()
    taken = 0
    for step in steps:
        node = _parse_node(_mapping(step, "a node"), known | made)
        given = [name for name in node.out if name]
        if len(set(given)) != len(given) or (known | made) & set(given):
            raise UntrustedData(f"two tensors of a model have one name: {_shown(given)}")
        made.update(given)
        taken += sum(1 for _ in references(node))
        if taken > MAX_REFERENCES:
            raise UntrustedData("the operators of a model take too many tensors")
        yield node
    known |= made


def _parse_node(step: Mapping[str, Any], known: set[str]) -> GraphNode:
    op = step.get("op")
    try:
        kernel_for(_name(op))
    except (KeyError, ValueError):
        raise UntrustedData(f"the operator {_shown(op)} is not among those that the grader runs") from None
    args = tuple(_argument(value, known, 0) for value in _list(step.get("args")))
    options = _mapping(step.get("kwargs", {}), "keyword arguments")
    kwargs = {
        _name(key): _argument(value, known, 0) for key, value in options.items() if key not in IGNORED_OPTIONS
    }
    out = tuple(None if name is None else _name(name) for name in _list(step.get("out")))
    return GraphNode(op=str(op), args=args, kwargs=kwargs, out=out)


def _argument(value: object, known: set[str], depth: int) -> Argument:
    if depth > MAX_DEPTH:
        raise UntrustedData("an argument of a model's operator is nested too deep")
    if isinstance(value, list):
        return tuple(_argument(item, known, depth + 1) for item in _list(value))
    if isinstance(value, dict):
        return _marked_argument(value, known)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UntrustedData("an argument of a model's operator is no 64-bit number")
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _name(value)


def _marked_argument(value: Mapping[str, Any], known: set[str]) -> Argument:
    match value:
        case {"tensor": name, **rest} if not rest:
            return TensorRef(name=_known(name, known))
        case {"batch": int(factor), **rest} if not rest and abs(factor) < 2**31:
            return BatchMultiple(factor=factor)
        case {"dtype": name, **rest} if not rest:
            return ElementType(name=_element_type(name))
        case {"float": ("inf" | "-inf" | "nan") as written, **rest} if not rest:
            return float(written)
    raise UntrustedData(f"not an argument of an operator: {_shown(value)}")


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UntrustedData(f"{what} of a model is no mapping")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_LIST:
        raise UntrustedData("a list in a model's graph is missing, too long or no list")
    return list(value)


def _names(value: object) -> tuple[str, ...]:
    return tuple(_name(item) for item in _list(value))


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME:
        raise UntrustedData(f"not a name in a model's graph: {_shown(value)}")
    return value


def _known(value: object, known: set[str]) -> str:
    name = _name(value)
    if name not in known:
        raise UntrustedData(f"a model uses {_shown(name)} before anything gives it")
    return name


def _size(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_STEP_ELEMENTS:
        raise UntrustedData(f"not a size: {_shown(value)}")
    return value


def _element_type(value: object) -> str:
    if not isinstance(value, str) or value not in ELEMENT_TYPES:
        raise UntrustedData(f"not an element type: {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return repr(value)[:80]


def run_graph(graph: ModelGraph, weights: Mapping[str, Array], rows: Array, *, double: bool = False) -> Array:
    """The model's outputs for `rows`, shape (N, features…), with any weights of the right names and shapes.

    With `double` all floating point work is done in float64, whatever the model's own precision.
    Raises `UntrustedData` where it cannot be run: a weight missing, shapes that do not fit, bounds passed.
    """
    values = tensor_values(graph, weights, rows, wanted={graph.output}, double=double)
    return values[graph.output].numpy()


def tensor_values(
    graph: ModelGraph,
    weights: Mapping[str, Array],
    rows: Array,
    *,
    wanted: set[str] | None = None,
    double: bool = False,
) -> dict[str, Tensor]:
    """The output and the tensors named in `wanted`, or all of them, as they were when made."""
    with _one_thread(), torch.inference_mode():
        run = _Run(graph, weights, rows, wanted, double)
        for index, node in enumerate(graph.nodes):
            run.step(index, node)
        return run.seen | {name: run.values[name] for name in {graph.output} & run.values.keys()}


def matches(graph: ModelGraph, weights: Mapping[str, Array], probe_rows: Array, probe_outputs: Array) -> bool:
    """Whether the graph gives what the student's model gave, to float rounding; False if it cannot run."""
    try:
        outputs = run_graph(graph, weights, probe_rows)
    except UntrustedData:
        return False
    if outputs.shape != probe_outputs.shape or outputs.dtype != probe_outputs.dtype:
        return False
    relative, absolute = (1e-9, 1e-10) if outputs.dtype == np.float64 else (1e-4, 1e-5)
    return bool(np.allclose(outputs, probe_outputs, rtol=relative, atol=absolute, equal_nan=True))


class _Run:
    """One pass through a graph, with what is alive in it."""

    def __init__(
        self,
        graph: ModelGraph,
        weights: Mapping[str, Array],
        rows: Array,
        wanted: set[str] | None,
        double: bool,
    ) -> None:
        self._double = double
        self._rows = len(rows)
        self._last_use = _last_uses(graph)
        self._output = graph.output
        self._wanted = wanted
        self._deadline = time.perf_counter() + MAX_SECONDS
        used = {name for node in graph.nodes for name in references(node)} | {graph.output}
        self.values = {graph.input: torch.tensor(rows).to(self._type(graph.dtype))}
        for name in used & {*graph.parameters, *graph.buffers}:
            self.values[name] = self._tensor(name, weights.get(name))
        for name in used & graph.constants.keys():
            self.values[name] = self._tensor(name, graph.constants[name].values)
        self.seen: dict[str, Tensor] = {}
        for name, tensor in self.values.items():
            self._show(name, tensor)

    def step(self, index: int, node: GraphNode) -> None:
        args = tuple(self._value(arg) for arg in node.args)
        kwargs = {key: self._value(value) for key, value in node.kwargs.items()}
        held = sum(tensor.numel() for tensor in self.values.values())
        planned = _called(node.op, planned_elements, (node.base, args, kwargs), {})
        if planned > MAX_STEP_ELEMENTS or held + planned > MAX_HELD_ELEMENTS:
            raise UntrustedData(f"{node.op} would make a tensor of {planned} elements")
        if time.perf_counter() > self._deadline:
            raise UntrustedData(f"the model takes longer than {MAX_SECONDS:.0f} s")
        self._keep(node, _called(node.op, kernel_for(node.op), args, kwargs))
        for name in self._last_use.get(index, ()):
            if name != self._output:
                self.values.pop(name, None)

    def _keep(self, node: GraphNode, result: Any) -> None:
        results = list(result) if isinstance(result, (list, tuple)) else [result]
        for name, value in zip(node.out, results, strict=False):
            if name is not None and isinstance(value, Tensor):
                self.values[name] = value
                self._show(name, value)

    def _show(self, name: str, tensor: Tensor) -> None:
        """Keep a copy for the caller: a later operator may write into the tensor."""
        if self._wanted is None or name in self._wanted - {self._output}:
            self.seen[name] = tensor.clone()

    def _value(self, argument: Argument) -> Any:
        if isinstance(argument, tuple):
            return [self._value(item) for item in argument]
        if isinstance(argument, TensorRef):
            if argument.name not in self.values:
                raise UntrustedData(f"a model uses {_shown(argument.name)}, which nothing gave")
            return self.values[argument.name]
        if isinstance(argument, BatchMultiple):
            return argument.factor * self._rows
        return self._type(argument.name) if isinstance(argument, ElementType) else argument

    def _type(self, name: str) -> torch.dtype:
        kind = ELEMENT_TYPES[name]
        return torch.float64 if self._double and kind.is_floating_point else kind

    def _tensor(self, name: str, values: Array | None) -> Tensor:
        if values is None or values.dtype.kind not in "fiub":
            raise UntrustedData(f"the weight {_shown(name)} of a model is missing or no numbers")
        tensor = torch.tensor(values)  # a copy: operators that work in place may not reach the caller's
        return tensor.double() if self._double and tensor.is_floating_point() else tensor


def references(node: GraphNode) -> Iterator[str]:
    """The names of all tensors that a node takes, in the order of its arguments."""
    yield from _references((*node.args, *node.kwargs.values()))


def _references(arguments: tuple[Argument, ...]) -> Iterator[str]:
    for argument in arguments:
        if isinstance(argument, TensorRef):
            yield argument.name
        elif isinstance(argument, tuple):
            yield from _references(argument)


def _last_uses(graph: ModelGraph) -> dict[int, list[str]]:
    """For each node's index, the names that no later node needs."""
    last = {
        name: index
        for index, node in enumerate(graph.nodes)
        for name in (*references(node), *node.out)
        if name
    }
    ends: dict[int, list[str]] = {}
    for name, index in last.items():
        ends.setdefault(index, []).append(name)
    return ends


def _called(op: str, kernel: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    try:
        return kernel(*args, **kwargs)
    except (
        Exception
    ) as error:  # whatever an operator has to say about arguments that a student's process made up
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UntrustedData(f"a model's graph cannot be run: {op}: {reason}") from error


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
