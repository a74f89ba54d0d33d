"""Asks a model that cannot be exported for its outputs on rows without labels, in the student's own process.

The rows come from outside, as they are and as each fitted scaler of the student's would hand them to the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

from grader.record.graph import outputs_of
from grader.record.models import Entry
from grader.record.store import Store

_MOST_SCALERS = 3


class Questions:
    """Unlabelled rows, and the models they are put to."""

    def __init__(self, store: Store, probes: str | None) -> None:
        self._store = store
        self._file = probes
        self._rows: dict[str, np.ndarray[Any, Any]] = {}

    def learn(self) -> None:
        """Read the rows, once: before the first cell, which begins when the grader has laid them there."""
        file, self._file = self._file, None
        if file and Path(file).is_file():
            self._rows = load_file(file)

    def ask(self, entries: Iterable[Entry], cell: int, namespace: Mapping[str, Any]) -> None:
        """Write what each model answers on every set of rows that fits it."""
        for entry in entries:
            for name, rows in self._variants(namespace):
                outputs = self._answer(entry, rows)
                if outputs is not None:
                    event = {"kind": "answers", "model": entry.id, "cell": cell, "rows_of": name}
                    kept = {"rows": self._store.keep(rows), "outputs": self._store.keep(outputs)}
                    self._store.emit({**event, **kept})

    def _variants(self, namespace: Mapping[str, Any]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
        scalers = [value for value in list(namespace.values()) if _is_fitted_scaler(value)][:_MOST_SCALERS]
        for name, rows in self._rows.items():
            yield name, rows
            for scaler in scalers:
                if scaler.n_features_in_ == rows.shape[1]:
                    yield name, np.asarray(scaler.transform(rows))

    def _answer(self, entry: Entry, rows: np.ndarray[Any, Any]) -> torch.Tensor | None:
        example = entry.example
        if example is None or example.ndim != 2 or example.shape[1] != rows.shape[1]:
            return None
        return outputs_of(entry.module, torch.from_numpy(rows).to(example.device, example.dtype))


def _is_fitted_scaler(value: Any) -> bool:
    module = getattr(type(value), "__module__", "")
    return module.startswith("sklearn.preprocessing") and hasattr(value, "n_features_in_")
