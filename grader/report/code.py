"""The student's lines, coloured by what they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from grader.model.grade import SourceExcerpt
from grader.report.text import clean

_MAX_LINE = 400
"""Characters; longer lines are data, not code that anybody reads."""
_LEXER = PythonLexer(stripnl=False, stripall=False, ensurenl=False)
_FORMATTER = HtmlFormatter(nowrap=True)
"""It escapes, and closes its spans at each line's end, so that lines can stand alone."""
_CONTEXT = 6
"""Lines kept around a highlighted one when an excerpt is cut."""


@dataclass(frozen=True)
class CodeLine:
    number: int
    html: Markup
    marked: bool
    gap: bool = False
    """Lines before this one were left out."""


@dataclass(frozen=True)
class CodeBlock:
    cell: int
    lines: tuple[CodeLine, ...]
    cut: bool
    """Whether lines are missing at its end or between."""


def code_block(excerpt: SourceExcerpt, max_lines: int) -> CodeBlock:
    """`excerpt` as highlighted HTML lines, at most `max_lines`, those around highlighted ones first."""
    texts = [line[:_MAX_LINE] for line in clean(excerpt.text).split("\n")]
    while texts and not texts[-1].strip():
        texts.pop()
    numbered = dict(enumerate(texts, start=excerpt.first_line))
    kept = sorted(_kept(numbered, excerpt.highlight, max_lines))
    # Coloured after cutting: a lexer takes seconds over what nobody will see.
    coloured = _coloured([numbered[n] for n in kept])
    lines = [
        CodeLine(n, html, n in excerpt.highlight, gap=n > excerpt.first_line and n - 1 not in kept)
        for n, html in zip(kept, coloured, strict=True)
    ]
    return CodeBlock(excerpt.cell, tuple(lines), cut=len(kept) < len(texts))


def coloured(text: str) -> Markup:
    """Some Python as highlighted HTML, without line numbers."""
    return Markup("\n").join(_coloured(text.split("\n")))


def _coloured(texts: list[str]) -> list[Markup]:
    html = highlight("\n".join(texts), _LEXER, _FORMATTER).split("\n")
    html.extend([""] * (len(texts) - len(html)))
    return [Markup(line) for line in html[: len(texts)]]


def _kept(numbers: Collection[int], highlight: tuple[int, ...], limit: int) -> set[int]:
    if len(numbers) <= limit:
        return set(numbers)
    kept: set[int] = set()
    for line in highlight:
        near = {n for n in range(line - _CONTEXT, line + _CONTEXT + 1) if n in numbers}
        if len(kept | near) <= limit:
            kept |= near
    for line in numbers:
        if len(kept) >= limit:
            break
        kept.add(line)
    return kept
