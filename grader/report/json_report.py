"""The grade as JSON of version 1, the same to the last byte for the same grade."""

from __future__ import annotations

import json
import math
from typing import Any

from grader.model.grade import Curve, ExerciseResult, Grade

_DECIMALS = 6
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def to_json(grade: Grade) -> str:
    """`grade` as indented JSON with the schema's key order and a line end; rows of numbers stand on one line.

    Floats are rounded to 6 decimals. JSON has no NaN: steps of a curve without a finite value are left out.
    Raises ValueError where any other number is not finite.
    """
    exercises = tuple(_with_finite_curves(exercise) for exercise in grade.exercises)
    finite = grade.model_copy(update={"exercises": exercises})
    return _written(finite.model_dump(mode="python"), "") + "\n"


def finite_curve(curve: Curve) -> Curve:
    """The steps of `curve` at which all its numbers are finite."""
    columns = [curve.epochs, curve.values, *(band for band in (curve.low, curve.high) if band)]
    rows = [row for row in zip(*columns, strict=False) if all(map(math.isfinite, row))]
    kept = list(zip(*rows, strict=True)) or [()] * len(columns)
    epochs, values, *band = kept
    low, high = band if len(band) == 2 else ((), ())
    return Curve(label=curve.label, epochs=epochs, values=values, low=low, high=high)


def _with_finite_curves(exercise: ExerciseResult) -> ExerciseResult:
    curves = tuple(finite_curve(curve) for curve in exercise.pictures.curves)
    pictures = exercise.pictures.model_copy(update={"curves": curves})
    return exercise.model_copy(update={"pictures": pictures})


def _written(value: Any, indent: str) -> str:
    inner = indent + "  "
    if isinstance(value, dict) and value:
        members = (f"{inner}{_scalar(str(key))}: {_written(item, inner)}" for key, item in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if isinstance(value, (list, tuple)):
        if all(isinstance(item, (int, float)) for item in value):
            return _ENCODE([_rounded(item) for item in value])
        return "[\n" + ",\n".join(inner + _written(item, inner) for item in value) + f"\n{indent}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    return _ENCODE(_rounded(value))


def _rounded(value: Any) -> Any:
    return round(value, _DECIMALS) + 0.0 if isinstance(value, float) else value
