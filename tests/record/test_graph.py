"""The exporter: what it leaves untouched, what it names, and what it says it cannot write down."""

from __future__ import annotations

import copy
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from grader.record.graph import TracedModel, Untraceable, aliases_of, state_of, trace_model


class Noisy(nn.Module):
    """Prints, counts, draws from every random source, and keeps what it computed."""

    def __init__(self, copyable: bool) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.calls = 0
        # A tensor in the middle of an autograd graph cannot be deep-copied.
        self.kept = None if copyable else self.net(torch.randn(3, 2))

    def forward(self, rows: Tensor) -> Tensor:
        self.calls += 1
        print("working on", rows, random.random(), np.random.rand(), torch.rand(1))
        self.kept = self.net(rows)
        return self.kept


class Attempt(nn.Module):
    """A forward pass given as a function."""

    def __init__(self, forward: object) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)
        self.steps = forward

    def forward(self, rows: Tensor) -> object:
        return self.steps(self, rows)


def random_states() -> tuple[object, object, bytes]:
    return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("copyable", [True, False])
def test_leaves_everything_as_it_was(copyable: bool, capsys: pytest.CaptureFixture[str]) -> None:
    module, rows = Noisy(copyable).train(), torch.randn(6, 2)
    before, kept, states = copy.deepcopy(module.state_dict()), module.kept, random_states()
    versions = [tensor._version for tensor in module.state_dict().values()]
    assert isinstance(trace_model(module, rows), TracedModel)
    assert random_states() == states
    assert capsys.readouterr() == ("", "")
    assert module.calls == 0 and module.kept is kept
    assert all(part.training for part in module.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert [tensor._version for tensor in module.state_dict().values()] == versions


def test_the_mode_of_each_part_comes_back_where_no_copy_can_be_made() -> None:
    module = Noisy(copyable=False).train()
    module.net[1].eval()
    trace_model(module, torch.randn(6, 2))
    assert module.training and module.net[0].training and not module.net[1].training


def test_gradients_and_training_go_on_undisturbed() -> None:
    rows, labels = torch.randn(32, 2), torch.rand(32, 1).round()
    weights = []
    for traced in (False, True):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 1))
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            outputs = module(rows)
            if traced:
                trace_model(module, rows)
            functional.binary_cross_entropy_with_logits(outputs, labels).backward()
            optimizer.step()
        weights.append([parameter.detach().clone() for parameter in module.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))


def test_names_parameters_buffers_and_constants() -> None:
    hidden = nn.Parameter(torch.randn(2, 3))
    shift = torch.tensor([1.0, 2.0])
    module = nn.Sequential(Attempt(lambda self, rows: (rows - shift) @ hidden), nn.BatchNorm1d(3))
    traced = trace_model(module, torch.randn(4, 2))
    assert isinstance(traced, TracedModel)
    assert traced.graph["parameters"] == ["0.layer.weight", "0.layer.bias", "1.weight", "1.bias"]
    assert "1.running_mean" in traced.graph["buffers"]
    kinds = traced.graph["constants"]
    assert kinds == {
        "%const0": {"parameter": False, "trainable": False},
        "%const1": {"parameter": True, "trainable": True},
    }
    assert torch.equal(traced.constants["%const0"], shift)
    assert torch.equal(traced.constants["%const1"], hidden)


def test_tied_weights_stand_once() -> None:
    shared = nn.Linear(2, 2)
    module = nn.Sequential(shared, nn.ReLU(), shared)
    assert list(state_of(module)) == ["0.weight", "0.bias"]
    assert aliases_of(module) == {"2.weight": "0.weight", "2.bias": "0.bias"}


def test_state_is_a_copy() -> None:
    module = nn.Linear(2, 1)
    state = state_of(module)
    with torch.no_grad():
        module.weight.add_(1)
    assert not torch.equal(state["weight"], module.weight) and not state["weight"].requires_grad


def test_batch_sizes_become_symbols() -> None:
    traced = trace_model(
        Attempt(lambda self, rows: self.layer(rows).view(rows.shape[0] * 3)), torch.randn(4, 2)
    )
    assert isinstance(traced, TracedModel)
    assert traced.graph["nodes"][-1]["args"][1] == [{"batch": 3}]


def test_a_constant_that_is_written_into_keeps_the_value_it_had() -> None:
    seen = torch.zeros(3)

    def counting(self: Attempt, rows: Tensor) -> Tensor:
        return self.layer(rows) + seen.add(1).mul_(2)

    traced = trace_model(Attempt(counting), torch.randn(4, 2))
    assert isinstance(traced, TracedModel)
    assert torch.equal(traced.constants["%const0"], torch.zeros(3))


def test_names_of_parameters_do_not_clash_with_those_of_the_graph() -> None:
    module = Attempt(lambda self, rows: self.layer(rows) * self.x + self.n0)
    module.x, module.n0 = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    traced = trace_model(module, torch.randn(4, 2))
    assert isinstance(traced, TracedModel)
    written = [node["out"] for node in traced.graph["nodes"]]
    assert not {"x", "n0"} & {name for out in written for name in out}


def test_sees_through_torch_compile() -> None:
    inner = nn.Sequential(nn.Linear(2, 1))
    wrapped = torch.compile(inner)
    traced = trace_model(wrapped, torch.randn(4, 2))
    assert isinstance(traced, TracedModel)
    assert traced.graph["parameters"] == list(state_of(wrapped)) == ["0.weight", "0.bias"]


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda self, rows: undefined_name, "raised"),  # type: ignore[name-defined]  # noqa: F821 - the mistake
        (lambda self, rows: sys.exit("bye"), "raised"),
        (lambda self, rows: nn.Linear(2, 1)(rows), "layers-made-in-forward"),
        (lambda self, rows: functional.dropout(self.layer(rows)), "random-numbers"),
        (lambda self, rows: self.layer(rows) + torch.randn(3), "random-numbers"),
        (lambda self, rows: torch.stack([self.layer(row) for row in rows]), "batch-size"),
        (lambda self, rows: self.layer(rows)[: rows.shape[0] - 1], "batch-size"),
        (lambda self, rows: torch.from_numpy(rows.numpy() * 2), "batch-size"),
        (lambda self, rows: self.layer(rows) * float(rows.sum()), "data-values"),
        (lambda self, rows: self.layer(rows).tolist(), "no-tensor-output"),
        (lambda self, rows: self.layer(rows) + torch.zeros(1, 1_000_001)[:, :3].numpy().sum(), None),
        (lambda self, rows: [self.layer(rows) for _ in range(2001)] and sum([rows] * 2001), "too-large"),
    ],
)
def test_says_why_it_cannot(forward: object, reason: str | None) -> None:
    traced = trace_model(Attempt(forward), torch.randn(6, 2))
    assert (traced.reason if isinstance(traced, Untraceable) else None) == reason


def test_no_rows() -> None:
    assert isinstance(trace_model(nn.Linear(2, 1), torch.zeros(0, 2)), Untraceable)


def test_imports_nothing_in_a_fresh_process() -> None:
    program = (
        "import torch, sys; from torch import nn; from grader.record.graph import trace_model\n"
        "before = set(sys.modules)\n"
        "trace_model(nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1)), torch.randn(8, 2))\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
