"""The student's models, rebuilt from operator graphs and weights; every fact about them comes from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from grader.errors import UntrustedData
from grader.evidence import structure
from grader.evidence.graph import matches, parse_graph, run_graph
from grader.evidence.raw import RawAnswers, RawEvents, RawModel
from grader.model.evidence import LinearLayer, ModelEvidence
from grader.model.graph import ModelGraph
from grader.model.submission import Where

Array = np.ndarray[Any, Any]
Weights = Mapping[str, Array]

_TRACING_REASONS = {
    "raised": "its forward pass raised an error",
    "layers-made-in-forward": "it makes new layers at every call",
    "batch-size": "its result depends on the batch size",
    "data-values": "its path depends on the values it is given",
    "random-numbers": "it draws random numbers even in evaluation mode",
    "no-tensor-output": "it does not return a tensor",
}


@dataclass(frozen=True)
class Answers:
    """Rows, shape (n, features), and what a model gave for them, shape (n, k)."""

    rows: Array
    outputs: Array

    def at(self, rows: Array) -> tuple[float, Array] | None:
        """The answers for the nearest rows that were asked, and how far the farthest of them lies.

        None where some row has none near: within a fortieth of the asked rows' extent, which the grid among
        the questions is finer than.
        """
        if rows.ndim != 2 or rows.shape[1] != self.rows.shape[1]:
            return None
        extent = np.ptp(self.rows, axis=0)
        if not (extent > 0).all():
            return None
        tree = KDTree(self.rows / extent)  # type: ignore[no-untyped-call]  # scipy has no stubs
        distances, nearest = tree.query(rows / extent)  # type: ignore[no-untyped-call]
        farthest = float(distances.max(initial=0.0))
        return (
            None if farthest > 1 / 40 else (farthest * float(extent.max()), np.asarray(self.outputs[nearest]))
        )

    @property
    def affine(self) -> bool:
        """Whether one affine map gives all the answers."""
        columns = np.column_stack((self.rows, np.ones(len(self.rows))))
        fitted = columns @ np.linalg.lstsq(columns, self.outputs, rcond=None)[0]
        spread = float(np.ptp(self.outputs)) or 1.0
        return bool(np.abs(fitted - self.outputs).max() < 1e-4 * spread)


@dataclass(frozen=True)
class Model:
    """A model that can be asked for its outputs, with any weights it ever had."""

    raw: RawModel
    graph: ModelGraph | None
    weights: Weights
    """As they were when it was last described."""
    constants: Weights
    facts: ModelEvidence
    answers: tuple[Answers, ...] = ()
    """What it said in the student's process after its last training, where there is no graph."""

    def final_outputs(self, weights: Weights, rows: Array) -> Array | None:
        """Outputs of the trained model: by its graph, else as answered, shape (n, k)."""
        if self.graph is not None:
            return self.outputs(weights, rows)
        found = [near for answers in reversed(self.answers) if (near := answers.at(rows)) is not None]
        return min(found, key=lambda near: near[0])[1] if found else None

    def outputs(self, weights: Weights, rows: Array) -> Array | None:
        """Outputs for rows in the model's own units, shape (n, k); None when they cannot be had."""
        if self.graph is None:
            return None
        try:
            given = run_graph(self.graph, {**self.weights, **weights, **self.constants}, self.cast(rows))
        except (UntrustedData, RuntimeError, ValueError):
            return None
        if given.ndim == 0 or given.shape[0] != len(rows) or not given.size:
            return None
        return given.reshape(len(rows), -1).astype(np.float64)

    def cast(self, rows: Array) -> Array:
        """Rows in the precision that the model was made for."""
        return rows.astype(np.float64 if self.facts.dtype == "torch.float64" else np.float32)


def read_models(raw: RawEvents, ranges: tuple[Array, Array]) -> dict[str, Model]:
    """Every model by id, as it was last described. `ranges`: lowest and highest feature values to probe it on."""
    latest: dict[str, RawModel] = {}
    first_cell: dict[str, int] = {}
    for event in raw.of(RawModel):
        first_cell.setdefault(event.model, event.cell)
        if event.graph is not None or event.model not in latest or latest[event.model].graph is None:
            latest[event.model] = event
    return {name: _read(event, first_cell[name], raw, ranges) for name, event in latest.items()}


def _read(event: RawModel, cell: int, raw: RawEvents, ranges: tuple[Array, Array]) -> Model:
    weights, constants = raw.arrays(event.state), raw.arrays(event.constants)
    graph, why_not = _graph(event, {**weights, **constants}, raw)
    facts = _facts(event, cell, graph, {**weights, **constants}, ranges, why_not)
    answers = _answers(event.model, raw) if graph is None else ()
    if answers:
        facts = _answered(facts, answers[-1], weights)
    return Model(event, graph, weights, constants, facts, answers)


def _answers(model: str, raw: RawEvents) -> tuple[Answers, ...]:
    """All answers of a model; the rows of one moment together, so that the grid fills what lies between the data."""
    found: list[Answers] = []
    for event in raw.of(RawAnswers):
        rows, outputs = raw.array(event.rows), raw.array(event.outputs)
        if event.model != model or rows is None or outputs is None or rows.ndim != 2:
            continue
        if outputs.ndim and len(outputs) == len(rows) and np.isfinite(outputs).all():
            flat = outputs.reshape(len(rows), -1).astype(np.float64)
            found.append(Answers(rows.astype(np.float64), flat))
    return tuple(found)


def _answered(facts: ModelEvidence, answers: Answers, weights: Weights) -> ModelEvidence:
    """What can be told of a model from its answers and the shapes of its weights."""
    layers = tuple(
        LinearLayer(value.shape[1], value.shape[0]) for value in weights.values() if value.ndim == 2
    )
    return replace(
        facts,
        input_width=answers.rows.shape[1],
        output_width=answers.outputs.shape[1],
        linear_layers=layers,
        affine=answers.affine,
        affine_before_output=answers.affine,
        how="predictions",
    )


def _graph(event: RawModel, tensors: Weights, raw: RawEvents) -> tuple[ModelGraph | None, str | None]:
    """The graph where it is sound and gives the student's own outputs; else why not."""
    if event.graph is None:
        reason = event.untraceable or "it was not recorded"
        return None, _TRACING_REASONS.get(reason, reason)
    try:
        graph = parse_graph(event.graph, tensors)
        rows, outputs = raw.array(event.probe_rows), raw.array(event.probe_outputs)
        if rows is None or outputs is None or not matches(graph, tensors, rows, outputs):
            return None, "its recorded graph does not give the outputs that it gave"
    except UntrustedData as error:
        return None, str(error)
    return graph, None


def _facts(
    event: RawModel,
    cell: int,
    graph: ModelGraph | None,
    tensors: Weights,
    ranges: tuple[Array, Array],
    why: str | None,
) -> ModelEvidence:
    known: dict[str, Any] = {
        "id": event.model,
        "class_name": event.class_name,
        "where": event.where,
        "cell": cell,
        "parameters": tuple(parameter.name for parameter in event.parameters),
        "trainable": tuple(parameter.name for parameter in event.parameters if parameter.trainable),
        "dtype": next((parameter.dtype for parameter in event.parameters), "torch.float32"),
        "calls": event.calls,
        "own_init": event.own_init,
        "loose_layers": event.loose_layers,
    }
    if graph is None:
        return ModelEvidence(**known, input_width=None, output_width=None, how="unreadable", unreadable=why)
    try:
        return ModelEvidence(**known, **_structure(graph, tensors, known["dtype"], ranges))
    except Exception as error:  # one model that our analysis cannot follow must not cost the rest its grade
        why = f"the grader could not follow it ({type(error).__name__})"
        return ModelEvidence(**known, input_width=None, output_width=None, how="unreadable", unreadable=why)


def _structure(
    graph: ModelGraph, tensors: Weights, dtype: str, ranges: tuple[Array, Array]
) -> dict[str, Any]:
    layers = structure.linear_layers(graph, tensors)
    # Rows of another shape than a table's have no width to compare with the data's.
    width = graph.features[0] if len(graph.features) == 1 else None
    verdict = None
    if width is not None:
        low, high = _fitted(ranges[0], width), _fitted(ranges[1], width)
        verdict = structure.is_affine(graph, tensors, low, high)
    output = structure.output_activation(graph, tensors)
    return {
        "input_width": width,
        "output_width": _output_width(graph, tensors, width, dtype),
        "linear_layers": tuple(LinearLayer(layer.inputs, layer.outputs) for layer in layers),
        "unused_layers": tuple(structure.unused_parameters(graph)),
        "hidden_activations": tuple(a.name for a in structure.activations(graph, tensors) if a.hidden),
        "output_activation": output,
        "affine": None if verdict is None else verdict.by_design,
        "affine_before_output": None if verdict is None else verdict.affine_before_output_activation,
        "unregistered": graph.unregistered,
        "stages": structure.stages(graph, tensors),
    }


def _fitted(values: Array, width: int) -> Array:
    """As many columns as the model takes; the last one again where the data has fewer."""
    return np.resize(values, width).astype(np.float64)


def _output_width(graph: ModelGraph, tensors: Weights, width: int | None, dtype: str) -> int | None:
    if width is None:
        return None
    rows = np.sin(np.arange(12 * width, dtype=np.float64)).reshape(12, width)
    try:
        given = run_graph(graph, tensors, rows.astype(np.float64 if dtype == "torch.float64" else np.float32))
    except (UntrustedData, RuntimeError, ValueError):
        return None
    if given.ndim == 0 or given.shape[0] != 12:
        return None
    return int(given.size // 12)


def place_of(model: ModelEvidence) -> Where:
    """Where a model was built, or at least in which cell it appeared."""
    return model.where or Where(cell=model.cell)
