"""Code as a row of symbols that renaming, comments, layout, words and figures do not change.

Names become one symbol, except builtins and attributes that the code did not make itself (`.Linear`,
`.zero_grad`): those belong to PyTorch, and nobody can rename them. Numbers become one symbol, and so do strings.
Comments, docstrings, commas, magics, imports and statements that only print are left out.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Punctuation, String, Whitespace

MAX_CODE = 200_000
"""Characters of code that are read of one work; the rest is left aside."""

NAME, NUMBER, STRING, DECORATOR = "V", "0", "S", "@"
_JUPYTER_LINE = re.compile(r"^[ \t]*(?:[%!?].*|[\w.]+[ \t]*=[ \t]*[!%].*|[\w.%]+\?{1,2}[ \t]*)$", re.M)
_FOREIGN_CELL = re.compile(r"\s*%%(?!time|capture|prun)")
"""`%%bash`, `%%html`, `%%writefile`: what follows is no Python that runs here."""
_NO_SYMBOL = (Comment, Whitespace, String.Doc)
_NOTHING = frozenset(("", ",", ";", "\\"))
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


class Token(NamedTuple):
    """One piece of code."""

    kind: Any
    """Pygments' type."""
    text: str
    offset: int
    """Characters before it in its cell."""


class Symbol(NamedTuple):
    """What is compared, and where it stands."""

    text: str
    cell: int
    """Index among the sources."""
    line: int
    """Line within the source, from 0."""


def symbols(sources: Sequence[str]) -> list[Symbol]:
    """The symbols of some cells, in order."""
    cells = [list(_telling(source)) for source in bounded(sources)]
    made = _made_attributes(cells)
    return [
        symbol for index, cell in enumerate(cells) for symbol in _of_cell(index, cell, sources[index], made)
    ]


def bounded(sources: Iterable[str], most: int = MAX_CODE) -> Iterator[str]:
    """The sources, cut where they exceed `most` characters together."""
    for source in sources:
        yield source[:most]
        most = max(0, most - len(source))


def _of_cell(index: int, tokens: Sequence[Token], source: str, made: frozenset[str]) -> Iterator[Symbol]:
    starts = list(accumulate((len(line) + 1 for line in source.split("\n")), initial=0))
    before = ""
    for token in tokens:
        text = _symbol(token, before, made)
        if not (text == before == STRING):
            yield Symbol(text, index, bisect_right(starts, token.offset) - 1)
        before = text


def _symbol(token: Token, before: str, made: frozenset[str]) -> str:
    """What stands for a token that comes after the symbol `before`."""
    kind = token.kind
    if kind in String:
        return STRING
    if kind in Number:
        return NUMBER
    if kind is Name.Decorator:
        return DECORATOR
    if kind is Name and before == "." and token.text not in made:
        return token.text
    return NAME if kind in Name and kind is not Name.Builtin else token.text


def _made_attributes(cells: Iterable[Sequence[Token]]) -> frozenset[str]:
    """Attributes and methods that the code itself makes: `self.hidden = …`, `def evaluate(…)`."""
    made = set()
    for cell in cells:
        made |= {token.text for token in cell if token.kind is Name.Function}
        made |= {
            b.text
            for a, b, c in zip(cell, cell[1:], cell[2:], strict=False)
            if a.text == "." and c.text == "="
        }
    return frozenset(made)


def _telling(source: str) -> Iterator[Token]:
    """The tokens of a cell that say something about how it was solved."""
    for statement in _statements(_python(source)):
        if not _says_nothing(statement):
            yield from statement


def _python(source: str) -> str:
    """The source, blank where it is IPython's; offsets stay."""
    if _FOREIGN_CELL.match(source):
        return ""
    return _JUPYTER_LINE.sub(lambda line: " " * len(line.group()), source)


def _statements(source: str) -> Iterator[list[Token]]:
    """The tokens of each logical line, as far as brackets close."""
    statement: list[Token] = []
    depth = 0
    found: Iterable[tuple[int, Any, str]] = PythonLexer().get_tokens_unprocessed(source)
    for offset, kind, text in found:
        mark = text if kind is Punctuation else ""
        depth = max(0, depth + (mark in _OPENING) - (mark in _CLOSING))
        if depth == 0 and (mark == ";" or (kind in Whitespace and "\n" in text)):
            yield statement
            statement = []
        elif text.strip() not in _NOTHING and not any(kind in nothing for nothing in _NO_SYMBOL):
            statement.append(Token(kind, text, offset))
    yield statement


def _says_nothing(statement: Sequence[Token]) -> bool:
    """Imports, and calls of `print`."""
    if not statement:
        return True
    first = statement[0]
    return first.kind is Keyword.Namespace or (first.text == "print" and first.kind is Name.Builtin)
