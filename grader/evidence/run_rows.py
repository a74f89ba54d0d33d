"""The rows that a training run went over: of which dataset, in which parts, with which labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.evidence.datasets import Match, RowFinder
from grader.evidence.losses import as_labels
from grader.evidence.raw import RawEvaluation, RawEvents, RawRun
from grader.model.assignment import DatasetSpec
from grader.model.evidence import Split

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Data:
    """A dataset of the assignment with what is known of its use."""

    spec: DatasetSpec
    finder: RowFinder
    split: Split | None


def dataset_of(rows: Array | None, data: Mapping[str, Data]) -> tuple[Data | None, Match | None]:
    """The dataset that these rows come from."""
    if rows is None or rows.ndim != 2:
        return None, None
    for known in data.values():
        match = known.finder.match(rows)
        if match is not None:
            return known, match
    return None, None


def rows_of_forwards(event: RawRun, raw: RawEvents) -> tuple[Array, Array] | tuple[None, None]:
    """What a loop without backward passes put through its model, as far as gradients could follow; and its batches."""
    calls = [
        (evaluation.count, rows)
        for evaluation in raw.of(RawEvaluation)
        if evaluation.model == event.model and evaluation.cell == event.cell and evaluation.grad
        if (rows := raw.array(evaluation.rows)) is not None and rows.ndim == 2
    ]
    most = max((count for count, _ in calls), default=0)
    often = [rows for count, rows in calls if 2 * count > most]
    if len({rows.shape[1] for rows in often}) != 1:
        return None, None
    return np.concatenate(often), np.array([len(rows) for rows in often])


def label_agreement(used: Data | None, match: Match | None, targets: Array | None) -> float | None:
    if used is None or match is None or targets is None:
        return None
    labels = as_labels(targets)
    if len(labels) != len(match.rows):
        return None
    known = match.rows >= 0
    own = used.finder.rows.labels[match.rows[known]]
    return float(np.isclose(labels[known], own, atol=1e-4).mean()) if known.any() else None


def steps_per_epoch(match: Match | None, batch_rows: Array | None, used: Data | None) -> int | None:
    """Backward passes in one pass over the train rows."""
    if match is None or batch_rows is None or used is None:
        return None
    sizes = batch_rows[np.isfinite(batch_rows) & (batch_rows >= 1)]
    if not len(sizes):
        return None
    total = used.split.train_features.shape[0] if used.split else len(np.unique(match.rows[match.rows >= 0]))
    return max(1, -(-total // int(np.median(sizes))))


def train_part(
    used: Data | None, match: Match | None, rows: Array | None, targets: Array | None
) -> tuple[Array, Array] | None:
    """The rows trained on, each once, in the model's units, with the labels they were given."""
    if rows is None or targets is None:
        return None
    labels = as_labels(targets)
    if used is None or match is None:
        return (rows, labels) if len(rows) == len(labels) else None
    split = used.split
    seen = match.rows[match.rows >= 0]
    if split is not None and split.train_features.rows is not None:
        part = split.train_features.rows
        if np.isin(seen, part).all():
            return _in_units(used, match, part), _student_labels(
                used, part, split.train_labels, split.aligned_train
            )
    if len(labels) != len(match.rows):
        return None
    _, first = np.unique(match.rows, return_index=True)
    return rows[first], labels[first]


def test_part(
    used: Data | None, match: Match | None, event: RawRun, raw: RawEvents, train: tuple[Array, Array] | None
) -> tuple[Array, Array] | None:
    """The rows held out: those of the student's split, or those that this model was only evaluated on."""
    if used is None or match is None:
        return None
    split = used.split
    if split is not None and split.test_features.rows is not None:
        part = split.test_features.rows
        return _in_units(used, match, part), _student_labels(
            used, part, split.test_labels, split.aligned_test
        )
    trained = set(match.rows.tolist())
    for evaluation in raw.of(RawEvaluation):
        rows = raw.array(evaluation.rows)
        found = used.finder.match(rows) if rows is not None and evaluation.model == event.model else None
        if found is not None and not trained & set(found.rows.tolist()):
            return _in_units(used, match, found.rows), used.finder.rows.labels[found.rows]
    return None


def _in_units(used: Data, match: Match, rows: Array) -> Array:
    """The dataset's rows in the units that the model was given."""
    known = rows[rows >= 0]
    return np.asarray(used.finder.rows.features[known] * match.scale + match.shift)


def _student_labels(used: Data, rows: Array, labels: Any, aligned: float | None) -> Array:
    """The student's labels where they differ from the true ones: their figures are about theirs."""
    if labels is not None and aligned is not None and aligned < 0.999 and len(labels.values) == len(rows):
        return np.asarray(labels.values[rows >= 0])
    return np.asarray(used.finder.rows.labels[rows[rows >= 0]])
