"""Questions about structure where names, dead units and wide margins would mislead."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from grader.evidence.graph import parse_graph
from grader.evidence.structure import (
    activations,
    is_affine,
    linear_layers,
    output_activation,
    stages,
    unused_parameters,
)
from grader.model.graph import AffineVerdict, ModelGraph
from grader.record.graph import TracedModel, state_of, trace_model

Weights = dict[str, np.ndarray]


class Model(nn.Module):
    def __init__(self, forward: Callable[[nn.Module, Tensor], Tensor], **parts: object) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.steps = forward

    def forward(self, rows: Tensor) -> Tensor:
        return self.steps(self, rows)


def read(module: nn.Module) -> tuple[ModelGraph, Weights]:
    traced = trace_model(module, torch.randn(8, 2))
    assert isinstance(traced, TracedModel), traced
    graph = parse_graph(traced.graph, {name: value.numpy() for name, value in traced.constants.items()})
    return graph, {name: value.numpy() for name, value in state_of(module).items()}


def verdict_on(module: nn.Module) -> AffineVerdict:
    return is_affine(*read(module), np.array([-1.0, -1.0]), np.array([1.0, 1.0]))


def mlp(*between: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), *between, nn.Linear(8, 1))


def with_hidden_bias(value: float) -> nn.Sequential:
    module = mlp(nn.ReLU())
    nn.init.constant_(module[0].bias, value)
    return module


def test_dead_units_do_not_make_a_design_affine() -> None:
    verdict = verdict_on(with_hidden_bias(-1e6))
    assert verdict.affine and not verdict.by_design
    assert verdict.nonlinear_ops == ("relu",)


def test_a_kink_outside_the_data_is_found() -> None:
    verdict = verdict_on(with_hidden_bias(30.0))
    assert verdict.affine_on_data and not verdict.affine


def test_a_kink_in_one_unit_of_many_is_found() -> None:
    def one_bends(self: nn.Module, rows: Tensor) -> Tensor:
        hidden = self.one(rows)
        return self.two(torch.cat([hidden[:, :-1], 1e-3 * hidden[:, -1:].relu()], dim=1))

    torch.manual_seed(0)
    assert not verdict_on(Model(one_bends, one=nn.Linear(2, 64), two=nn.Linear(64, 1))).affine


def test_a_constant_offset_is_not_taken_for_a_bend() -> None:
    module = mlp()
    nn.init.constant_(module[1].bias, 1e6)
    assert verdict_on(module).affine


def test_an_activation_without_effect_leaves_the_model_affine() -> None:
    verdict = verdict_on(Model(lambda self, rows: self.net(rows) + 0 * torch.relu(self.net(rows)), net=mlp()))
    assert verdict.affine and verdict.by_design


def test_weights_gone_to_nan_are_judged_by_design() -> None:
    for module, straight in ((mlp(), True), (mlp(nn.Tanh()), False)):
        nn.init.constant_(module[0].weight, float("nan"))
        verdict = verdict_on(module)
        assert verdict.affine is verdict.by_design is straight and np.isnan(verdict.deviation)


def test_a_lone_sigmoid_is_told_apart() -> None:
    verdict = verdict_on(nn.Sequential(mlp(), nn.Sigmoid()))
    assert not verdict.affine and verdict.affine_before_output_activation
    assert not verdict_on(nn.Sequential(mlp(nn.ReLU()), nn.Sigmoid())).affine_before_output_activation


def test_names_have_no_say() -> None:
    class ReLU(nn.Identity):
        """Does nothing, whatever it is called."""

    class Linear(nn.Module):
        def forward(self, rows: Tensor) -> Tensor:
            return rows.relu()

    assert activations(*read(mlp(ReLU()))) == ()
    assert [step.name for step in activations(*read(mlp(Linear())))] == ["ReLU"]
    assert len(linear_layers(*read(mlp(Linear())))) == 2


def test_where_an_activation_stands() -> None:
    module = nn.Sequential(
        nn.Tanh(), nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 1), nn.Sigmoid()
    )
    steps = activations(*read(module))
    places = [(step.name, step.linear_before, step.linear_after, step.hidden) for step in steps]
    assert places == [("tanh", 0, 3, False), ("ReLU", 1, 2, True), ("sigmoid", 3, 0, False)]


def test_layers_beside_the_path_do_not_count() -> None:
    def forward(self: nn.Module, rows: Tensor) -> Tensor:
        self.beside(rows)
        return self.two(self.one(rows))

    parts = {
        "one": nn.Linear(2, 3),
        "two": nn.Linear(3, 1),
        "beside": nn.Linear(2, 2),
        "never": nn.Linear(1, 1),
    }
    graph, weights = read(Model(forward, **parts))
    assert unused_parameters(graph) == ("beside.weight", "beside.bias", "never.weight", "never.bias")
    assert [(layer.inputs, layer.outputs) for layer in linear_layers(graph, weights)] == [(2, 3), (3, 1)]


def test_a_fixed_matrix_is_no_layer() -> None:
    rotation = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    turned = Model(lambda self, rows: self.net(rows @ rotation), net=mlp())
    turned.register_buffer("shear", torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    turned.steps = lambda self, rows: self.net(rows @ rotation @ self.shear)
    assert len(linear_layers(*read(turned))) == 2


def test_weights_and_biases_are_named() -> None:
    module = Model(
        lambda self, rows: self.two(rows @ self.W + self.b),
        W=nn.Parameter(torch.randn(2, 3)),
        b=nn.Parameter(torch.randn(3)),
        two=nn.Linear(3, 1, bias=False),
    )
    layers = linear_layers(*read(module))
    assert [(layer.weights, layer.bias) for layer in layers] == [(("W",), "b"), (("two.weight",), None)]


def test_layers_in_a_plain_list_are_learned_but_not_registered() -> None:
    layers = [nn.Linear(2, 3), nn.Linear(3, 1)]
    graph, weights = read(Model(lambda self, rows: layers[1](layers[0](rows))))
    assert graph.unregistered and graph.parameters == ()
    assert len(linear_layers(graph, weights)) == 2
    assert not read(mlp())[0].unregistered


def test_output_activation_through_reshaping_and_clipping() -> None:
    def clipped(self: nn.Module, rows: Tensor) -> Tensor:
        return torch.sigmoid(self.net(rows)).clamp(1e-7, 1 - 1e-7).squeeze(1)[:, None].view(-1)

    assert output_activation(*read(Model(clipped, net=mlp(nn.ReLU())))) == "sigmoid"
    assert output_activation(*read(Model(lambda self, rows: self.net(rows).argmax(1), net=mlp()))) == "other"
    assert output_activation(*read(nn.Sequential(mlp(nn.Tanh()), nn.Linear(1, 1)))) == "none"


def test_the_diagram() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(8, 8)

        def forward(self, rows: Tensor) -> Tensor:
            return rows + self.inner(rows)

    row = stages(*read(mlp(nn.BatchNorm1d(8), nn.ReLU(), nn.LayerNorm(8), Block())))
    assert [(stage.kind, stage.label) for stage in row] == [
        ("input", "Input 2"),
        ("linear", "Linear 2 → 8"),
        ("norm", "BatchNorm"),
        ("activation", "ReLU"),
        ("norm", "LayerNorm"),
        ("linear", "Linear 8 → 8"),
        ("other", "Sum"),
        ("linear", "Linear 8 → 1"),
        ("output", "Output 1"),
    ]
    assert [stage.width for stage in row if stage.width] == [2, 8, 8, 1, 1]
