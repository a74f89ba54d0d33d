"""Cells of the CSV files that spreadsheets and learning platforms open."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from grader.report.text import number, one_line

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel reads UTF-8 as the encoding of its country."""
_LONGEST = 8_000
"""Characters of a cell that several texts share; Excel cuts at 32,767."""
# Where a cell begins, and where a spreadsheet that splits at semicolons lets one begin; their wide forms count too.
# Source: OWASP, CSV Injection; ASVS 5.0, 1.2.10.
_FORMULA = re.compile(
    r"(^|;)(?=[\s\"\u00ad\u200b-\u200d\u2060-\u2064\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])"
)


def cell(text: str, limit: int = 400) -> str:
    """`text` on one line, at most `limit` characters, that no spreadsheet takes for a formula."""
    return _FORMULA.sub(r"\1'", one_line(text, limit))


def several(texts: Iterable[str]) -> str:
    """Some texts in one cell, bars between them."""
    # Each is cleaned by itself: what is left open in one must not swallow the next.
    return cell(" | ".join(line for line in map(one_line, texts) if line), _LONGEST)


def amount(value: float | None) -> str:
    """A number as every report shows it; nothing, and never a zero, where there is none."""
    return "" if value is None else number(value)


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """CSV as of RFC 4180: commas, quotes where they are needed, lines that end with CR LF."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()
