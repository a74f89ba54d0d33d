"""What travels to a machine that shares no files with this one: a submission, and what a desk needs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from grader.batch.desk import GradingDesk, JudgingDesk
from grader.batch.order import BUNDLE
from grader.batch.task import Desk
from grader.errors import GradingFailed
from grader.load.submission import load_submission


@dataclass(frozen=True)
class Parcel:
    """Files by value."""

    name: str
    """The submission's own file, as its student called it."""
    files: Mapping[str, bytes]
    """Relative path with `/` → content."""
    folders: tuple[str, ...] = ()
    """Relative paths of what may be empty."""

    def unpacked(self, folder: Path) -> Path:
        """Lay everything into an empty folder; gives the submission's path.

        Raises:
            GradingFailed: a path leads out of the folder.
            OSError: there is no room.
        """
        for name in self.folders:
            _inside(folder, name).mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            target = _inside(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return folder / self.name


@dataclass(frozen=True)
class DeskParcel:
    """A desk, with the assignment's helper files and an instructor's own catalogue by value."""

    desk: Desk
    support: Mapping[str, bytes] = field(default_factory=dict)
    catalogue: bytes | None = None

    def unpacked(self, folder: Path) -> Desk:
        """The desk as it works on a machine where the helper files lie in `folder`.

        Raises OSError.
        """
        for name, content in self.support.items():
            _inside(folder, name).write_bytes(content)
        if not isinstance(self.desk, GradingDesk | JudgingDesk):
            return self.desk
        support = tuple(folder / name for name in self.support)
        order = self.desk.order
        order = replace(order, assignment=order.assignment.model_copy(update={"support": support}))
        if self.catalogue is not None:
            language = folder / "catalogue.po"
            language.write_bytes(self.catalogue)
            order = replace(order, language=str(language))
        return replace(self.desk, order=order)


def packed(path: Path) -> Parcel:
    """A submission and every file that travels with it; links stay behind, as they do on the way to a kernel.

    Raises:
        UnreadableSubmission: it is none.
        OSError: something cannot be read.
    """
    if path.name.endswith(BUNDLE):
        return Parcel(path.name, {path.name: path.read_bytes()})
    found = [entry for top in (path, *load_submission(path).companions) for entry in _entries(top)]
    named = {entry.relative_to(path.parent).as_posix(): entry for entry in found}
    folders = tuple(name for name, entry in named.items() if entry.is_dir())
    files = {name: entry.read_bytes() for name, entry in named.items() if entry.is_file()}
    return Parcel(path.name, files, folders)


def packed_desk(desk: Desk) -> DeskParcel:
    """A desk for machines that do not have the assignment's folder.

    Raises OSError.
    """
    if not isinstance(desk, GradingDesk | JudgingDesk):
        return DeskParcel(desk)
    support = {path.name: path.read_bytes() for path in desk.order.assignment.support}
    own = Path(desk.order.language)
    return DeskParcel(desk, support, own.read_bytes() if own.suffix == ".po" else None)


def _entries(top: Path) -> Iterator[Path]:
    """A file itself, or a folder and everything below it."""
    if top.is_symlink():
        return
    yield top
    if top.is_dir():
        with os.scandir(top) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                yield from _entries(Path(entry.path))


def _inside(folder: Path, name: str) -> Path:
    plain = PurePosixPath(name)
    if plain.is_absolute() or ".." in plain.parts:
        raise GradingFailed(f"not graded: a parcel holds a path that leads out of its folder: {name[:80]!r}")
    return folder.joinpath(*plain.parts)
