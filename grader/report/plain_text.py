"""The grade as plain text for logs: what a terminal shows, without colours, in 100 columns."""

from __future__ import annotations

import io

from rich.console import Console

from grader.model.grade import Grade
from grader.report.terminal_report import to_terminal

COLUMNS = 100


def to_text(grade: Grade) -> str:
    """`grade` in lines of at most `COLUMNS` columns, whatever the environment says about terminals."""
    file = io.StringIO()
    console = Console(file=file, width=COLUMNS, color_system=None, force_jupyter=False)
    to_terminal(grade, console)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())
