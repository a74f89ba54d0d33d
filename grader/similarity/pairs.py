"""Pairs of submissions that share more code than the handout, the lab and chance explain. Never worth points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice

import numpy as np
from scipy.sparse import csr_matrix, triu

from grader.model.classroom import AlikePair, Excerpt
from grader.model.submission import Cell
from grader.similarity.fingerprints import Fingerprints, Integers, every_gram, fingerprints
from grader.similarity.passages import by_cells, longest, passages, runs

LEAST_SHARE = 0.4
"""Part of a work's own symbols from which on a pair is shown."""
LEAST_PASSAGE = 100
"""Symbols of one passage from which on a pair is shown, however little else it shares: one exercise copied."""
LEAST_SYMBOLS = 80
"""What is shorter than this, all in all, anyone writes."""
SMALLEST_CLASS = 8
"""In a smaller one, what many have is not told from what was copied."""
COMMON_PART, COMMON_WORKS = 0.25, 4
"""What more than this part of a class has, and more than so many works, is the lab's own idiom."""
LEAST_COUNT = 8
"""Shared fingerprints from which on two works are compared in full."""
MOST_COMPARED = 5_000
"""Pairs that are compared in full; those with the most shared fingerprints come first."""
MOST_PASSAGES, MOST_LINES, LONGEST_LINE = 5, 40, 200


@dataclass(frozen=True)
class Work:
    """What one student wrote."""

    key: str
    """The student's."""
    cells: tuple[Cell, ...]
    """As loaded; only code counts."""

    @property
    def code(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.kind == "code" and cell.source.strip())


@dataclass(frozen=True)
class _Read:
    """A work made ready."""

    work: Work
    text: tuple[str, ...]
    """The lines, without what cannot be seen at their ends."""
    whole: Fingerprints
    """The handout's subtracted."""
    own: Fingerprints
    """What is common in the class subtracted, too."""


@dataclass(frozen=True)
class _Match:
    """Two works compared."""

    pair: tuple[_Read, _Read]
    compared: tuple[Fingerprints, Fingerprints]
    shared: Integers
    shares: tuple[float, float]
    symbols: int

    @property
    def order(self) -> tuple[float, float, int, str, str]:
        """Most alike first, ties by key."""
        one, other = self.pair
        return -max(self.shares), -min(self.shares), -self.symbols, one.work.key, other.work.key


def alike(
    works: Sequence[Work],
    handout: Sequence[str],
    *,
    least_share: float = LEAST_SHARE,
    least_passage: int = LEAST_PASSAGE,
    most: int = 50,
) -> tuple[AlikePair, ...]:
    """Suspiciously alike pairs, the most alike first; the same for the same works in any order.

    Args:
        works: One for each student.
        handout: Python sources that all were given: starter code, support modules.
        least_share: A pair is shown when one work shares this part of its own symbols, 0 to 1, …
        least_passage: … or has a passage of so many symbols in common with the other.
        most: Pairs returned at most.
    """
    read = _read(sorted(works, key=lambda work: work.key), handout)
    identical = islice(_identical(read), most)
    matches = [_compared(pair) for pair in chain(identical, _candidates(read))]
    telling = (match for match in matches if match and _telling(match, least_share, least_passage))
    return tuple(_shown(match) for match in sorted(telling, key=lambda match: match.order)[:most])


def _read(works: Sequence[Work], handout: Sequence[str]) -> list[_Read]:
    given = every_gram(handout)
    texts = [_text(work) for work in works]
    prints = [fingerprints([cell.source for cell in work.code]).without(given) for work in works]
    common = _common(dict(zip(texts, prints, strict=True)))
    return [
        _Read(work, text, whole, whole.without(common))
        for work, text, whole in zip(works, texts, prints, strict=True)
    ]


def _text(work: Work) -> tuple[str, ...]:
    return tuple(line.rstrip() for cell in work.code for line in cell.source.split("\n") if line.strip())


def _common(prints: dict[tuple[str, ...], Fingerprints]) -> Integers:
    """Hashes that too many different works have: a file that was handed on counts once."""
    if len(prints) < SMALLEST_CLASS:
        return np.array([], dtype=np.int64)
    hashes, counts = np.unique(
        np.concatenate([np.unique(one.hashes) for one in prints.values()]), return_counts=True
    )
    return hashes[counts > max(COMMON_WORKS, COMMON_PART * len(prints))]


def _identical(read: Sequence[_Read]) -> Iterator[tuple[_Read, _Read]]:
    """Pairs with the very same lines."""
    groups: dict[tuple[str, ...], list[_Read]] = {}
    for one in read:
        groups.setdefault(one.text, []).append(one)
    for group in groups.values():
        yield from combinations(group, 2)


def _candidates(read: Sequence[_Read]) -> Iterator[tuple[_Read, _Read]]:
    """Pairs that share fingerprints, found by counting them all at once; identical ones are left out."""
    held = [np.unique(one.own.hashes) for one in read]
    _, columns = np.unique(np.concatenate([*held, np.array([], np.int64)]), return_inverse=True)
    rows = np.repeat(np.arange(len(read)), [len(one) for one in held])
    shape = (len(read), max(columns, default=0) + 1)
    table = csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape)  # type: ignore[no-untyped-call]
    counts = triu(table @ table.T, 1).tocoo()  # type: ignore[no-untyped-call]  # scipy has no types
    best = np.lexsort((counts.col, counts.row, -counts.data))[:MOST_COMPARED]
    for first, second, count in zip(counts.row[best], counts.col[best], counts.data[best], strict=True):
        if count >= LEAST_COUNT and read[first].text != read[second].text:
            yield read[first], read[second]


def _compared(pair: tuple[_Read, _Read]) -> _Match | None:
    """None where they share next to nothing, or nothing but what all have."""
    one, other = pair
    first, second = (one.whole, other.whole) if one.text == other.text else (one.own, other.own)
    shared = np.intersect1d(first.hashes, second.hashes)
    covered = first.covered(shared), second.covered(shared)
    if min(covered) < LEAST_SYMBOLS:
        return None
    shares = covered[0] / first.covered(), covered[1] / second.covered()
    return _Match(pair, (first, second), shared, shares, min(covered))


def _telling(match: _Match, least_share: float, least_passage: int) -> bool:
    return (
        max(match.shares) >= least_share or longest(runs(*match.compared, match.shared))[0] >= least_passage
    )


def _shown(match: _Match) -> AlikePair:
    one, other = match.pair
    return AlikePair(
        first=one.work.key,
        second=other.work.key,
        first_share=round(match.shares[0], 4),
        second_share=round(match.shares[1], 4),
        tokens=match.symbols,
        passages=tuple(_excerpts(match)),
    )


def _excerpts(match: _Match) -> list[tuple[Excerpt, Excerpt]]:
    """The longest stretches within a cell, side by side."""
    first, second = match.compared
    found = passages(runs(first, second, match.shared), MOST_PASSAGES)
    pieces = [piece for passage in found for piece in by_cells(first, second, passage)]
    longest_pieces = sorted(pieces, key=lambda piece: (-len(piece), piece[0]))[:MOST_PASSAGES]
    one, other = match.pair
    return [
        (
            _excerpt(one.work, first, [here for here, _ in piece]),
            _excerpt(other.work, second, [there for _, there in piece]),
        )
        for piece in longest_pieces
    ]


def _excerpt(work: Work, prints: Fingerprints, places: Sequence[int]) -> Excerpt:
    """The lines of these symbols, which lie in one cell."""
    symbols = [prints.symbols[place] for place in places]
    cell = work.code[symbols[0].cell]
    begin, end = min(symbol.line for symbol in symbols), max(symbol.line for symbol in symbols)
    lines = cell.source.split("\n")[begin : end + 1][:MOST_LINES]
    text = "\n".join(_visible(line[:LONGEST_LINE]) for line in lines)
    return Excerpt(first_line=cell.first_line + begin, text=text, cell=cell.number)


def _visible(line: str) -> str:
    """The line without what could not be shown or could do harm where it is."""
    return "".join(character if character.isprintable() or character == "\t" else "�" for character in line)
