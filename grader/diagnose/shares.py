"""Which share of the rows a cell asks `train_test_split` for, where it says so in plain numbers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache


@lru_cache(maxsize=256)
def asks_for_small_train(source: str) -> bool:
    """Whether some split in a cell asks for less than half of the rows to train on, or for more than half to test."""
    return any(
        isinstance(share, float) and (share > 0.5 if name == "test_size" else share < 0.5)
        for name, share in _sizes(source)
    )


def _sizes(source: str) -> Iterator[tuple[str, object]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.keyword)
            and node.arg in ("test_size", "train_size")
            and isinstance(node.value, ast.Constant)
        ):
            yield node.arg, node.value.value
