"""What a student's Python says before it runs: whether it parses, which modules it imports."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

_JUPYTER_LINE = re.compile(r"^([ \t]*)(?:[%!?].*|[^#\n'\"]*=[ \t]*[!%].*|[\w.%]+\?{1,2}[ \t]*)$", re.M)


def parsed(source: str) -> ast.Module | None:
    """The syntax tree; None where it does not parse even with magics and shell lines taken as `pass`.

    Line numbers are those of the source.
    """
    return _tree(source) or _tree(_JUPYTER_LINE.sub(r"\1pass", source))


def statement_lines(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """First and last line of each top-level statement, decorators included."""
    for statement in tree.body:
        decorators = getattr(statement, "decorator_list", [])
        first = min(part.lineno for part in (statement, *decorators))
        yield first, statement.end_lineno or statement.lineno


def imported_names(source: str) -> set[str]:
    """Top-level names of the modules that a source imports anywhere, relative imports included."""
    tree = parsed(source)
    return set() if tree is None else {name for node in ast.walk(tree) for name in _names_in(node)}


def _names_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module.partition(".")[0]
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.name for alias in node.names)


def _tree(source: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Invalid escapes are for the student's kernel to complain about.
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
