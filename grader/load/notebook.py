"""Notebooks, as strict or as sloppy as the tool that wrote them."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import nbformat

from grader.errors import UnreadableSubmission
from grader.load.content import speakable, unix_lines
from grader.model.submission import Cell

_FOREIGN_KERNELS = re.compile(
    r"^(?:ir\d*|r|julia.*|javascript|deno|tslab|octave|matlab|bash|scala|spylon.*|almond|xcpp\d*|xeus-cling.*|root"
    r"|gophernotes|rust|evcxr|ihaskell|haskell|ruby|java|kotlin|sql|xsql.*|\.net-.*|stata|sas|wolfram.*)$",
    re.IGNORECASE,
)
_NOT_A_NOTEBOOK = "open it in Jupyter, save it, and hand in the .ipynb file."


def read_notebook(text: str, name: str) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """The cells in order, outputs left behind, code cells not yet numbered; and notes about what was mended.

    Raises:
        UnreadableSubmission: it is not JSON, no notebook, or a notebook of another language.
    """
    notebook = _as_version_4(_json_object(text, name), name)
    metadata = _table(notebook.get("metadata"))
    if language := _foreign_language(metadata):
        raise UnreadableSubmission(f"{name} is a notebook for {language}: hand in one for Python.")
    if not isinstance(notebook.get("cells"), list):
        raise UnreadableSubmission(f"{name} is JSON but not a notebook: {_NOT_A_NOTEBOOK}")
    cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    dropped = len(notebook["cells"]) - len(cells)
    notes = [f"{dropped} damaged cells could not be read and were passed over."] if dropped else []
    return tuple(_cell(cell) for cell in cells), tuple(notes)


def looks_like_notebook(text: str) -> bool:
    """Whether a file that is called something else holds a notebook's JSON."""
    return text.lstrip().startswith("{") and '"cells"' in text and '"nbformat"' in text


def _json_object(text: str, name: str) -> dict[str, Any]:
    try:
        # Raw control characters inside strings come from careless writers, and do no harm.
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        problem = "holds marks of a git conflict" if "\n<<<<<<< " in text else "is not JSON, so no notebook"
        raise UnreadableSubmission(f"{name} {problem}: {_NOT_A_NOTEBOOK}") from error
    if not isinstance(value, dict):
        raise UnreadableSubmission(f"{name} is JSON but not a notebook: {_NOT_A_NOTEBOOK}")
    return value


def _as_version_4(notebook: dict[str, Any], name: str) -> dict[str, Any]:
    """The notebook itself, or an older one brought up to version 4 by nbformat."""
    if "cells" in notebook or "worksheets" not in notebook:
        return notebook
    try:
        old = nbformat.from_dict(_tidy_version_3(notebook))  # type: ignore[no-untyped-call]  # nbformat has no types
        return dict(nbformat.convert(old, 4))  # type: ignore[no-untyped-call]  # nor here
    except Exception as error:  # nbformat promises no error type for junk.
        raise UnreadableSubmission(f"{name} is a damaged notebook of old form: {_NOT_A_NOTEBOOK}") from error


def _tidy_version_3(notebook: dict[str, Any]) -> dict[str, Any]:
    """The same cells with every field that the converter relies on, and nothing that is not needed."""
    sheets = notebook["worksheets"] if isinstance(notebook["worksheets"], list) else []
    cells = [cell for sheet in sheets for cell in _table(sheet).get("cells", []) if isinstance(cell, dict)]
    languages = {cell["language"].lower() for cell in cells if isinstance(cell.get("language"), str)}
    metadata = {"kernelspec": {"language": languages.pop()}} if len(languages) == 1 else {}
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": metadata | _table(notebook.get("metadata")),
        "worksheets": [{"cells": [_tidy_cell_3(cell) for cell in cells], "metadata": {}}],
    }


def _tidy_cell_3(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = _table(cell.get("metadata"))
    if cell.get("cell_type") == "code":
        code = {"language": "python", "input": _text(cell.get("input", cell.get("source"))), "outputs": []}
        return {"cell_type": "code", "metadata": metadata, **code}
    if cell.get("cell_type") == "heading":
        level = cell.get("level")
        level = level if isinstance(level, int) and 1 <= level <= 6 else 1
        source = _text(cell.get("source"))
        return {"cell_type": "heading", "level": level, "source": source, "metadata": metadata}
    kind = "raw" if cell.get("cell_type") == "raw" else "markdown"
    return {"cell_type": kind, "source": _text(cell.get("source")), "metadata": metadata}


def _cell(cell: dict[str, Any]) -> Cell:
    kinds: dict[object, Literal["code", "markdown", "raw"]] = {"code": "code", "raw": "raw"}
    kind = kinds.get(str(cell.get("cell_type")), "markdown")
    source = _text(cell.get("source", cell.get("input")))
    return Cell(kind=kind, source=source, exercise=exercise_in(cell.get("metadata")))


def exercise_in(metadata: object) -> int | None:
    """The exercise that the handout wrote into a cell's metadata."""
    exercise = _table(_table(metadata).get("grader")).get("exercise")
    return exercise if type(exercise) is int and exercise >= 0 else None


def _text(source: object) -> str:
    """A source as one string; nbformat lets writers split it into a list."""
    lines = source if isinstance(source, list) else [source]
    return speakable(unix_lines("".join(line for line in lines if isinstance(line, str))))


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _foreign_language(metadata: dict[str, Any]) -> str | None:
    """The language that is not Python; None where any field says Python, or none says anything."""
    kernel, info = _table(metadata.get("kernelspec")), _table(metadata.get("language_info"))
    said = [str(field) for field in (info.get("name"), kernel.get("language")) if field]
    if any("python" in field.lower() for field in said):
        return None
    if said:
        return "".join(character for character in said[0][:30] if character.isprintable())
    name = str(kernel.get("name", ""))
    return name if _FOREIGN_KERNELS.match(name) else None
