"""Numbers as they stand in printed text, with the precision they were printed at."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DECIMAL = re.compile(r"(?<![\w.])([+-]?\d*\.\d+)(?:[eE]([+-]?\d{1,3}))?(?![\w.]*\d)")
_MOST = 4000


@dataclass(frozen=True)
class PrintedNumber:
    """A decimal number of the output."""

    value: float
    slack: float
    """Half a unit of its last printed digit, and a little for float32."""


def printed_numbers(text: str) -> list[PrintedNumber]:
    """The decimal numbers of a text that were printed with at least two decimals, in order; at most 4000."""
    found = []
    for match in _DECIMAL.finditer(text):
        digits, exponent = match.group(1), int(match.group(2) or 0)
        decimals = len(digits.rsplit(".", 1)[1]) - exponent
        if decimals >= 2:
            value = float(digits) * 10.0**exponent
            found.append(PrintedNumber(value, 0.5 * 10.0**-decimals + 1e-6))
        if len(found) >= _MOST:
            break
    return found
