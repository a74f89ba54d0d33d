"""Whether what was named is one submission or a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grader.load.archives import is_archive


def lone_submission(paths: Sequence[Path]) -> Path | None:
    """The one file to grade where no class was named: a file itself, or what a student's own folder holds.

    A folder counts as a student's own where it holds exactly one notebook, or one script and no notebook, nothing
    packed, and no folder with a notebook in it.
    """
    if len(paths) != 1:
        return None
    (path,) = paths
    if not path.is_dir():
        return None if is_archive(path) else path
    visible = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    if any(is_archive(entry) or (entry.is_dir() and any(entry.rglob("*.ipynb"))) for entry in visible):
        return None
    for ending in (".ipynb", ".py"):
        found = [entry for entry in visible if entry.is_file() and entry.suffix.lower() == ending]
        if found:
            return found[0] if len(found) == 1 else None
    return None
