"""How much of a student's own work a file holds, for choosing one among several."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from grader.errors import UnreadableSubmission
from grader.load.content import decoded, read_capped, size_of
from grader.load.listing import Found
from grader.load.notebook import read_notebook

MAX_READ_BYTES = 100 * 1024**2


@dataclass(frozen=True)
class Weight:
    """What speaks for a file."""

    from_handout: int
    """How many of the handout's exercises its cells are marked with."""
    code: int
    """Bytes of code."""


def text_of(found: Found) -> str:
    """A file's text; empty where it cannot be read or is too large to be somebody's code."""
    try:
        if found.problem or found.path.stat().st_size > MAX_READ_BYTES:
            return ""
        return decoded(read_capped(found.path), found.name)[0]
    except (OSError, UnreadableSubmission):
        return ""


def weight_of(found: Found) -> Weight:
    """All zero for what cannot be read."""
    text = text_of(found)
    if not found.is_notebook:
        return Weight(0, size_of(text.strip()))
    try:
        cells, _ = read_notebook(text, found.name)
    except UnreadableSubmission:
        return Weight(0, 0)
    marked = {cell.exercise for cell in cells if cell.exercise is not None}
    code = sum(size_of(cell.source.strip()) for cell in cells if cell.kind == "code")
    return Weight(len(marked), code)


def digest_of(path: Path) -> str:
    """SHA-256 of the bytes; empty where they cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
