"""Where two works say the same: runs of equal symbols, and passages of runs that follow each other in both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from grader.similarity.fingerprints import LENGTH, Fingerprints, Integers

MOST_PLACES = 8
"""Of a k-gram that a work repeats more often, so many places are looked at."""
GAP = 12
"""Symbols that one work may have put between two runs of the same passage: a statement or two."""
_OVERLAP = 8
"""Symbols that both may lay claim to, where code repeats itself."""
_LOOK_BACK = 12
"""Runs that a run may follow."""


class Run(NamedTuple):
    """Equal symbols, one after the other."""

    first: int
    """Index of the first one's first symbol."""
    second: int
    size: int

    def follows(self, other: Run) -> bool:
        """Soon after it, in both works."""
        gaps = (self.first - other.first - other.size, self.second - other.second - other.size)
        return all(-_OVERLAP <= gap <= GAP for gap in gaps)

    def overlap(self, other: Run) -> int:
        """Symbols that an earlier run has already."""
        return max(0, other.first + other.size - self.first, other.second + other.size - self.second)

    def meets(self, other: Run) -> bool:
        """They share a symbol of either work."""
        return any(
            here < there + other.size and there < here + self.size
            for here, there in ((self.first, other.first), (self.second, other.second))
        )


def runs(first: Fingerprints, second: Fingerprints, shared: Integers) -> list[Run]:
    """Every run that holds a shared k-gram, by its place in the first work."""
    starts = sorted((there - here, here) for here, there in _meetings(first, second, shared))
    breaks = [at for at, (one, other) in enumerate(pairwise(starts), 1) if _apart(one, other)]
    bounds = pairwise([0, *breaks, len(starts)]) if starts else ()
    found = [(starts[begin], starts[end - 1]) for begin, end in bounds]
    return sorted(Run(here, here + shift, last - here + LENGTH) for (shift, here), (_, last) in found)


def longest(found: Sequence[Run]) -> tuple[int, list[Run]]:
    """How many symbols the longest passage has, and its runs."""
    sizes: list[int] = []
    before: list[int | None] = []
    for at, run in enumerate(found):
        earlier = [
            (sizes[other] - run.overlap(found[other]), other)
            for other in range(max(0, at - _LOOK_BACK), at)
            if run.follows(found[other])
        ]
        best, link = max(earlier, default=(0, None), key=lambda one: one[0])
        sizes.append(run.size + max(0, best))
        before.append(link if best > 0 else None)
    if not found:
        return 0, []
    at = int(np.argmax(sizes))
    return sizes[at], _chain(found, before, at)


def passages(found: Sequence[Run], most: int) -> Iterator[list[Run]]:
    """At most `most` passages, the longest first; none meets another."""
    rest = list(found)
    for _ in range(most):
        _, passage = longest(rest)
        if not passage:
            return
        yield passage
        rest = [run for run in rest if not any(run.meets(taken) for taken in passage)]


def by_cells(
    first: Fingerprints, second: Fingerprints, passage: Sequence[Run]
) -> Iterator[list[tuple[int, int]]]:
    """The pairs of equal symbols of a passage, apart where either work begins another cell."""
    pairs = [(run.first + step, run.second + step) for run in passage for step in range(run.size)]
    for _, group in groupby(pairs, lambda pair: (first.symbols[pair[0]].cell, second.symbols[pair[1]].cell)):
        yield list(group)


def _meetings(first: Fingerprints, second: Fingerprints, shared: Integers) -> Iterator[tuple[int, int]]:
    """Where in both works each shared k-gram begins."""
    here, there = _places(first, shared), _places(second, shared)
    for gram, places in here.items():
        yield from ((place, other) for place in places for other in there[gram])


def _places(work: Fingerprints, shared: Integers) -> dict[int, list[int]]:
    places: dict[int, list[int]] = defaultdict(list)
    taken = np.isin(work.hashes, shared)
    for gram, start in zip(work.hashes[taken].tolist(), work.starts[taken].tolist(), strict=True):
        if len(places[gram]) < MOST_PLACES:
            places[gram].append(start)
    return places


def _apart(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """(shift, place) of two k-grams that neither touch nor overlap in both works."""
    return one[0] != other[0] or other[1] - one[1] > LENGTH


def _chain(found: Sequence[Run], before: Sequence[int | None], at: int) -> list[Run]:
    chain = [found[at]]
    link = before[at]
    while link is not None:
        chain.append(found[link])
        link = before[link]
    return chain[::-1]
