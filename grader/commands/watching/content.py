"""What of a submission can change its verdict, and from which cell on two submissions differ."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

from grader.model.submission import Submission

_MOST_FILES = 5_000
_OURS = ("*.report.*", "*.evidence.zip")


def content(submission: Submission) -> Hashable:
    """Equal for submissions that say the same; outputs stored in a notebook are not part of what it says."""
    return submission.kind, submission.cells, companions(submission)


def companions(submission: Submission) -> Hashable:
    """Names, sizes and times of change of the files that travel along."""
    return tuple(islice(_stamps(submission.companions), _MOST_FILES))


def first_difference(before: Submission, after: Submission) -> int:
    """Number of the first code cell that is not the same in both; one past the last where all are."""
    pairs = zip(before.code_cells, after.code_cells, strict=False)
    same = (one.source == other.source for one, other in pairs)
    return next(
        (number for number, alike in enumerate(same, 1) if not alike),
        min(len(before.code_cells), len(after.code_cells)) + 1,
    )


def _stamps(paths: tuple[Path, ...]) -> Iterator[Hashable]:
    for top in paths:
        for path in (top, *sorted(top.rglob("*"))):
            # The reports may be written to a folder beside the submission, at each grading.
            if any(fnmatch(path.name, pattern) for pattern in _OURS):
                continue
            try:
                status = path.lstat()
            except OSError:
                yield str(path)
            else:
                changed = 0 if path.is_dir() else status.st_mtime_ns
                yield str(path), status.st_mode, changed and (status.st_size, changed, status.st_ino)
