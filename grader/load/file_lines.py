"""Where a place in a submission stands in its file: for tools that point at lines of files."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator
from json import decoder, scanner
from pathlib import Path
from typing import Any

from grader.errors import UnreadableSubmission
from grader.load.content import decoded, read_capped
from grader.model.submission import Where


class _Located(str):
    """A string of a JSON document that knows where it began."""

    __slots__ = ("start",)
    start: int


class _Locating(json.JSONDecoder):
    """A JSON decoder whose string values are `_Located`."""

    def __init__(self) -> None:
        super().__init__(strict=False)
        self.parse_string = _located
        # The scanner written in C takes no other way of reading strings.
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]  # not in typeshed


def _located(text: str, end: int, strict: bool = False) -> tuple[_Located, int]:
    value, after = decoder.scanstring(text, end, strict)  # type: ignore[attr-defined]  # not in typeshed
    located = _Located(value)
    located.start = end
    return located, after


def file_lines(path: Path, kind: str) -> Callable[[Where], int | None]:
    """A function from places to 1-based lines of the file; None for a place that is not in it.

    A script's places are lines of its file already. A notebook keeps each line of a cell as a string of its JSON.
    """
    if kind == "script":
        return lambda where: where.line
    try:
        text, _ = decoded(read_capped(path), path.name)
        lines = _lines_of_notebook(text)
    except (UnreadableSubmission, ValueError, RecursionError):
        # A file that changed since it was graded, or no longer is there, points nowhere.
        return lambda where: None
    return lambda where: lines.get((where.cell, where.line or 1))


def _lines_of_notebook(text: str) -> dict[tuple[int, int], int]:
    """Cell and line in it to the line of the file."""
    ends = [place for place, character in enumerate(text) if character == "\n"]
    found: dict[tuple[int, int], int] = {}
    for number, parts in enumerate(_sources(text), start=1):
        line = 1
        for part in parts:
            begins = bisect_left(ends, part.start) + 1
            for further, _ in enumerate(part.removesuffix("\n").split("\n") if part else ()):
                # A line that was begun by an earlier string stands where it began.
                found.setdefault((number, line + further), begins)
            line += part.count("\n")
    return found


def _sources(text: str) -> Iterator[list[_Located]]:
    """The strings of each code cell that is not blank: those that the cells of a submission are numbered by."""
    notebook = _Locating().decode(text)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    for cell in cells if isinstance(cells, list) else []:
        parts = list(_parts(cell))
        if "".join(parts).strip():
            yield parts


def _parts(cell: Any) -> Iterator[_Located]:
    if isinstance(cell, dict) and cell.get("cell_type") == "code":
        source = cell.get("source", cell.get("input"))
        for part in source if isinstance(source, list) else [source]:
            if isinstance(part, _Located):
                yield part
