"""A class as JSON of version 1, the same to the last byte for the same record."""

from __future__ import annotations

import json

from grader.model.classroom import ClassRecord

_DECIMALS = 6


def to_class_json(record: ClassRecord) -> str:
    """`record` as indented JSON with the schema's key order and a line end; floats have at most 6 decimals.

    Raises ValueError where a number is not finite: JSON has none such.
    """
    exact = json.dumps(record.model_dump(mode="python"), allow_nan=False)
    rounded = json.loads(exact, parse_float=_rounded)
    return json.dumps(rounded, indent=2, ensure_ascii=False) + "\n"


def _rounded(digits: str) -> float:
    # Adding 0.0 makes a zero of a negative zero.
    return round(float(digits), _DECIMALS) + 0.0
