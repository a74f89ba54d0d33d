"""For a probe: turns the features of the data that generators make, and exchanges their labels.

A loop that learns from the data learns the turned data as well; an answer that was written down beforehand is wrong
about it. What is turned how comes from outside, as numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np


def turn_generators(turns: list[dict[str, Any]]) -> None:
    """Make each generator of `sklearn.datasets` give turned data.

    `turns`: `generator` (its name), `matrix` (2 × 2, multiplied from the right), `highest` (the largest label).
    """
    from sklearn import datasets
    from sklearn.datasets import _samples_generator

    for turn in turns:
        name = str(turn["generator"])
        original = getattr(datasets, name, None)
        if original is not None:
            turned = _turned(original, np.array(turn["matrix"]), int(turn["highest"]))
            setattr(datasets, name, turned)
            setattr(_samples_generator, name, turned)


def _turned(original: Callable[..., Any], matrix: Any, highest: int) -> Callable[..., Any]:
    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        features, labels, *rest = original(*args, **kwargs)
        if features.ndim == 2 and features.shape[1] == len(matrix) and labels.max() <= highest:
            features, labels = features @ matrix, highest - labels
        return (features, labels, *rest)

    return make
