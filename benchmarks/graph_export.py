"""How long it takes to export a three-layer model, to read it back, to run it and to ask about its structure.

python benchmarks/graph_export.py
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from grader.evidence.graph import parse_graph, run_graph
from grader.evidence.structure import is_affine, linear_layers, stages
from grader.record.graph import TracedModel, state_of, trace_model

ROUNDS = 21


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def median(work: Callable[[], object]) -> float:
    return statistics.median(milliseconds(work) for _ in range(ROUNDS))


def main() -> None:
    torch.set_num_threads(1)
    module = nn.Sequential(
        nn.Linear(2, 128), nn.ReLU(), nn.BatchNorm1d(128), nn.Linear(128, 64), nn.Tanh(), nn.Linear(64, 1)
    )
    rows = torch.randn(16, 2)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, PyTorch {torch.__version__}, one thread"
    )
    print(f"export, first in the process  {milliseconds(lambda: trace_model(module, rows)):8.2f} ms")
    print(f"export                        {median(lambda: trace_model(module, rows)):8.2f} ms")
    traced = trace_model(module, rows)
    assert isinstance(traced, TracedModel), traced
    written = json.dumps(traced.graph)
    weights = {name: tensor.numpy() for name, tensor in state_of(module).items()}
    graph = parse_graph(json.loads(written), {})
    grid = np.random.default_rng(0).normal(size=(160_000, 2)).astype(np.float32)
    print(f"graph as JSON                 {len(written):8d} bytes")
    print(f"read                          {median(lambda: parse_graph(json.loads(written), {})):8.2f} ms")
    print(f"run on 400 rows               {median(lambda: run_graph(graph, weights, grid[:400])):8.2f} ms")
    print(f"run on 160 000 rows           {milliseconds(lambda: run_graph(graph, weights, grid)):8.2f} ms")
    print(f"linear layers                 {median(lambda: linear_layers(graph, weights)):8.2f} ms")
    print(f"affine or not                 {median(lambda: is_affine(graph, weights, -1.0, 1.0)):8.2f} ms")
    print(f"stages                        {median(lambda: stages(graph, weights)):8.2f} ms")


if __name__ == "__main__":
    main()
