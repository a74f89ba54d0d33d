"""The report for logs."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from grader.report.plain_text import COLUMNS, to_text
from tests.report.sample import SAMPLES, mixed


@pytest.mark.parametrize("name", SAMPLES)
def test_it_is_plain_and_no_wider_than_promised(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in (("FORCE_COLOR", "1"), ("TTY_COMPATIBLE", "1"), ("COLUMNS", "300")):
        monkeypatch.setenv(variable, value)
    text = to_text(SAMPLES[name]())
    assert max(map(cell_len, text.splitlines())) <= COLUMNS
    assert not [character for character in text if ord(character) < 32 and character != "\n"]
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_it_says_what_a_terminal_says() -> None:
    text = to_text(mixed())
    for part in (
        "Grade 6.13 of 10   5.13 of 9 points",
        "Partly graded",
        "ex6.nonlinear: not graded, – / 0.5",
    ):
        assert part in text
