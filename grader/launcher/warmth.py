"""What every submission needs and what takes seconds: imported here once, and shared by all kernels that are forked."""

# mypy: allow-untyped-calls
# torch carries few types.

from __future__ import annotations

import contextlib
import gc
import importlib
import pkgutil
from pathlib import Path

_LIBRARIES = (
    "numpy",
    "torch",
    "torch.nn.functional",
    "torch.optim",
    "torch.utils.data",
    "pandas",
    "sklearn.datasets",
    "sklearn.metrics",
    "sklearn.model_selection",
    "sklearn.preprocessing",
    "matplotlib.pyplot",
    "matplotlib.font_manager",
    "matplotlib_inline.backend_inline",
    "PIL.PngImagePlugin",
    "IPython.display",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "grader.record.launch",
)


def warm_up() -> None:
    """Import what kernels need, and do once what is slow the first time. Starts no thread."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    _import_recorder()
    _first_step()
    _first_picture()
    # The collector would write into pages that all kernels share.
    gc.collect()
    gc.freeze()


def _import_recorder() -> None:
    """Every module of it: its files are out of reach once the sandbox is closed."""
    import grader.record

    for module in pkgutil.iter_modules(grader.record.__path__, "grader.record."):
        if not module.name.endswith("notebook_habits"):
            importlib.import_module(module.name)


def _first_step() -> None:
    """One optimizer step: torch imports a large part of itself when the first is made."""
    import torch

    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    torch.nn.functional.mse_loss(layer(torch.zeros(4, 2)), torch.zeros(4, 1)).backward()
    optimizer.step()


def _first_picture() -> None:
    """One figure, so that fonts are found and drawn with before the first student draws."""
    import io

    import matplotlib.pyplot as plt

    # Whatever goes wrong here goes wrong again, visibly, in a kernel.
    with contextlib.suppress(Exception):
        figure, axes = plt.subplots()
        axes.plot([0, 1], label="one")
        axes.set_title("0")
        axes.legend()
        figure.savefig(io.BytesIO(), format="png")
        plt.close(figure)


def threads() -> int:
    """How many threads this process has; with more than one it must not fork."""
    return len(list(Path("/proc/self/task").iterdir()))
