"""Random stacks of layers: whatever PyTorch makes of them, the interpreter makes too."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as functional
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from grader.evidence.graph import matches, parse_graph, run_graph
from grader.evidence.structure import activations, is_affine, linear_layers
from grader.record.graph import TracedModel, state_of, trace_model


class Lambda(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, rows: Tensor) -> Tensor:
        return self.function(rows)


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, rows: Tensor) -> Tensor:
        return rows + self.inner(rows)


BENDING: list[Callable[[Tensor], Tensor]] = [
    functional.relu,
    torch.tanh,
    torch.sigmoid,
    functional.gelu,
    functional.silu,
    functional.elu,
    functional.selu,
    functional.softplus,
    functional.mish,
    functional.hardswish,
    functional.hardtanh,
    functional.hardsigmoid,
    functional.relu6,
    functional.softsign,
    functional.logsigmoid,
    functional.softshrink,
    functional.tanhshrink,
    torch.abs,
    torch.square,
    torch.sin,
    lambda rows: rows.clamp(min=0),
    lambda rows: functional.leaky_relu(rows, 0.2),
    lambda rows: functional.gelu(rows, approximate="tanh"),
    lambda rows: torch.where(rows > 0, rows, torch.zeros_like(rows)),
    lambda rows: torch.softmax(rows, dim=-1),
    lambda rows: rows / (1 + rows.abs()),
    lambda rows: functional.normalize(rows + 1e-3, dim=1),
    lambda rows: torch.cat([rows.cos(), rows], dim=1)[:, : rows.shape[1]],
    lambda rows: torch.sqrt(rows**2 + 1),
]
STRAIGHT: list[Callable[[Tensor], Tensor]] = [
    lambda rows: rows * 0.5 + 1,
    lambda rows: (rows - torch.ones(rows.shape[1])) / 3,
    lambda rows: rows.flip(1),
    lambda rows: torch.stack(list(rows.unbind(1)), dim=1),
    lambda rows: rows.reshape(rows.shape[0], 1, -1).squeeze(1),
    lambda rows: torch.cat(torch.chunk(rows, 2, dim=1), dim=1),
    lambda rows: rows - rows.mean(dim=1, keepdim=True),
    lambda rows: rows.T.contiguous().view(-1, rows.shape[0]).t(),
    lambda rows: rows.clone().mul_(2).add_(1),
    lambda rows: functional.dropout(rows, 0.3, training=False),
    lambda rows: -rows.cumsum(1),
]


@st.composite
def stacks(draw: st.DrawFn, between: list[Callable[[Tensor], Tensor]]) -> nn.Sequential:
    """Two to five linear layers of random widths with steps from `between` among them."""
    torch.manual_seed(draw(st.integers(0, 1000)))
    widths = [2, *draw(st.lists(st.integers(2, 7), min_size=1, max_size=4)), draw(st.integers(1, 4))]
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        layers.append(nn.Linear(inputs, outputs, bias=draw(st.booleans())))
        layers.append(Lambda(draw(st.sampled_from(between))))
        if draw(st.booleans()):
            layers.append(draw(st.sampled_from([nn.BatchNorm1d(outputs), nn.Dropout(), Residual(outputs)])))
    module = nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))
    module(torch.randn(16, 2) * 2)  # in training mode, so that BatchNorm has statistics of its own
    return module.double() if draw(st.booleans()) and between is BENDING else module


def read(module: nn.Module) -> tuple:
    kind = next(module.parameters()).dtype
    traced = trace_model(module, torch.randn(9, 2, dtype=kind))
    assert isinstance(traced, TracedModel), traced
    graph = parse_graph(traced.graph, {name: value.numpy() for name, value in traced.constants.items()})
    return graph, {name: value.numpy() for name, value in state_of(module).items()}, traced


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(module=stacks(BENDING + STRAIGHT), rows=st.integers(1, 50))
def test_gives_what_torch_gives(module: nn.Sequential, rows: int) -> None:
    graph, weights, traced = read(module)
    assert matches(graph, weights, traced.probe_rows.numpy(), traced.probe_outputs.numpy())
    fresh = torch.randn(rows, 2, dtype=traced.probe_rows.dtype) * 2
    with torch.no_grad():
        wanted = module.eval()(fresh).numpy()
    np.testing.assert_allclose(run_graph(graph, weights, fresh.numpy()), wanted, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(module=stacks(STRAIGHT))
def test_what_is_straight_is_affine(module: nn.Sequential) -> None:
    graph, weights, _ = read(module)
    verdict = is_affine(graph, weights, -1.0, 1.0)
    assert verdict.affine and verdict.by_design and verdict.nonlinear_ops == ()
    assert len(linear_layers(graph, weights)) == sum(isinstance(part, nn.Linear) for part in module.modules())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(module=stacks(BENDING))
def test_what_bends_is_not_affine(module: nn.Sequential) -> None:
    graph, weights, _ = read(module)
    assert not is_affine(graph, weights, -1.0, 1.0).by_design
    bends = sum(isinstance(part, Lambda) for part in module.modules())
    assert len(activations(graph, weights)) == bends
