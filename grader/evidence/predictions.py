"""How predicted classes were made from a model's outputs, told from what was compared with the labels."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from grader.evidence.losses import LossView
from grader.model.reported import Comparison, Pairing
from grader.model.submission import Submission, Where

Array = np.ndarray[Any, Any]
_HONEST = "honest"
_LINES_ABOVE = 10
_FEWEST = 8
"""Rows below which one class alone, or a chance agreement, tells nothing."""


def prediction_slip(line: Comparison, view: LossView, submission: Submission) -> str | None:
    """The named mistake by which the compared classes came from the outputs; None for honest or unknown ways.

    One side of a comparison holds the predictions: whatever side an honest reading fits each time is theirs.
    """
    sides = [
        [_way(operand, pairing.outputs, view) for pairing, operand in _operands(line, side)] for side in (0, 1)
    ]
    if any(ways and all(way == _HONEST for way in ways) for ways in sides):
        return None
    for ways in sides:
        found = {way for way in ways if way not in (None, _HONEST)}
        if len(found) == 1 and None not in ways:
            return _told_apart(found.pop(), line.places, submission)
    return None


def _operands(line: Comparison, side: int) -> Iterator[tuple[Pairing, Array | None]]:
    for pairing in line.pairs:
        if pairing.outputs is not None:
            yield pairing, (pairing.left, pairing.right)[side]


def _way(operand: Array | None, outputs: Array | None, view: LossView) -> str | None:
    """`honest`, a code, or None where the operand does not follow from the outputs."""
    if operand is None or outputs is None or outputs.ndim == 0 or len(outputs) < _FEWEST:
        return None
    columns = outputs.reshape(len(outputs), -1).astype(np.float64)
    given = operand.reshape(-1).astype(np.float64)
    if not np.isfinite(columns).all() or not given.size:
        return None
    if columns.shape[1] > 1:
        return _way_of_many(given, columns)
    return _way_of_one(given, operand.dtype.kind in "iu", columns[:, 0], view)


def _way_of_many(given: Array, columns: Array) -> str | None:
    along_rows = columns.argmax(axis=0)
    if len(given) == len(along_rows) != len(columns):
        return "metric-wrong-axis" if (given == along_rows).all() else None
    if len(given) != len(columns):
        return None
    if (given == columns.argmax(axis=1)).all():
        return _HONEST
    raised = np.exp(columns - columns.max(axis=0))
    per_batch = (raised / raised.sum(axis=0)).argmax(axis=1)
    return "metric-wrong-axis" if (given == per_batch).mean() > 0.999 else None


def _way_of_one(given: Array, whole: bool, column: Array, view: LossView) -> str | None:
    honest = view.seen(column[:, None])[:, 0] > view.threshold
    if len(given) == 1 and whole:
        return "metric-wrong-axis" if given[0] == column.argmax() else None
    if len(given) != len(column):
        return None
    if (given == honest).mean() > 0.999:
        return _HONEST
    if (given == 0).all():
        if whole:
            return "metric-softmax-on-one-output"
        return "metric-rounds-logits" if _rounded(given, column, view) else "metric-wrong-axis"
    if (given == 1).all():
        return "metric-sigmoid-twice"
    return "metric-rounds-logits" if _rounded(given, column, view) else None


def _rounded(given: Array, column: Array, view: LossView) -> bool:
    """The outputs are logits, and these are the logits rounded."""
    return view.threshold == 0.0 and bool((given == np.round(column)).mean() > 0.999)


# ---------------------------------------------------------------- what only the source tells apart


def _told_apart(code: str, places: Sequence[Where], submission: Submission) -> str:
    """Every row in class 1 may come from a sigmoid too many or from a softmax over one output."""
    if code != "metric-sigmoid-twice":
        return code
    words = {name for place in places for name in _names_above(place, submission)}
    softmax = any("softmax" in word.lower() for word in words)
    return "metric-softmax-on-one-output" if softmax else code


def _names_above(place: Where, submission: Submission) -> Iterator[str]:
    """Names and attributes on a line and the few before it."""
    cell = submission.cell(place.cell)
    if cell is None or place.line is None:
        return
    try:
        tree = ast.parse(cell.source)
    except (SyntaxError, ValueError, RecursionError):
        return
    last = place.line - cell.first_line + 1
    for node in ast.walk(tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and last - _LINES_ABOVE <= node.lineno <= last:
            yield node.id if isinstance(node, ast.Name) else node.attr


# ---------------------------------------------------------------- the figures such ways give


def mistaken_figures(outputs: Array, labels: Array, view: LossView) -> dict[str, float]:
    """Code → the figure that its mistake would report of these outputs, shape (n, k), and labels, shape (n,)."""
    figures: dict[str, float] = {}
    own = view.loss(outputs, view.classes(outputs))
    if own is not None:
        figures["loop-test-loss-against-predictions"] = own
    if outputs.shape[1] == 1 and view.threshold == 0.0 and view.applied == "none":
        figures["metric-rounds-logits"] = float((np.round(outputs[:, 0]) == labels).mean())
    elif outputs.shape[1] > 1:
        raised = np.exp(outputs - outputs.max(axis=0))
        figures["metric-wrong-axis"] = float(((raised / raised.sum(axis=0)).argmax(axis=1) == labels).mean())
    return figures
