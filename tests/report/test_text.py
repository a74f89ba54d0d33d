from __future__ import annotations

import pytest

from grader.model.submission import Where
from grader.report.text import clean, number, one_line, place, shortened


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("\x1bPsixel\x1b\\after", "after"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1bc reset", " reset"),
        ("bell\x07 back\x08 nul\x00", "bell back nul"),
        ("10%\r50%\r100%\nnext", "100%\nnext"),
        ("done\r\nnext\r", "done\nnext"),
        ("a\u202eb\u2066c", "a\ufffdb\ufffdc"),
        ("lone \ud800", "lone \ufffd"),
        ("tab\tand é, 中文", "tab\tand é, 中文"),
        ("\x1b\x1b[2J[2J", "[2J"),
    ],
)
def test_what_commands_a_terminal_is_taken_out(raw: str, shown: str) -> None:
    assert clean(raw) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (8.8, "8.8"),
        (9.0, "9"),
        (0.0, "0"),
        (0.175, "0.18"),
        (6.125, "6.13"),
        (10.0, "10"),
        (None, "\N{EN DASH}"),
        (-0.0, "0"),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_places() -> None:
    assert place(Where(cell=12, line=3), "notebook") == "cell 12, line 3"
    assert place(Where(cell=12, line=3), "script") == "line 3"
    assert place(Where(cell=12), "notebook") == "cell 12"


def test_long_text_loses_its_middle_and_says_how_much() -> None:
    text = "first\n" + "x\n" * 5000 + "last"
    shown = shortened(text, 300)
    assert shown.startswith("first\n") and shown.endswith("last") and "characters not shown" in shown
    assert len(shown) < 400
    assert shortened("short", 300) == "short"


def test_one_line() -> None:
    assert one_line("a\n  b\tc") == "a b c"
    assert one_line("word " * 100, 20) == "word word word word…"
