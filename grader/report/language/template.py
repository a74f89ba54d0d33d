"""A sentence with gaps: `The loss ends at {1}.` finds its gaps in a finished sentence, and fills another wording."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

_GAP = re.compile(r"\{([1-9])\}")
_QUOTES = (("`", "`"), ("“", "”"))


def gaps(text: str) -> tuple[int, ...]:
    """The numbers of a text's gaps, in their order."""
    return tuple(map(int, _GAP.findall(text)))


@dataclass(frozen=True)
class Template:
    """An English sentence and its wording in another language."""

    english: str
    wording: str

    @cached_property
    def _between(self) -> list[str]:
        """What stands before, between and after the gaps."""
        return _GAP.split(self.english)[::2]

    @cached_property
    def weight(self) -> int:
        """Characters that a sentence must have in common with it."""
        return sum(map(len, self._between))

    def fillings(self, sentence: str) -> dict[int, str] | None:
        """What stands in each gap, None where the sentence is another one.

        Each part between gaps is taken where it comes first, so the time is linear in the sentence's length.
        """
        first, *middle, last = self._between
        if len(sentence) <= self.weight or not sentence.startswith(first) or not sentence.endswith(last):
            return None
        found, at, end = [], len(first), len(sentence) - len(last)
        for part in middle:
            start = sentence.find(part, at + 1, end)
            if start < 0:
                return None
            found.append(sentence[at:start])
            at = start + len(part)
        if at >= end:
            return None
        return dict(zip(gaps(self.english), (*found, sentence[at:end]), strict=True))

    def filled(self, fillings: dict[int, str], said: Callable[[str], str]) -> str:
        """The wording; a filling that is not quoted as the student's own goes through `said`."""

        def fill(match: re.Match[str]) -> str:
            number = int(match[1])
            return fillings[number] if number in self._quoted else said(fillings[number])

        return _GAP.sub(fill, self.wording)

    @cached_property
    def _quoted(self) -> set[int]:
        """Gaps between quotation marks or backticks: they hold what a student wrote."""
        return {
            number
            for number in gaps(self.english)
            for before, after in _QUOTES
            if f"{before}{{{number}}}{after}" in self.english
        }
