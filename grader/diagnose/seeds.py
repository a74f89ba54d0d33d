"""Whether a shuffle can be repeated: seeds leave no trace in values, so the syntax tree is asked."""

from __future__ import annotations

import ast
from functools import lru_cache

from grader.model.submission import Submission

_SHUFFLES = {"train_test_split", "randperm", "permutation", "shuffle", "random_split", "sample", "choice"}
_SOURCES = {"default_rng", "RandomState", "Random", "Generator"}
_SEED_WORDS = {"random_state", "generator", "seed"}


def shuffles_unseeded(submission: Submission, cell: int) -> bool:
    """Whether some cell up to this one shuffles, and none of them shows a seed.

    Shuffles in code that we cannot see, and seeds handed on in any form, count for the student.
    """
    earlier = (found for number in range(1, cell + 1) if (found := submission.cell(number)) is not None)
    facts = [_facts(each.source) for each in earlier]
    return any(shuffles for shuffles, _ in facts) and not any(seeds for _, seeds in facts)


@lru_cache(maxsize=256)
def _facts(source: str) -> tuple[bool, bool]:
    """Whether a cell shuffles, and whether it shows a seed."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return False, False
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(_name(call) in _SHUFFLES for call in calls), any(map(_seeds, calls))


def _name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _seeds(call: ast.Call) -> bool:
    name = _name(call)
    if name.startswith("make_"):  # the seed of the data is not that of its split
        return False
    given = [keyword for keyword in call.keywords if keyword.arg is None or keyword.arg in _SEED_WORDS]
    if any(not _is_none(keyword.value) for keyword in given):
        return True
    return ("seed" in name.lower() or name in _SOURCES) and bool(call.args or call.keywords)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
