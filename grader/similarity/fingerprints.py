"""Winnowed fingerprints of code: which stretches of symbols it holds, and where.

Winnowing is copydetect's, after Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document
fingerprinting" (SIGMOD 2003): of `WINDOW` neighbouring k-grams one is kept, so whatever `SURE` symbols two works
share is found, and nothing shorter than `LENGTH`. The hashes are our own: copydetect's are Python's, which differ
from one process to the next, and so would the shares.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from copydetect.utils import get_copied_slices, winnow

from grader.similarity.tokens import Symbol, symbols

LENGTH = 16
"""Symbols of a k-gram: about two short lines."""
WINDOW = 6
"""K-grams of which one is kept."""
SURE = LENGTH + WINDOW - 1

Integers = npt.NDArray[np.int64]

_FACTOR = 6364136223846793005
"""Knuth's multiplier (MMIX); a sum of powers modulo 2**64 is the k-gram's hash."""
_KEPT_BITS = 52
"""copydetect compares hashes as doubles, which hold no more."""


@dataclass(frozen=True)
class Fingerprints:
    """What is compared of one work."""

    symbols: Sequence[Symbol]
    hashes: Integers
    """(n,) of the k-grams that count."""
    starts: Integers
    """(n,) index of each one's first symbol, ascending."""

    def without(self, hashes: Integers) -> Fingerprints:
        keep = ~np.isin(self.hashes, hashes)
        return Fingerprints(self.symbols, self.hashes[keep], self.starts[keep])

    def covered(self, hashes: Integers | None = None) -> int:
        """How many symbols lie in a k-gram with one of these hashes; in any, where none are given."""
        starts = self.starts if hashes is None else self.starts[np.isin(self.hashes, hashes)]
        first, end = get_copied_slices(starts, LENGTH)
        return int((end - first).sum())


def fingerprints(sources: Sequence[str]) -> Fingerprints:
    """Of a work's code cells."""
    found = symbols(sources)
    hashes, starts = winnow(_grams(found), WINDOW, remove_duplicates=False)
    return Fingerprints(found, hashes, starts)


def every_gram(sources: Sequence[str]) -> Integers:
    """The hashes of all k-grams, sorted: what is to be subtracted must not depend on the choice of windows."""
    return np.unique(
        np.concatenate([_grams(symbols([source])) for source in sources] or [np.array([], np.int64)])
    )


def _grams(found: Sequence[Symbol]) -> Integers:
    """(max(0, symbols - LENGTH + 1),) hash of each k-gram."""
    if len(found) < LENGTH:
        return np.array([], dtype=np.int64)
    numbers = np.array(
        [zlib.crc32(symbol.text.encode("utf-8", "replace")) + 1 for symbol in found], dtype=np.uint64
    )
    powers = np.array([pow(_FACTOR, power, 2**64) for power in range(LENGTH)], dtype=np.uint64)
    hashes = np.lib.stride_tricks.sliding_window_view(numbers, LENGTH) @ powers
    return (hashes >> np.uint64(64 - _KEPT_BITS)).astype(np.int64)
