"""Asserts for each exercise, as an instructor would write them for a grader by tests: of names, shapes and models.

Every function stands alone, for its source is copied into notebooks and test files. `names` is the notebook's
namespace. None draws random numbers, and none changes what it looks at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

Names = dict[str, Any]


def check_ex1(names: Names) -> None:
    arrays = [value for value in names.values() if hasattr(value, "shape") and hasattr(value, "dtype")]
    points = [array for array in arrays if len(array.shape) == 2 and array.shape[1] == 2]
    assert points, "no array holds points with two coordinates"
    assert any(len(array) == len(points[0]) for array in arrays if len(array.shape) == 1), "no labels"


def check_ex2(names: Names) -> None:
    import torch

    tensors = [value for value in names.values() if isinstance(value, torch.Tensor) and value.ndim == 2]
    points = [tensor for tensor in tensors if tensor.shape[1] == 2]
    assert all(tensor.dtype == torch.float32 for tensor in points), "points are not float32"
    assert len({len(tensor) for tensor in points}) >= 2, "no training and test part"


def check_ex3(names: Names) -> None:
    import torch

    models = [
        value for value in names.values() if isinstance(value, torch.nn.Module) and list(value.parameters())
    ]
    assert models, "no model"
    assert any(model(torch.zeros(5, 2)).numel() == 5 for model in models), (
        "no model gives one logit for a point"
    )


def check_ex4(names: Names) -> None:
    import torch

    assert any(isinstance(value, torch.optim.Optimizer) for value in names.values()), "no optimizer"
    losses = (torch.nn.BCEWithLogitsLoss, torch.nn.BCELoss)
    assert any(isinstance(value, losses) for value in names.values()), "no loss function"


def check_ex5(names: Names) -> None:
    curves = [value for value in names.values() if isinstance(value, list) and len(value) >= 5]
    assert any(all(isinstance(number, float) for number in curve) for curve in curves), "no curve was kept"


def check_ex6(names: Names) -> None:
    import torch

    def bends(model: torch.nn.Module) -> bool:
        a, b = torch.tensor([[0.5, -1.0]]), torch.tensor([[-0.8, 0.3]])
        with torch.no_grad():
            straight = model(a) + model(b) - model(a + b) - model(torch.zeros(1, 2))
        return bool(straight.abs().max() > 1e-4)

    models = [
        value for value in names.values() if isinstance(value, torch.nn.Module) and list(value.parameters())
    ]
    assert any(bends(model) for model in models), "every model is a straight line"


def check_ex7(names: Names) -> None:
    import torch
    from sklearn.datasets import make_circles

    points, labels = make_circles(n_samples=1000, noise=0.05, random_state=7)
    points, labels = torch.tensor(points, dtype=torch.float32), torch.tensor(labels)

    def share(model: torch.nn.Module) -> float:
        with torch.no_grad():
            logits = model(points)
        return float(((logits.flatten() > 0) == labels).float().mean()) if logits.numel() == 1000 else 0.0

    models = [
        value for value in names.values() if isinstance(value, torch.nn.Module) and list(value.parameters())
    ]
    assert max(share(model) for model in models) > 0.95, "no model tells the circles apart"


def check_ex8(names: Names) -> None:
    assert callable(names.get("plot_decision_boundary")), "plot_decision_boundary was not imported"


def check_ex9(names: Names) -> None:
    import torch
    from sklearn.datasets import make_blobs

    points, labels = make_blobs(n_samples=1000, centers=4, cluster_std=1.5, random_state=42)
    points, labels = torch.tensor(points, dtype=torch.float32), torch.tensor(labels)

    def share(model: torch.nn.Module) -> float:
        with torch.no_grad():
            logits = model(points)
        return float((logits.argmax(1) == labels).float().mean()) if logits.shape == (1000, 4) else 0.0

    models = [
        value for value in names.values() if isinstance(value, torch.nn.Module) and list(value.parameters())
    ]
    assert max(share(model) for model in models) > 0.9, "no model tells the blobs apart"


CHECKS: dict[int, Callable[[Names], None]] = {
    1: check_ex1,
    2: check_ex2,
    3: check_ex3,
    4: check_ex4,
    5: check_ex5,
    6: check_ex6,
    7: check_ex7,
    8: check_ex8,
    9: check_ex9,
}
"""Exercise → what is asserted after it."""


def source_of(exercise: int) -> str:
    """The check as text that runs anywhere."""
    return "Names = dict\n\n" + inspect.getsource(CHECKS[exercise])
