"""Small submissions and events, as loaders and the recorder write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from grader.evidence.raw import RawEvents, read_events
from grader.model.submission import Cell, Submission

Array = np.ndarray[Any, Any]


def notebook(*cells: str | tuple[int, str]) -> Submission:
    """Cells in order: Markdown where the text begins with `md:`, else code; `(3, code)` carries the handout's mark."""
    found: list[Cell] = []
    number = 0
    for given in cells:
        exercise, source = (None, given) if isinstance(given, str) else given
        if source.startswith("md:"):
            found.append(Cell(kind="markdown", source=source[3:], exercise=exercise))
            continue
        number += 1
        found.append(Cell(kind="code", source=source, number=number, exercise=exercise))
    return Submission("ana.ipynb", Path("ana.ipynb"), "0" * 64, "notebook", tuple(found))


def script(*parts: str) -> Submission:
    """A script cut into code cells, whose lines count through the file."""
    found, line = [], 1
    for number, source in enumerate(parts, start=1):
        found.append(Cell(kind="code", source=source, number=number, first_line=line))
        line += len(source.splitlines())
    return Submission("ana.py", Path("ana.py"), "0" * 64, "script", tuple(found))


def events(*given: Mapping[str, Any], **tensors: Any) -> RawEvents:
    """Validated events, with the arrays they refer to by name."""
    return read_events(given, {name: np.asarray(value) for name, value in tensors.items()})


def name_event(
    name: str, values: str, *, cell: int = 2, shape: Sequence[int] = (), **changes: Any
) -> dict[str, Any]:
    """A variable that holds a float32 tensor, its numbers in the array `values`."""
    return {
        "kind": "name", "cell": cell, "name": name, "type": "tensor", "dtype": "torch.float32",
        "shape": list(shape), "values": values, **changes,
    }  # fmt: skip


def detail(step: int, after: str | None = "Z", **changes: Any) -> dict[str, Any]:
    """One backward pass of a sound loop."""
    return {
        "step": step, "after": after, "grads_before": None, "grads_at_step": 0.4, "moved": step > 0, "reached": 4,
        "parameters": 4, "output_shape": [1600], "target": {"shape": [1600], "dtype": "torch.float32"}, **changes,
    }  # fmt: skip


def run_event(run: str = "r1", model: str = "m1", cell: int = 5, **changes: Any) -> dict[str, Any]:
    """Three steps of a sound loop over a one-column model with BCE on logits."""
    return {
        "kind": "run", "cell": cell, "at": [[cell, 7]], "run": run, "model": model, "backwards": 3, "steps": 3,
        "resets": 3, "order": "ZBSZBSZBS", "details": [detail(0), detail(1), detail(2)],
        "head": [{"op": "BinaryCrossEntropyWithLogitsBackward0", "saved": {"self": {"shape": [1600]}}},
                 {"op": "AddmmBackward0"}],
        **changes,
    }  # fmt: skip
