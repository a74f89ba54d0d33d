"""Notes what is printed while a model trains: each line with the step at which it was said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from grader.record.place import Places
from grader.record.store import Store

_LONGEST_LINE = 600
_MOST_LINES = 4000


class SpeechWatch:
    """Wraps `sys.stdout.write`; `speaking` is called before each line ends, so that state can be kept with it."""

    def __init__(
        self,
        store: Store,
        places: Places,
        moment: Callable[[], tuple[str | None, int]],
        speaking: Callable[[], None],
    ) -> None:
        self._store = store
        self._places = places
        self._moment = moment
        self._speaking = speaking
        self._line = ""
        self._count = 0

    def install(self, guard: Callable[[Callable[..., Any]], Callable[..., None]]) -> None:
        """Put the wrapper in place on the stream that `print` uses now."""
        stream, heard = sys.stdout, guard(self._heard)
        original = stream.write

        def write(text: str) -> int:
            heard(text)
            return original(text)

        stream.write = write  # type: ignore[method-assign]

    def end_of_cell(self) -> None:
        """A line without a newline at its end counts as said when the cell ends."""
        if self._line:
            self._say(self._line)
        self._line = ""

    def _heard(self, text: str) -> None:
        if not isinstance(text, str) or self._count >= _MOST_LINES:
            return
        *lines, rest = (self._line + text[-4 * _LONGEST_LINE :]).split("\n")
        for line in lines:
            if line.strip():
                self._say(line)
        self._line = rest[-_LONGEST_LINE:]

    def _say(self, line: str) -> None:
        self._count += 1
        self._speaking()
        run, step = self._moment()
        cell, at = self._places.current_cell, self._places.stack()
        self._store.emit(
            {"kind": "say", "cell": cell, "at": at, "run": run, "step": step, "text": line[:_LONGEST_LINE]}
        )
