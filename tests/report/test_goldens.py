"""The reports of the sample grades, held against what they were when somebody last looked at them.

`UPDATE_GOLDENS=1 pytest tests/report/test_goldens.py` writes them anew;
look at the difference before you commit it.
"""

from __future__ import annotations

import difflib
import os
from base64 import b64decode
from pathlib import Path

import pytest

from grader.report.formats import FORMATS
from grader.report.html_report import to_html
from grader.report.json_report import to_json
from tests.report.sample import SAMPLES, mixed

GOLDENS = Path(__file__).parent / "goldens"


def hold(name: str, report: str) -> None:
    golden = GOLDENS / name
    if os.environ.get("UPDATE_GOLDENS") == "1":
        golden.write_text(report, encoding="utf-8")
    before = golden.read_text(encoding="utf-8")
    lines = difflib.unified_diff(
        before.splitlines(), report.splitlines(), f"goldens/{name}", "as it is now", lineterm="", n=1
    )
    difference = "\n".join(line[:300] for line in lines)
    assert report == before, f"{name} changed:\n{difference[:6000]}"


@pytest.mark.parametrize("name", SAMPLES)
def test_json_is_as_it_was(name: str) -> None:
    hold(f"{name}.json", to_json(SAMPLES[name]()))


@pytest.mark.parametrize("name", SAMPLES)
def test_page_is_as_it_was(name: str) -> None:
    hold(f"{name}.html", to_html(SAMPLES[name]()))


@pytest.mark.parametrize("form", ["junit", "text", "github", "gradescope", "classroom"])
@pytest.mark.parametrize("name", ["mixed", "hostile"])
def test_other_formats_are_as_they_were(name: str, form: str) -> None:
    chosen = FORMATS[form]
    report = chosen.write(SAMPLES[name](), "instructor")
    # Base64 shows nobody what changed.
    shown = b64decode(report).decode() + "\n" if form == "classroom" else report
    hold(f"{name}.{chosen.ending}", shown)


def test_students_page_is_as_it_was() -> None:
    hold("mixed.student.html", to_html(mixed(), "student"))
