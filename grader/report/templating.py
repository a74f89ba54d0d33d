"""What every page shares: templates that escape, and files of ours that its policy allows by their hash."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from grader.report.text import clean


def environment() -> Environment:
    """Templates of the reports: everything is escaped and cleaned, and an unknown name is an error."""
    return Environment(
        loader=PackageLoader("grader.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_cleaned,
    )


def _cleaned(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def own_file(name: str) -> str:
    """A file of `templates/`, as it stands."""
    return (files("grader.report") / "templates" / name).read_text(encoding="utf-8")


def source_hash(text: str) -> str:
    """The source expression by which a Content-Security-Policy allows an inline `text`: `sha256-…`."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
