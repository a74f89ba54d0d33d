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
_ONE_CLASS = "metric-softmax-on-one-output"
_ZEROS = "zeros that are no whole numbers"
"""An argmax over one output may have become a float since; only the source tells it from rounded small logits."""
_BY_PLAINNESS = (
    _ONE_CLASS,
    _ZEROS,
    "metric-rounds-logits",
    "metric-sigmoid-twice",
    "metric-wrong-axis",
)
"""Where several ways give the same classes, the likelier one first."""
_LINES_ABOVE = 10
_LOWEST_SEEN = -13.0
"""Above it, the sigmoid of a logit's sigmoid is more than one half in float32."""
_FEWEST_APART = 3
_FEWEST = 8
"""Rows below which one class alone, or a chance agreement, tells nothing."""


def prediction_slip(line: Comparison, view: LossView, submission: Submission) -> str | None:
    """The named mistake by which the compared classes came from the outputs; None for honest or unknown ways.

    One side of a comparison holds the predictions: whatever side an honest reading fits each time is theirs.
    """
    sides = [
        [_ways(operand, pairing.outputs, view) for pairing, operand in _operands(line, side)]
        for side in (0, 1)
    ]
    if any(ways and all(_HONEST in way for way in ways) for ways in sides):
        return None
    for ways in sides:
        mistaken = [way for way in ways if _HONEST not in way]
        common = set.intersection(*mistaken) if mistaken else set()
        codes = [code for code in _BY_PLAINNESS if code in common]
        if codes:
            return _told_apart(codes, line.places, submission)
    return None


def _operands(line: Comparison, side: int) -> Iterator[tuple[Pairing, Array | None]]:
    for pairing in line.pairs:
        if pairing.outputs is not None and pairing.outputs.ndim:
            both = (pairing.left, pairing.right)
            if any(operand is not None and operand.size == len(pairing.outputs) for operand in both):
                yield pairing, both[side]


def _ways(operand: Array | None, outputs: Array | None, view: LossView) -> set[str]:
    """`honest`, or the codes of the ways that lead from these outputs to this operand; empty where none does."""
    if operand is None or outputs is None or outputs.ndim == 0 or len(outputs) < _FEWEST:
        return set()
    columns = outputs.reshape(len(outputs), -1)
    given = operand.reshape(-1).astype(np.float64)
    if not np.isfinite(columns).all() or not given.size:
        return set()
    if columns.shape[1] > 1:
        return _ways_of_many(given, columns.astype(np.float64))
    return _ways_of_one(given, operand.dtype.kind in "iu", columns[:, 0], view)


def _ways_of_many(given: Array, columns: Array) -> set[str]:
    along_rows = columns.argmax(axis=0)
    if len(given) == len(along_rows) != len(columns):
        return {"metric-wrong-axis"} if (given == along_rows).all() else set()
    if len(given) != len(columns):
        return set()
    if (given == columns.argmax(axis=1)).all():
        return {_HONEST}
    raised = np.exp(columns - columns.max(axis=0))
    per_batch = (raised / raised.sum(axis=0)).argmax(axis=1)
    return {"metric-wrong-axis"} if _same(given, per_batch) else set()


def _ways_of_one(given: Array, whole: bool, column: Array, view: LossView) -> set[str]:
    if len(given) == 1 and whole:
        return {"metric-wrong-axis"} if given[0] == column.argmax() else set()
    if len(given) != len(column):
        return set()
    seen = view.seen(column[:, None].astype(np.float64))[:, 0]
    if (given != (seen > view.threshold)).sum() < _FEWEST_APART:
        return {_HONEST}  # a row or two beside the threshold
    if any(_same(given, seen > end) for end in (view.threshold, view.other_threshold) if end is not None):
        return {_HONEST}
    found = set()
    if view.threshold == 0.0 and (_same(given, np.round(column)) or _same(given, column > 0.5)):
        found.add("metric-rounds-logits")
    if not given.any():
        found |= {_ONE_CLASS} if whole else {"metric-wrong-axis", _ZEROS}
    if given.all() or (not view.threshold and _sigmoid_twice(given, column)):
        found.add("metric-sigmoid-twice")
    return found


def _same(given: Array, other: Array) -> bool:
    return bool((given == other).mean() > 0.999)


def _sigmoid_twice(given: Array, column: Array) -> bool:
    """Class 1 for every row but those whose logit is so low that one half of float32 is all that is left."""
    above = column > _LOWEST_SEEN
    return bool((given[above] == 1).all()) and bool(((column < 0) & above).mean() > 0.05)


# ---------------------------------------------------------------- what only the source tells apart


def _told_apart(codes: Sequence[str], places: Sequence[Where], submission: Submission) -> str:
    """The likeliest of the ways, given the functions that stand near the comparison.

    Every row in class 1 may come from a sigmoid too many or from a softmax over one output; every row in class 0,
    from an argmax over one output or from logits that are small yet.
    """
    words = {name.lower() for place in places for name in _names_above(place, submission)}
    if codes[0] == _ZEROS:
        return _ONE_CLASS if words & {"argmax", "max", "topk"} else codes[1]
    if codes[0] == "metric-sigmoid-twice" and any("softmax" in word for word in words):
        return _ONE_CLASS
    return codes[0]


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
        figures["own-predictions"] = own
    if outputs.shape[1] == 1 and view.threshold == 0.0 and view.applied == "none":
        figures["metric-rounds-logits"] = float((np.round(outputs[:, 0]) == labels).mean())
    elif outputs.shape[1] > 1:
        raised = np.exp(outputs - outputs.max(axis=0))
        figures["metric-wrong-axis"] = float(((raised / raised.sum(axis=0)).argmax(axis=1) == labels).mean())
    return figures
