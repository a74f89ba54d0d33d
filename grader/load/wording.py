"""Names that strangers chose, fit for a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MAX_SHOWN = 160
"""Characters of a name or a path in a sentence."""


def printable(text: str, limit: int = MAX_SHOWN) -> str:
    """The text on one line, what a terminal or JSON could not hold as a question mark, its middle cut out if long."""
    shown = "".join(character if character.isprintable() else "?" for character in text[: 20 * limit])
    half = limit // 2
    return shown if len(shown) <= limit else f"{shown[: half - 1]}…{shown[-half:]}"


def listed(names: Iterable[str], most: int = 5) -> str:
    """`a, b and 3 more`."""
    shown = [printable(name) for name in names]
    if len(shown) <= most:
        return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
    return f"{', '.join(shown[:most])} and {len(shown) - most} more"


def counted(things: Sequence[object] | int, one: str, many: str = "") -> str:
    """`1 file`, `3 files`."""
    number = things if isinstance(things, int) else len(things)
    return f"{number} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Bytes as people say them: `500 MB`."""
    for unit, name in ((1024**3, "GB"), (1024**2, "MB"), (1024, "kB")):
        if number >= unit:
            return f"{number / unit:.3g} {name}"
    return f"{number} bytes"
