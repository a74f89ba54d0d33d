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
        below = sorted(top.rglob("*"))
        # Reports, perhaps in a folder of theirs, are written at each grading.
        if not below or not all(_is_ours(path) for path in below):
            yield from (_stamp(path) for path in (top, *below) if not _is_ours(path))


def _is_ours(path: Path) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in _OURS)


def _stamp(path: Path) -> Hashable:
    try:
        status = path.lstat()
    except OSError:
        return str(path)
    # A folder's own time tells no more than its files do, reports among them.
    written = () if path.is_dir() else (status.st_size, status.st_mtime_ns, status.st_ino)
    return str(path), status.st_mode, written
