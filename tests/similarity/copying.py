"""Copies as plagiarists make them, by program: each takes the code cells of a work and a source of chance."""

from __future__ import annotations

import ast
import io
import random
import re
import tokenize
from collections.abc import Callable, Iterable

Sources = tuple[str, ...]
Disguise = Callable[[Sources, random.Random], Sources]

_MARKER = re.compile(
    r"^\s*#.*\b(?:ex|exercise|task|aufgabe|exerci[a-zț]*|esercizio|übung)\w*\W*([1-9])\b", re.I | re.M
)


def renamed(sources: Sources, chance: random.Random) -> Sources:
    """Every name that the work gives itself has another."""
    names = sorted(_own_names(sources))
    new = {name: f"{chance.choice('abcdefgh')}_{chance.randrange(10**6)}" for name in names}
    return _changed_tokens(
        sources, lambda token: new.get(token.string) if token.type == tokenize.NAME else None
    )


def uncommented(sources: Sources, chance: random.Random) -> Sources:
    """No comment and no blank line is left, and the layout is Python's own."""
    return _changed_trees(sources, lambda tree: tree)


def commented(sources: Sources, chance: random.Random) -> Sources:
    """A remark after every line that ends a statement."""
    return _changed_tokens(
        sources, lambda token: f"  # {_words(chance)}\n" if token.type == tokenize.NEWLINE else None
    )


def other_words(sources: Sources, chance: random.Random) -> Sources:
    """Other strings and other numbers."""

    class Words(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.Constant:  # ast's name
            if isinstance(node.value, str):
                return ast.Constant(_words(chance))
            return (
                ast.Constant(type(node.value)(chance.randrange(2, 999)))
                if type(node.value) in (int, float)
                else node
            )

    return _changed_trees(sources, Words().visit)


def other_order(sources: Sources, chance: random.Random) -> Sources:
    """The cells are in another order; of a single one, its top-level statements."""
    if len(sources) > 2:
        return tuple(chance.sample(sources, len(sources)))
    return _changed_trees(sources, lambda tree: ast.Module(chance.sample(tree.body, len(tree.body)), []))


def broken_lines(sources: Sources, chance: random.Random) -> Sources:
    """A line for every argument, as formatters do it, with the trailing comma."""

    def broken(token: tokenize.TokenInfo) -> str | None:
        return f"{token.string}\n        " if token.type == tokenize.OP and token.string in "([{" else None

    return _changed_tokens(sources, broken)


def talkative(sources: Sources, chance: random.Random) -> Sources:
    """Loops and functions print what they do."""

    class Prints(ast.NodeTransformer):
        def generic_visit(self, node: ast.AST) -> ast.AST:
            super().generic_visit(node)
            if isinstance(node, ast.For | ast.FunctionDef | ast.With):
                place = chance.randrange(len(node.body) + 1)
                node.body.insert(place, ast.parse(f"print({_words(chance)!r}, 1)").body[0])
            return node

    return _changed_trees(sources, Prints().visit)


def disguised(sources: Sources, chance: random.Random) -> Sources:
    """All of it at once."""
    for disguise in (other_words, talkative, renamed, other_order, broken_lines, commented):
        sources = disguise(sources, chance)
    return sources


DISGUISES: dict[str, Disguise] = {
    function.__name__: function
    for function in (
        renamed,
        uncommented,
        commented,
        other_words,
        other_order,
        broken_lines,
        talkative,
        disguised,
    )
}


def exercises(sources: Sources) -> dict[int, range]:
    """Number of an exercise → the cells that belong to it, where comments tell."""
    starts = {
        int(found.group(1)): at for at, source in enumerate(sources) if (found := _MARKER.search(source))
    }
    ends = sorted(starts.values())
    return {
        number: range(at, next((end for end in ends if end > at), len(sources)))
        for number, at in starts.items()
    }


def with_exercise(victim: Sources, number: int, thief: Sources) -> Sources:
    """The thief's work, one exercise replaced by the victim's."""
    taken = [victim[at] for at in exercises(victim)[number]]
    own = exercises(thief)[number]
    return (*thief[: own.start], *taken, *thief[own.stop :])


def _own_names(sources: Iterable[str]) -> set[str]:
    bound, library = set(), set()
    for tree in filter(None, map(_tree, sources)):
        for node in ast.walk(tree):
            match node:
                case (
                    ast.Name(id=name, ctx=ast.Store())
                    | ast.arg(arg=name)
                    | ast.Attribute(attr=name, ctx=ast.Store())
                ):
                    bound.add(name)
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    bound.add(name)
                case ast.keyword(arg=str(name)):
                    library.add(name)
    return {
        name
        for name in bound - library
        if not name.startswith("__") and name not in ("forward", "grad", "self")
    }


def _words(chance: random.Random) -> str:
    return " ".join(chance.choice(("now", "the", "value", "of", "a", "row", "is", "here")) for _ in range(5))


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def _changed_trees(sources: Sources, change: Callable[[ast.Module], ast.Module]) -> Sources:
    """What parses is changed, the rest stays."""
    trees = [(source, _tree(source)) for source in sources]
    return tuple(
        source if tree is None else ast.unparse(ast.fix_missing_locations(change(tree)))
        for source, tree in trees
    )


def _changed_tokens(sources: Sources, change: Callable[[tokenize.TokenInfo], str | None]) -> Sources:
    return tuple(_changed_source(source, change) for source in sources)


def _changed_source(source: str, change: Callable[[tokenize.TokenInfo], str | None]) -> str:
    """The source with some tokens replaced, everything between them as it was."""
    lines = source.split("\n")
    if _tree(source) is None:
        return source
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, IndentationError):
        return source
    for token in reversed(tokens):
        new = change(token)
        (row, start), (_, end) = token.start, token.end
        if new is not None and row <= len(lines) and token.start[0] == token.end[0]:
            lines[row - 1] = lines[row - 1][:start] + new.rstrip("\n") + lines[row - 1][end:]
    return "\n".join(lines)
