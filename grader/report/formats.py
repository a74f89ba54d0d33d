"""The formats that one submission's report can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from grader.model.grade import Grade
from grader.report.audience import Audience, for_audience
from grader.report.github_classroom import to_classroom
from grader.report.github_summary import to_github
from grader.report.gradescope import to_gradescope
from grader.report.html_report import to_html
from grader.report.json_report import to_json
from grader.report.junit import to_junit
from grader.report.language.speech import in_language
from grader.report.plain_text import to_text


@dataclass(frozen=True)
class Format:
    """One of them."""

    ending: str
    """How the file's name ends, after `NAME.report.`."""
    write: Callable[[Grade, Audience], str]


def _filtered(write: Callable[[Grade], str]) -> Callable[[Grade, Audience], str]:
    return lambda grade, audience: write(for_audience(grade, audience))


def _said(write: Callable[[Grade], str]) -> Callable[[Grade, Audience], str]:
    return lambda grade, audience: write(in_language(for_audience(grade, audience)))


FORMATS = {
    "html": Format("html", to_html),
    "json": Format("json", _filtered(to_json)),
    "junit": Format("junit.xml", _said(to_junit)),
    "text": Format("txt", _filtered(to_text)),
    "github": Format("github.md", _said(to_github)),
    "gradescope": Format("gradescope.json", to_gradescope),
    "classroom": Format("classroom.txt", _said(to_classroom)),
}
