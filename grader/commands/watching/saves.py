"""Tells of each save that changes what a file says: however an editor writes, and whatever it writes beside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from types import TracebackType

from watchfiles import Change, watch

from grader.commands.watching.content import content
from grader.errors import UnreadableSubmission
from grader.load.submission import load_submission
from grader.model.submission import Submission

_SETTLED_MS = 50
"""Without a further change, before a save is taken for done."""
_LONGEST_MS = 1000
"""For an editor that writes on and on."""
_ASKED_MS = 200
"""Between two looks at the file's time of change, and until the end is heard of."""
_NEVER_ITS_OWN = (".*", "~*", "*~", "*.report.*", "*.evidence.zip", "__pycache__", "*.tmp", "*.swp")

Saved = Callable[[Submission | UnreadableSubmission], None]


class Saves:
    """Watches a file and what lies beside it, from a thread of its own, and gives what it holds after each change.

    A notebook that was saved with new outputs and the same cells is no change. A file that cannot be read, half
    written perhaps, is given as the error, once.
    """

    def __init__(self, path: Path, first: Submission, saved: Saved) -> None:
        self._path = path
        self._known = content(first)
        self._saved = saved
        self._complained = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="saves")

    def __enter__(self) -> Saves:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        """Read the file, and tell if it says something else than before."""
        try:
            submission = load_submission(self._path)
        except UnreadableSubmission as error:
            if not self._complained:
                self._complained = True
                self._saved(error)
            return
        self._complained = False
        if (now := content(submission)) != self._known:
            self._known = now
            self._saved(submission)

    def _watch(self) -> None:
        # The folder, as many editors put a new file in the place of the old one.
        folder = self._path.resolve().parent
        changes = watch(
            folder,
            watch_filter=_may_matter,
            recursive=False,
            step=_SETTLED_MS,
            debounce=_LONGEST_MS,
            stop_event=self._stop,
            rust_timeout=_ASKED_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        stamp = None
        for changed in changes:
            # Asked as well as heard: under load, and from some file systems, not every change is told.
            if changed or stamp != _stamp(self._path):
                stamp = _stamp(self._path)
                self.look()


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _may_matter(change: Change, path: str) -> bool:
    return not any(fnmatch(Path(path).name, pattern) for pattern in _NEVER_ITS_OWN)
