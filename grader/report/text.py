"""Text that students wrote, made safe to show; and numbers, places and outcomes in words."""

from __future__ import annotations

import math
import re

from grader.model.grade import Outcome
from grader.model.submission import Where
from grader.report.language.speech import said

# CSI, OSC (up to BEL or ST), the other string commands, and two-byte escapes of ECMA-48, in 7 and 8 bits.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# They reorder what stands around them, so a reader would see other code than Python ran.
_DECEIVERS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """`text` without terminal commands and control characters; line ends are `\\n`.

    A carriage return overwrites its line, as in a terminal. Characters that turn the direction of writing and
    lone surrogates become U+FFFD, so that nothing looks like what it is not.
    """
    unescaped = _ESCAPES.sub("", text).replace("\r\n", "\n")
    if "\r" in unescaped:
        unescaped = "\n".join(_after_overwriting(line) for line in unescaped.split("\n"))
    return _DECEIVERS.sub("\ufffd", _CONTROLS.sub("", unescaped))


def _after_overwriting(line: str) -> str:
    return next((part for part in reversed(line.split("\r")) if part), "")


def one_line(text: str, limit: int = 400) -> str:
    """`text` cleaned, on one line, at most `limit` characters long."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def shortened(text: str, limit: int) -> str:
    """`text` cleaned; the middle of a long one is left out, in whole lines where they are short enough."""
    cleaned = clean(text)
    if len(cleaned) <= limit:
        return cleaned
    half = limit // 2
    head, tail = cleaned[:half], cleaned[-half:]
    if "\n" in head[half // 2 :]:
        head = head[: head.rindex("\n")]
    if "\n" in tail[: half // 2]:
        tail = tail[tail.index("\n") + 1 :]
    return f"{head}\n  {said(f'… {len(cleaned) - len(head) - len(tail)} characters not shown …')}\n{tail}"


def number(value: float | None) -> str:
    """Two decimals, halves upward, no trailing zeros: `8.8`, `0.18`, `9`; a dash for what was not graded."""
    if value is None:
        return "\N{EN DASH}"
    hundredths = math.floor(value * 100 + 0.5 + 1e-6)
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")


def place(where: Where, kind: str) -> str:
    """`cell 12, line 3`; in a script, whose lines count through the file, `line 3`."""
    if where.line is None:
        return said(f"cell {where.cell}")
    return said(f"line {where.line}" if kind == "script" else f"cell {where.cell}, line {where.line}")


def outcome(status: Outcome) -> str:
    """An outcome in the student's words."""
    return said(status.value.replace("_", " "))


def exercise_name(number_of_exercise: int) -> str:
    """`Ex 3`; 0 stands for the ungraded extra."""
    return said(f"Ex {number_of_exercise}" if number_of_exercise else "Extra")
