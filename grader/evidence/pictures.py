"""Data for the report's pictures, recomputed from the student's model: learning curves and decision maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grader.evidence.maps import predictor
from grader.evidence.run_rows import Data
from grader.evidence.runs import Run
from grader.model.assignment import Band
from grader.model.evidence import Measured, RunEvidence
from grader.model.grade import Boundary, Curve

Array = np.ndarray[Any, Any]

_GRID = 60
_POINTS = 250


def curves(run: RunEvidence, bands: Mapping[str, Band]) -> tuple[Curve, ...]:
    """Loss and accuracy on train and test rows, at the steps that were kept, each with the reference's band."""
    per_epoch = run.steps_per_epoch or 1
    wanted = [
        ("train loss", "train_loss"),
        ("test loss", "test_loss"),
        ("train accuracy", "train_accuracy"),
        ("test accuracy", "test_accuracy"),
    ]
    found = (
        _curve(label, [(m, getattr(m, field)) for m in run.measured], per_epoch) for label, field in wanted
    )
    return tuple(_with_band(curve, bands.get(curve.label)) for curve in found if len(curve.epochs) > 1)


def _with_band(curve: Curve, band: Band | None) -> Curve:
    """The band at the curve's own epochs; past its last one it goes on level."""
    if band is None:
        return curve
    low, high = (np.interp(curve.epochs, band.epochs, side).round(6) for side in (band.low, band.high))
    return curve.model_copy(update={"low": tuple(low.tolist()), "high": tuple(high.tolist())})


def _curve(label: str, values: list[tuple[Measured, float | None]], per_epoch: int) -> Curve:
    known = [(measured.step / per_epoch, value) for measured, value in values if value is not None]
    return Curve(
        label=label,
        epochs=tuple(round(epoch, 4) for epoch, _ in known),
        values=tuple(round(value, 6) for _, value in known),
    )


def boundaries(run: Run, data: Data) -> tuple[Boundary, ...]:
    """The trained model's decision map over the train rows and over the test rows."""
    predict = predictor(run)
    features, labels = data.finder.rows.features, data.finder.rows.labels
    if predict is None or features.shape[1] != 2:
        return ()
    low, high = features.min(axis=0) - 0.15, features.max(axis=0) + 0.15
    x, y = np.meshgrid(np.linspace(low[0], high[0], _GRID), np.linspace(low[1], high[1], _GRID))
    try:
        classes = predict(np.column_stack((x.ravel(), y.ravel()))).reshape(_GRID, _GRID)
    except ValueError:
        return ()
    grid = tuple(tuple(int(value) for value in row) for row in classes)
    ranges = {
        "x_range": (round(float(low[0]), 4), round(float(high[0]), 4)),
        "y_range": (round(float(low[1]), 4), round(float(high[1]), 4)),
    }
    return tuple(
        Boundary(title=title, classes=grid, points=_points(features, labels, rows), **ranges)
        for title, rows in _parts(data)
    )


def _parts(data: Data) -> list[tuple[str, Array]]:
    split = data.split
    if split is None or split.train_features.rows is None or split.test_features.rows is None:
        return [("all rows", np.arange(len(data.finder.rows.features)))]
    return [("train rows", split.train_features.rows), ("test rows", split.test_features.rows)]


def _points(features: Array, labels: Array, rows: Array) -> tuple[tuple[float, float, int], ...]:
    """Evenly picked rows, few enough for a page."""
    known = rows[rows >= 0]
    chosen = known[:: max(1, len(known) // _POINTS)][:_POINTS]
    return tuple(
        (round(float(features[row][0]), 4), round(float(features[row][1]), 4), int(labels[row]))
        for row in chosen
    )
