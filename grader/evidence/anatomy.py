"""A model's graph, connected: what depends on the data, what is learned, what is affine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from grader.evidence.graph import references, tensor_values
from grader.evidence.operator_names import ACTIVATIONS, CREATIONS, CURVED, PRODUCTS, VIEWS
from grader.evidence.recognise import SHOWN, function_name, operator_name
from grader.model.graph import Activation, GraphNode, LinearMap, ModelGraph

Array = np.ndarray[Any, Any]
Weights = Mapping[str, Array]

SAMPLE_ROWS = 64
OWN_STATISTICS = frozenset({"native_layer_norm", "native_group_norm"})
"""Normalisations by statistics of each row, which are not affine."""


class Anatomy:
    """A graph with the values that flow through it on 64 fixed rows.

    Raises `UntrustedData` where it cannot be run.
    """

    def __init__(self, graph: ModelGraph, weights: Weights) -> None:
        self.graph = graph
        self.values = tensor_values(graph, weights, sample_rows(graph, SAMPLE_ROWS), double=True)
        self._taken = [_depends_on(node) for node in graph.nodes]
        self._data: dict[tuple[str, int], bool] = {}
        self._writers: dict[str, list[int]] = {}
        self._owner: dict[str, str] = {}
        self._source: dict[str, int] = {}
        self._connect()

    def _connect(self) -> None:
        """Note which node gives each name, and which nodes write into the memory that a name looks at."""
        for index, node in enumerate(self.graph.nodes):
            first = next(references(node), None)
            for name in filter(None, node.out):
                self._source[name] = index
                shares = first is not None and (node.base in VIEWS or node.in_place)
                self._owner[name] = self.owner(first) if shares and first else name
            if node.in_place and first is not None:
                self._writers.setdefault(self.owner(first), []).append(index)

    def owner(self, name: str) -> str:
        """The tensor whose memory this one is a view of; itself if of none."""
        return self._owner.get(name, name)

    def sources(self, name: str, before: int) -> Iterator[int]:
        """Nodes that decide what `name` holds when node `before` reads it: its maker and later writers."""
        if name in self._source:
            yield self._source[name]
        yield from (index for index in self._writers.get(self.owner(name), ()) if index < before)

    def ancestors(self, names: Iterable[str], before: int) -> tuple[set[int], set[str]]:
        """All nodes, and all tensors that no node makes, that `names` depend on."""
        nodes: set[int] = set()
        leaves: set[str] = set()
        pending = [(name, before) for name in names]
        while pending:
            name, limit = pending.pop()
            if name not in self._source:
                leaves.add(name)
            for index in set(self.sources(name, limit)) - nodes:
                nodes.add(index)
                pending += [(taken, index) for taken in self._taken[index]]
        return nodes, leaves

    @cached_property
    def live(self) -> list[int]:
        """Nodes on the way from the input to the output, in order."""
        needed, _ = self.ancestors([self.graph.output], len(self.graph.nodes))
        return [index for index in sorted(needed) if self._has_data(index)]

    def _has_data(self, index: int) -> bool:
        return any(self.is_data(name, index) for name in self._taken[index])

    def is_data(self, name: str, before: int) -> bool:
        """Whether the tensor depends on the rows."""
        key = (name, before)
        if key not in self._data:
            self._data[key] = self.graph.input in self.ancestors([name], before)[1]
        return self._data[key]

    def data_operands(self, index: int) -> list[str]:
        return [name for name in self._taken[index] if self.is_data(name, index)]

    def learned_leaves(self, name: str, before: int) -> tuple[str, ...]:
        """Weights that a tensor is made of, in the graph's order."""
        leaves = self.ancestors([name], before)[1]
        return tuple(leaf for leaf in (*self.graph.parameters, *self.graph.constants) if leaf in leaves
                     and self.graph.is_weight(leaf))  # fmt: skip

    @cached_property
    def linear(self) -> list[LinearMap]:
        """Products of the data with learned matrices, in the order of the data."""
        found = (self._linear_at(index) for index in self.live)
        return [layer for layer in found if layer is not None]

    def _linear_at(self, index: int) -> LinearMap | None:
        node = self.graph.nodes[index]
        if node.base not in PRODUCTS or node.base == "_trilinear":
            return None
        factors = _factors(node)
        data = [name for name in factors if self.is_data(name, index)]
        others = [name for name in factors if name not in data]
        if len(data) != 1 or len(others) != 1:
            return None
        weights = self.learned_leaves(others[0], index)
        sides = self._sides(node, data[0], others[0], factors)
        if not weights or sides is None:
            return None
        bias = self._bias_at(index)
        return LinearMap(inputs=sides[0], outputs=sides[1], weights=weights, bias=bias, node=index)

    def _sides(self, node: GraphNode, data: str, weight: str, factors: list[str]) -> tuple[int, int] | None:
        """Features that go in and come out; None where a convolution looks at more than one place."""
        matrix = self.values[weight]
        if node.base == "convolution":
            one_place = math.prod(matrix.shape[2:]) == 1 or self.values[data].shape[2:] == matrix.shape[2:]
            return (math.prod(matrix.shape[1:]), matrix.shape[0]) if one_place else None
        if node.base == "linear":
            return matrix.shape[-1], math.prod(matrix.shape[:-1])
        if matrix.dim() < 2:
            return matrix.shape[0], 1
        ends = matrix.shape[-2], matrix.shape[-1]
        return ends if weight == factors[1] else ends[::-1]

    def _bias_at(self, index: int) -> str | None:
        """The learned tensor that is added: by the product itself, or by the next operator on its result."""
        node = self.graph.nodes[index]
        taken = set(self._taken[index]) - set(_factors(node))
        if not taken and (adder := self._adder_after(index)) is not None:
            taken = set(self._taken[adder]) - set(node.out)
        learned = [leaf for name in sorted(taken) for leaf in self.learned_leaves(name, index)]
        return learned[0] if learned else None

    def _adder_after(self, index: int) -> int | None:
        """The node that adds something learned, and no data, to a product's result and to nothing else."""
        made = set(self.graph.nodes[index].out)
        following = [later for later in self.live if made & set(self._taken[later])]
        if len(following) != 1 or self.graph.nodes[following[0]].base != "add":
            return None
        added = [name for name in self._taken[following[0]] if name not in made]
        learned = any(self.learned_leaves(name, following[0]) for name in added)
        return (
            following[0] if learned and not any(self.is_data(name, following[0]) for name in added) else None
        )

    def biased_result(self, layer: LinearMap) -> str:
        """Name of what a linear layer gives, its bias added."""
        adder = self._adder_after(layer.node) if layer.bias else None
        return self.graph.nodes[layer.node if adder is None else adder].out[0] or self.graph.output

    @cached_property
    def curved(self) -> list[int]:
        """Nodes on the data's way that are not affine in the data."""
        return [index for index in self.live if self._is_curved(index)]

    def _is_curved(self, index: int) -> bool:
        node = self.graph.nodes[index]
        data = self.data_operands(index)
        if node.base in ACTIVATIONS | CURVED | OWN_STATISTICS or node.base == "embedding":
            return not self._chooses_by_constant(node, data)
        if node.base in PRODUCTS | {"mul", "addcmul", "addcdiv", "lerp"}:
            return len([name for name in _factors(node) if name in data]) > 1
        if node.base in ("div", "index", "index_select", "masked_fill"):
            return bool(node.kwargs.get("rounding_mode")) or any(
                name in data for name in self._taken[index][1:]
            )
        return False

    @staticmethod
    def _chooses_by_constant(node: GraphNode, data: list[str]) -> bool:
        """A `where` or `index_put` whose condition does not look at the data leaves it affine."""
        taken = list(references(node))
        if node.base == "where":
            return taken[0] not in data
        if node.base == "index_put":
            return not any(name in data for name in taken[1:-1])
        return False

    def passed(self, index: int) -> int:
        """How many linear layers lie before this node."""
        before = self.ancestors(self._taken[index], index)[0]
        return sum(layer.node in before for layer in self.linear)

    def pending(self, index: int) -> int:
        """How many linear layers lie behind this node."""
        return sum(index in self._ancestors_of_layer[layer.node] for layer in self.linear)

    @cached_property
    def _ancestors_of_layer(self) -> dict[int, set[int]]:
        return {layer.node: self.ancestors(self._taken[layer.node], layer.node)[0] for layer in self.linear}

    @cached_property
    def activations(self) -> list[Activation]:
        """Non-linear steps in order; between the same linear layers all but normalisations are one step."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for index in self.curved:
            place = self.passed(index), self.pending(index)
            alone = (index,) if self.graph.nodes[index].base in OWN_STATISTICS else ()
            groups.setdefault((*place, *alone), []).append(index)
        return [self._activation(place[0], place[1], group) for place, group in groups.items()]

    def _activation(self, before: int, after: int, group: list[int]) -> Activation:
        nodes = [self.graph.nodes[index] for index in group]
        ops = tuple(node.base for node in nodes)
        name = self._name_of(group) or " · ".join(operator_name(op) for op in ops)
        return Activation(name=name, ops=ops, linear_before=before, linear_after=after, node=group[-1])

    def _name_of(self, group: list[int]) -> str | None:
        """By what the step does to the numbers, so that a home-made ReLU is a ReLU."""
        last = self.graph.nodes[group[-1]]
        if len(group) == 1 and last.base in SHOWN:
            return SHOWN[last.base]
        start, end = self.data_operands(group[0])[0], last.out[0] if last.out else None
        if start not in self.values or end not in self.values:
            return None
        return function_name(self.values[start], self.values[end])


def sample_rows(graph: ModelGraph, count: int, spread: float = 2.0) -> Array:
    """Fixed rows of the shape that the model takes, normally distributed around zero."""
    rows = np.random.default_rng(0).normal(scale=spread, size=(count, *graph.features))
    return rows.astype("float64" if graph.dtype.startswith(("float", "bfloat")) else graph.dtype)


def _depends_on(node: GraphNode) -> list[str]:
    """The tensors whose values the node's result depends on; `zeros_like(x)` depends on none."""
    return [] if node.base in CREATIONS else list(references(node))


def _factors(node: GraphNode) -> list[str]:
    """The tensors that a product multiplies; what it adds to them, and a convolution's bias, left out."""
    taken = list(references(node))
    if node.base in ("addmm", "baddbmm", "addmv", "addcmul", "addcdiv"):
        return taken[1:3]
    return taken if node.base in ("_trilinear", "lerp") else taken[:2]
