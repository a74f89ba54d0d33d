"""Questions about what a model is made of, answered from its graph and weights.

No name that the student chose has a say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from grader.evidence.anatomy import Anatomy, Array, Weights
from grader.evidence.graph import references, tensor_values
from grader.evidence.operator_names import NORMS
from grader.evidence.recognise import function_name
from grader.model.grade import ModelStage
from grader.model.graph import Activation, AffineVerdict, LinearMap, ModelGraph, OutputActivation

OUTPUT_ACTIVATIONS: dict[str, OutputActivation] = {
    "sigmoid": "sigmoid",
    "softmax": "softmax",
    "log-softmax": "log_softmax",
    "ReLU": "relu",
    "tanh": "tanh",
}
OTHER_STAGES: dict[str, str] = {
    "cat": "Join",
    "convolution": "Convolution",
}

PAIRS = 256
SCALES = (1.0, 10.0, 100.0)
REDRAWN = (1, 2, 3)
"""Seeds of the weights that tell what a model can be from what it happens to be."""
AFFINE_DEVIATION = 1e-6
"""Share of the output's spread that float64 rounding may take; a kink in view is far above."""


def linear_layers(graph: ModelGraph, weights: Weights) -> tuple[LinearMap, ...]:
    """The learned linear maps between input and output, in the order of the data.

    `nn.Linear`, `x @ W + b`, `einsum` and convolutions over one place count alike, bilinear maps do not.
    """
    return tuple(Anatomy(graph, weights).linear)


def unused_parameters(graph: ModelGraph) -> tuple[str, ...]:
    """Registered parameters that the output does not depend on."""
    needed = {graph.output}
    for node in reversed(graph.nodes):
        taken = set(references(node))
        if node.in_place or needed & set(node.out):
            needed |= taken
    return tuple(name for name in graph.parameters if name not in needed)


def activations(graph: ModelGraph, weights: Weights) -> tuple[Activation, ...]:
    """The non-linear steps in the order of the data."""
    return tuple(Anatomy(graph, weights).activations)


def output_activation(graph: ModelGraph, weights: Weights) -> OutputActivation:
    """What follows the last linear layer, seen through reshaping."""
    anatomy = Anatomy(graph, weights)
    steps = [step for step in anatomy.activations if step.linear_after == 0]
    final = [step for step in steps if step.linear_before == len(anatomy.linear)]
    if not final:
        return "none"
    known = {OUTPUT_ACTIVATIONS[name] for name in _readings(anatomy, final[-1]) if name in OUTPUT_ACTIVATIONS}
    return known.pop() if len(known) == 1 else "other"


def _readings(anatomy: Anatomy, step: Activation) -> Iterator[str | None]:
    """The last step's name, and that of all that happens to the last linear layer's output together."""
    yield step.name
    if anatomy.linear and step.name not in OUTPUT_ACTIVATIONS:
        yield function_name(anatomy.values[_last_linear(anatomy)], anatomy.values[anatomy.graph.output])


def _last_linear(anatomy: Anatomy) -> str:
    """Name of the last linear layer's result, its bias included."""
    layer = anatomy.linear[-1]
    return anatomy.biased_result(layer)


def stages(graph: ModelGraph, weights: Weights) -> tuple[ModelStage, ...]:
    """The model as a row of named steps, for a diagram."""
    anatomy = Anatomy(graph, weights)
    steps = {layer.node: _linear_stage(layer) for layer in anatomy.linear}
    for step in anatomy.activations:
        kind: Literal["norm", "activation"] = "norm" if NORMS.issuperset(step.ops) else "activation"
        steps[step.node] = ModelStage(kind=kind, label=step.name)
    for index in anatomy.live:
        if index not in steps and (other := _other_stage(anatomy, index)) is not None:
            steps[index] = other
    outputs = anatomy.values[graph.output]
    width = math.prod(graph.features)
    last = outputs.shape[-1] if outputs.dim() > 1 else 1
    return (
        ModelStage(kind="input", label=f"Input {width}", width=width),
        *(steps[index] for index in sorted(steps)),
        ModelStage(kind="output", label=f"Output {last}", width=last),
    )


def _linear_stage(layer: LinearMap) -> ModelStage:
    return ModelStage(kind="linear", label=f"Linear {layer.inputs} → {layer.outputs}", width=layer.outputs)


def _other_stage(anatomy: Anatomy, index: int) -> ModelStage | None:
    base = anatomy.graph.nodes[index].base
    if base in NORMS:
        return ModelStage(kind="norm", label="BatchNorm")
    if base == "add" and len(set(anatomy.data_operands(index))) > 1:
        return ModelStage(kind="other", label="Sum")
    return ModelStage(kind="other", label=OTHER_STAGES[base]) if base in OTHER_STAGES else None


def is_affine(graph: ModelGraph, weights: Weights, low: Array | float, high: Array | float) -> AffineVerdict:
    """Whether f(a x + (1 - a) y) = a f(x) + (1 - a) f(y) on random rows in the range of the data and beyond.

    `low`, `high`: bounds of the data, each of one row's shape or one number for all features.
    All of it is worked out in float64.
    """
    anatomy = Anatomy(graph, weights)
    curved = tuple(graph.nodes[index].base for index in anatomy.curved)
    before = _last_linear(anatomy) if anatomy.linear else graph.output
    probes = [_probe_rows(graph, low, high, scale) for scale in SCALES]
    as_is = [_deviation(graph, weights, graph.output, rows) for rows in probes]
    seen = [value for value in as_is if math.isfinite(value)]
    redrawn = [_redrawn(graph, weights, seed) for seed in REDRAWN]
    designs = [(*design, rows) for design in redrawn for rows in probes]
    return AffineVerdict(
        affine=_within(seen) if seen else not curved,
        affine_on_data=_within(as_is[:1]) if math.isfinite(as_is[0]) else not curved,
        by_design=not curved
        or _within(_deviation(other, drawn, graph.output, rows) for other, drawn, rows in designs),
        affine_before_output_activation=not curved
        or _within(_deviation(other, drawn, before, rows) for other, drawn, rows in designs),
        deviation=max(seen, default=math.nan),
        nonlinear_ops=curved,
    )


def _within(deviations: Iterable[float]) -> bool:
    return all(value <= AFFINE_DEVIATION for value in deviations if not math.isnan(value))


def _probe_rows(graph: ModelGraph, low: Array | float, high: Array | float, scale: float) -> Array:
    """Rows x, rows y and their mixtures, one after the other; the mixing shares are `_shares()`."""
    middle, half = (np.add(low, high) / 2, np.subtract(high, low) / 2 * scale)
    draw = np.random.default_rng(0).uniform(-1, 1, size=(2, PAIRS, *graph.features))
    ends = middle + half * draw
    shares = _shares().reshape(-1, *[1] * len(graph.features))
    return np.concatenate([*ends, shares * ends[0] + (1 - shares) * ends[1]])


def _shares() -> Array:
    return np.random.default_rng(1).uniform(0.1, 0.9, size=PAIRS)


def _deviation(graph: ModelGraph, weights: Weights, name: str, rows: Array) -> float:
    """Largest departure from affinity, as a share of the spread; NaN where no row gives finite numbers."""
    values = tensor_values(graph, weights, rows, wanted={name}, double=True)[name].double().numpy()
    if len(rows) not in values.shape:
        return math.inf
    # Inside the model (in an einsum, say) the rows need not lie along the first axis.
    left, right, mixed = np.moveaxis(values, values.shape.index(len(rows)), 0).reshape(3, PAIRS, -1)
    shares = _shares()[:, None]
    departure = np.abs(mixed - (shares * left + (1 - shares) * right))
    finite = np.isfinite(departure)
    if not finite.any():
        return math.nan
    kept = np.concatenate([left[finite], right[finite]])
    rounding = 1e-13 * float(np.abs(kept).max())
    return float(departure[finite].max()) / max(float(np.ptp(kept)), rounding / AFFINE_DEVIATION, 1e-300)


def _redrawn(graph: ModelGraph, weights: Weights, seed: int) -> tuple[ModelGraph, Weights]:
    """The same model with other learned weights."""
    generator = np.random.default_rng(seed)
    learned = {name for name in graph.parameters if name in weights and weights[name].dtype.kind == "f"}
    drawn = {
        name: _drawn(values, generator) if name in learned else values for name, values in weights.items()
    }
    constants = {
        name: constant.model_copy(update={"values": _drawn(constant.values, generator)})
        if graph.is_weight(name)
        else constant
        for name, constant in graph.constants.items()
    }
    return graph.model_copy(update={"constants": constants}), drawn


def _drawn(values: Array, generator: np.random.Generator) -> Array:
    inputs = values.shape[-1] if values.ndim > 1 else 1
    drawn: Array = np.asarray(generator.normal(size=values.shape)) / math.sqrt(max(inputs, 1))
    return drawn
