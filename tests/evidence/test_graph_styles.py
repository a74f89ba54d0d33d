"""Models in the styles that learners write: exported, read back, run on rows that the exporter never saw."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from grader.evidence.graph import matches, parse_graph, run_graph
from grader.evidence.structure import (
    activations,
    is_affine,
    linear_layers,
    output_activation,
    stages,
    unused_parameters,
)
from grader.model.graph import ModelGraph
from grader.record.graph import TracedModel, state_of, trace_model

Weights = dict[str, np.ndarray]


class Forward(nn.Module):
    """Layers by name, and a forward pass given as a function of them and the rows."""

    def __init__(self, forward: Callable[[nn.Module, Tensor], object], **parts: object) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.steps = forward

    def forward(self, rows: Tensor) -> object:
        return self.steps(self, rows)


class OwnLinear(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(inputs, outputs))
        self.b = nn.Parameter(torch.randn(outputs))

    def forward(self, rows: Tensor) -> Tensor:
        return rows @ self.W + self.b


class OwnReLU(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return rows * (rows > 0)


def two(outputs: int = 1) -> dict[str, nn.Module]:
    return {"one": nn.Linear(2, 6), "two": nn.Linear(6, outputs)}


def stacked(*between: nn.Module, outputs: int = 1, after: tuple[nn.Module, ...] = ()) -> nn.Module:
    return nn.Sequential(nn.Linear(2, 6), *between, nn.Linear(6, outputs), *after)


def hidden(function: Callable[[Tensor], Tensor]) -> nn.Module:
    return Forward(lambda self, rows: self.two(function(self.one(rows))), **two())


def module_list(self: nn.Module, rows: Tensor) -> Tensor:
    for layer in self.layers[:-1]:
        rows = torch.tanh(layer(rows))
    return self.layers[-1](rows)


def printing(self: nn.Module, rows: Tensor) -> Tensor:
    self.count = getattr(self, "count", 0) + 1
    print("forward number", self.count, rows, rows.mean().item())
    return self.two(torch.relu(self.one(rows)))


def assigned(self: nn.Module, rows: Tensor) -> Tensor:
    rows = self.one(rows)
    rows[rows < 0] = 0
    return self.two(rows)


def filled_in(self: nn.Module, rows: Tensor) -> Tensor:
    made = torch.zeros(rows.shape[0], 2)
    made[:, 0] = rows[:, 0] * 2
    made[:, 1:] = rows[:, 1:] - 1
    return self.two(functional.relu(self.one(made)))


def tied() -> nn.Module:
    shared = nn.Linear(6, 6)
    return nn.Sequential(nn.Linear(2, 6), shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(6, 1))


def seasoned(module: nn.Module) -> nn.Module:
    """With running statistics that are not those of a new BatchNorm."""
    module.train()
    for _ in range(3):
        module(torch.randn(32, 2) * 3 + 1)
    return module


def functional_weights() -> nn.Module:
    first, second = torch.randn(2, 6, requires_grad=True), torch.randn(6, 1, requires_grad=True)
    return Forward(lambda self, rows: torch.relu(rows @ first) @ second + 0.5)


def einsum_layers(self: nn.Module, rows: Tensor) -> Tensor:
    return torch.einsum("bh,oh->bo", torch.einsum("bi,ih->bh", rows, self.W).relu(), self.V)


def two_heads(self: nn.Module, rows: Tensor) -> tuple[Tensor, Tensor]:
    logits = self.two(torch.relu(self.one(rows)))
    return logits, torch.sigmoid(logits)


@dataclass
class Answer:
    loss: Tensor | None
    logits: Tensor


def answer(self: nn.Module, rows: Tensor) -> Answer:
    return Answer(None, self.two(torch.relu(self.one(rows))))


def residual(self: nn.Module, rows: Tensor) -> Tensor:
    rows = self.one(rows)
    return self.two(rows + functional.silu(self.mid(rows)))


RELU, TANH, SIGMOID = ("ReLU",), ("tanh",), ("sigmoid",)

# Style: maker, hidden activations, output activation, linear layers.
STYLES: dict[str, tuple[Callable[[], nn.Module], tuple[str, ...], str, int]] = {
    "sequential": (lambda: stacked(nn.ReLU()), RELU, "none", 2),
    "affine baseline": (lambda: stacked(), (), "none", 2),
    "subclass": (
        lambda: Forward(lambda self, rows: self.two(self.act(self.one(rows))), act=nn.Tanh(), **two()),
        TANH,
        "none",
        2,
    ),
    "functional relu": (lambda: hidden(functional.relu), RELU, "none", 2),
    "torch.relu": (lambda: hidden(torch.relu), RELU, "none", 2),
    "tensor method": (lambda: hidden(lambda rows: rows.sigmoid()), SIGMOID, "none", 2),
    "in place": (lambda: stacked(nn.ReLU(inplace=True)), RELU, "none", 2),
    "in place on the output": (lambda: stacked(nn.Tanh(), after=(nn.ReLU(inplace=True),)), TANH, "relu", 2),
    "clamp": (lambda: hidden(lambda rows: rows.clamp(min=0)), RELU, "none", 2),
    "maximum with zeros": (
        lambda: hidden(lambda rows: torch.maximum(rows, torch.zeros_like(rows))),
        RELU,
        "none",
        2,
    ),
    "maximum with a tensor": (
        lambda: hidden(lambda rows: torch.max(rows, torch.tensor(0.0))),
        RELU,
        "none",
        2,
    ),
    "where": (
        lambda: hidden(lambda rows: torch.where(rows > 0, rows, 0.1 * rows)),
        ("LeakyReLU",),
        "none",
        2,
    ),
    "own activation module": (lambda: stacked(OwnReLU()), RELU, "none", 2),
    "own swish": (lambda: hidden(lambda rows: rows * torch.sigmoid(rows)), ("SiLU",), "none", 2),
    "own sigmoid at the end": (
        lambda: Forward(lambda self, rows: 1 / (1 + torch.exp(-self.two(self.one(rows)))), **two()),
        (),
        "sigmoid",
        2,
    ),
    "boolean assignment": (lambda: Forward(assigned, **two()), RELU, "none", 2),
    "columns filled in": (lambda: Forward(filled_in, **two()), RELU, "none", 2),
    "module list": (
        lambda: Forward(
            module_list, layers=nn.ModuleList([nn.Linear(2, 4), nn.Linear(4, 5), nn.Linear(5, 1)])
        ),
        TANH * 2,
        "none",
        3,
    ),
    "batch norm": (lambda: seasoned(stacked(nn.BatchNorm1d(6), nn.ReLU())), RELU, "none", 2),
    "batch norm, no activation": (lambda: seasoned(stacked(nn.BatchNorm1d(6))), (), "none", 2),
    "dropout": (lambda: stacked(nn.ReLU(), nn.Dropout(0.5)), RELU, "none", 2),
    "functional dropout": (
        lambda: Forward(
            lambda self, rows: self.two(functional.dropout(self.one(rows), 0.5, self.training)), **two()
        ),
        (),
        "none",
        2,
    ),
    "residual": (lambda: Forward(residual, mid=nn.Linear(6, 6), **two()), ("SiLU",), "none", 3),
    "squeeze": (
        lambda: Forward(lambda self, rows: self.two(self.one(rows).relu()).squeeze(), **two()),
        RELU,
        "none",
        2,
    ),
    "view": (
        lambda: Forward(lambda self, rows: self.two(self.one(rows).relu()).view(-1), **two()),
        RELU,
        "none",
        2,
    ),
    "view by batch": (
        lambda: Forward(lambda self, rows: self.two(self.one(rows)).view(rows.size(0), 1), **two()),
        (),
        "none",
        2,
    ),
    "first column": (
        lambda: Forward(lambda self, rows: self.two(self.one(rows).tanh())[:, 0], **two()),
        TANH,
        "none",
        2,
    ),
    "flatten": (lambda: nn.Sequential(nn.Flatten(), stacked(nn.ReLU()), nn.Flatten(0)), RELU, "none", 2),
    "float64": (lambda: stacked(nn.ReLU()).double(), RELU, "none", 2),
    "two outputs": (lambda: Forward(two_heads, **two()), RELU, "none", 2),
    "a record": (lambda: Forward(answer, **two()), RELU, "none", 2),
    "dictionary": (
        lambda: Forward(lambda self, rows: {"logits": self.two(self.one(rows))}, **two()),
        (),
        "none",
        2,
    ),
    "own linear": (lambda: nn.Sequential(OwnLinear(2, 6), nn.ReLU(), OwnLinear(6, 1)), RELU, "none", 2),
    "weights from the left": (
        lambda: Forward(lambda self, rows: (self.one.weight @ rows.T).T @ self.two.weight.t(), **two()),
        (),
        "none",
        2,
    ),
    "einsum": (
        lambda: Forward(einsum_layers, W=nn.Parameter(torch.randn(2, 6)), V=nn.Parameter(torch.randn(1, 6))),
        RELU,
        "none",
        2,
    ),
    "tied weights": (tied, RELU * 2, "none", 4),
    "functional weights": (functional_weights, RELU, "none", 2),
    "plain list": (
        lambda: Forward(
            lambda self, rows: self.parts[1](self.parts[0](rows).relu()), parts=list(two().values())
        ),
        RELU,
        "none",
        2,
    ),
    "data attribute": (
        lambda: Forward(
            lambda self, rows: functional.linear(self.one(rows).data, self.two.weight.data), **two()
        ),
        (),
        "none",
        2,
    ),
    "sigmoid output": (lambda: stacked(after=(nn.Sigmoid(),)), (), "sigmoid", 2),
    "squeezed sigmoid": (
        lambda: Forward(lambda self, rows: torch.sigmoid(self.two(self.one(rows))).squeeze(1), **two()),
        (),
        "sigmoid",
        2,
    ),
    "softmax output": (lambda: stacked(nn.ReLU(), outputs=4, after=(nn.Softmax(dim=1),)), RELU, "softmax", 2),
    "log-softmax output": (
        lambda: stacked(nn.ReLU(), outputs=4, after=(nn.LogSoftmax(dim=-1),)),
        RELU,
        "log_softmax",
        2,
    ),
    "relu output": (lambda: stacked(nn.ReLU(), after=(nn.ReLU(),)), RELU, "relu", 2),
    "prelu": (lambda: stacked(nn.PReLU()), ("PReLU",), "none", 2),
    "leaky, elu, gelu": (
        lambda: stacked(nn.LeakyReLU(), nn.Linear(6, 6), nn.ELU(), nn.Linear(6, 6), nn.GELU()),
        ("LeakyReLU", "ELU", "GELU"),
        "none",
        4,
    ),
    "mish, softplus, selu": (
        lambda: stacked(nn.Mish(), nn.Linear(6, 6), nn.Softplus(), nn.Linear(6, 6), nn.SELU()),
        ("Mish", "Softplus", "SELU"),
        "none",
        4,
    ),
    "random leaky relu": (lambda: stacked(nn.RReLU()), ("LeakyReLU",), "none", 2),
    "layer norm": (lambda: stacked(nn.LayerNorm(6)), ("LayerNorm",), "none", 2),
    "group norm": (lambda: stacked(nn.GroupNorm(2, 6)), ("GroupNorm",), "none", 2),
    "scaled inputs": (
        lambda: Forward(
            lambda self, rows: self.two(self.one((rows - torch.tensor([0.1, 0.2])) / 0.6)), **two()
        ),
        (),
        "none",
        2,
    ),
    "sine": (lambda: hidden(torch.sin), ("sin",), "none", 2),
    "printing and counting": (lambda: Forward(printing, **two()), RELU, "none", 2),
    "1 x 1 convolution": (
        lambda: Forward(
            lambda self, rows: self.two(self.conv(rows.unsqueeze(-1)).squeeze(-1).relu()),
            conv=nn.Conv1d(2, 6, 1),
            two=nn.Linear(6, 1),
        ),
        RELU,
        "none",
        2,
    ),
    "bilinear": (
        lambda: Forward(lambda self, rows: self.bil(rows, rows), bil=nn.Bilinear(2, 2, 1)),
        (),
        "other",
        0,
    ),
    "many classes": (lambda: stacked(nn.ReLU(), outputs=4), RELU, "none", 2),
}


def exported(module: nn.Module, features: int = 2) -> tuple[ModelGraph, Weights, TracedModel]:
    kind = next((parameter.dtype for parameter in module.parameters()), torch.float32)
    traced = trace_model(module, torch.randn(16, features).to(kind))
    assert isinstance(traced, TracedModel), traced
    written = json.loads(json.dumps(traced.graph, allow_nan=False))
    graph = parse_graph(written, {name: tensor.numpy() for name, tensor in traced.constants.items()})
    return graph, {name: tensor.numpy() for name, tensor in state_of(module).items()}, traced


def expected(module: nn.Module, rows: Tensor) -> np.ndarray:
    module.eval()
    with torch.no_grad():
        outputs = module(rows)
    outputs = outputs.logits if isinstance(outputs, Answer) else outputs
    outputs = next(iter(outputs.values())) if isinstance(outputs, dict) else outputs
    return (outputs[0] if isinstance(outputs, tuple) else outputs).numpy()


@pytest.fixture(params=STYLES, scope="module")
def style(request: pytest.FixtureRequest) -> tuple[str, nn.Module, ModelGraph, Weights, TracedModel]:
    torch.manual_seed(3)
    module = STYLES[request.param][0]()
    return request.param, module, *exported(module)


def test_runs_outside_as_it_ran_inside(style: tuple) -> None:
    _, module, graph, weights, traced = style
    assert matches(graph, weights, traced.probe_rows.numpy(), traced.probe_outputs.numpy())
    rows = torch.randn(37, 2, dtype=getattr(torch, graph.dtype)) * 3
    outputs = run_graph(graph, weights, rows.numpy())
    wanted = expected(module, rows)
    assert outputs.shape == wanted.shape and outputs.dtype == wanted.dtype
    np.testing.assert_allclose(outputs, wanted, rtol=2e-5, atol=2e-6)


def test_structure_is_what_was_built(style: tuple) -> None:
    name, _, graph, weights, _ = style
    _, between, output, count = STYLES[name]
    assert tuple(step.name for step in activations(graph, weights) if step.hidden) == between
    assert output_activation(graph, weights) == output
    layers = linear_layers(graph, weights)
    assert len(layers) == count
    if layers:
        assert layers[0].inputs == 2
        assert all(layer.outputs == after.inputs for layer, after in pairwise(layers))


def test_affine_where_nothing_bends(style: tuple) -> None:
    name, _, graph, weights, _ = style
    _, between, output, _ = STYLES[name]
    verdict = is_affine(graph, weights, np.array([-1.0, -1.0]), np.array([1.0, 1.0]))
    bent = bool(between) or name == "bilinear"
    assert verdict.affine_before_output_activation is (not bent)
    assert verdict.affine is verdict.by_design is (not bent and output == "none")
    assert bool(verdict.nonlinear_ops) is (not verdict.by_design)


def test_stages_begin_and_end_with_the_data(style: tuple) -> None:
    name, _, graph, weights, _ = style
    row = stages(graph, weights)
    assert (row[0].label, row[-1].kind) == ("Input 2", "output")
    assert sum(stage.kind == "linear" for stage in row) == STYLES[name][3]
    assert not unused_parameters(graph) or name in ("weights from the left", "data attribute")
