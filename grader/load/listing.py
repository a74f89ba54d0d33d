"""What lies in a folder or an archive: every file with its place, and what nobody hands in left out."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader.errors import UnreadableSubmission, UsageError
from grader.load.archives import BUNDLE, STUDENT_LIMITS, Parts, is_archive, unpack
from grader.load.packing import Limits
from grader.load.wording import printable
from grader.model.classroom import Refused

MAX_DEPTH = 2
"""Archives within archives: a class's download, and what a student packed."""
MAX_UNPACKED = 100 * 1024**3
"""Bytes that all archives of one run may unpack to."""

_NEEDLESS = frozenset(
    ("__MACOSX", "__pycache__", "node_modules", "venv", "Thumbs.db", "desktop.ini", "Icon\r")
)
_NEEDLESS_ENDINGS = (".report.html", ".report.json", ".pyc")
_MADE_BY_TOOLS = frozenset(("pyvenv.cfg", "gradebook.sqlite"))
"""A folder with one of these is an environment, or what a class was graded into."""
_REPOSITORY = ".git"
_AGAIN = re.compile(r"-\d{1,3}(\.[^.]+)$")


@dataclass(frozen=True)
class Found:
    """A file, or what stands in the place of one."""

    parts: Parts
    """Its path below the place that was looked through."""
    path: Path
    """Where it lies."""
    shown: str
    """Where it came from, as the instructor named it; one line."""
    problem: str = ""
    """Why it cannot be used, a clause: `is a link`."""
    depth: int = 0
    """How many archives it lies in."""

    @property
    def name(self) -> str:
        return self.parts[-1]

    @property
    def is_notebook(self) -> bool:
        return self.name.lower().endswith(".ipynb")

    @property
    def is_script(self) -> bool:
        return self.name.lower().endswith(".py")

    @property
    def is_bundle(self) -> bool:
        return self.name.endswith(BUNDLE)

    @property
    def is_archive(self) -> bool:
        return is_archive(self.path)

    def below(self, count: int) -> Found:
        """The same with the first parts of its path left out."""
        return replace(self, parts=self.parts[count:])


@dataclass
class Listing:
    files: list[Found] = field(default_factory=list)
    """In the order of their paths."""
    empty: list[Parts] = field(default_factory=list)
    """Folders without any file."""
    repositories: set[Parts] = field(default_factory=set)
    """Folders that git keeps."""
    refused: list[Refused] = field(default_factory=list)
    """What has no place at all."""
    ignored: int = 0
    """Files and folders that systems and tools make: caches, thumbnails, environments."""


def is_needless(parts: Parts) -> bool:
    """Whether systems and tools, not people, make what is called so; hidden files are taken for that."""
    return any(
        part in _NEEDLESS or part.startswith((".", "~$")) or part.lower().endswith(_NEEDLESS_ENDINGS)
        for part in parts
    )


def list_folder(folder: Path, shown: str, depth: int = 0) -> Listing:
    """Every file below a folder; links below its first level are listed with a problem and never followed."""
    listing = Listing()

    def refuse(error: OSError) -> None:
        listing.refused.append(
            Refused(printable(str(error.filename)), f"It cannot be opened: {error.strerror}.")
        )

    for root, folders, names in os.walk(folder, onerror=refuse):
        place = Path(root).relative_to(folder).parts
        if _REPOSITORY in folders or _REPOSITORY in names:
            listing.repositories.add(place)
        if place and _MADE_BY_TOOLS & set(names):
            listing.ignored += 1
            folders.clear()
            continue
        kept = [name for name in sorted((*names, *_linked(root, folders))) if not is_needless((name,))]
        inner = [name for name in sorted(folders) if not is_needless((name,))]
        listing.ignored += len(names) + len(folders) - len({*kept, *inner})
        folders[:] = inner
        listing.files += [_found(Path(root, name), (*place, name), shown, depth) for name in kept]
        if place and not kept and not inner:
            listing.empty.append(place)
    listing.files.sort(key=lambda found: found.parts)
    return listing


def _linked(root: str, folders: list[str]) -> Iterator[str]:
    return (name for name in folders if Path(root, name).is_symlink())


def _found(path: Path, parts: Parts, shown: str, depth: int) -> Found:
    return Found(parts, path, printable(f"{shown}{'/'.join(parts)}"), _problem(path, len(parts) == 1), depth)


def _problem(path: Path, first_level: bool) -> str:
    try:
        if path.is_symlink() and (not first_level or path.is_dir()):
            return "is a link, which is not followed"
        if not stat.S_ISREG(path.stat().st_mode):
            return "is no ordinary file"
    except OSError:
        return "cannot be read"
    return ""


@dataclass
class Opener:
    """Unpacks archives, each into a folder of its own."""

    unpacked: Path
    count: int = 0
    written: int = 0

    def open(self, archive: Found, limits: Limits = STUDENT_LIMITS) -> Listing:
        """What an archive holds; parts begin inside it.

        Raises:
            UnreadableSubmission: it is not opened; the message is one line.
            UsageError: the disk is full.
        """
        name = printable(archive.name)
        if archive.depth >= MAX_DEPTH:
            raise UnreadableSubmission(f"{name} is an archive inside archives: hand in what it holds.")
        if self.written > MAX_UNPACKED:
            raise UnreadableSubmission(f"{name} was not opened: all archives together are too large.")
        self.count += 1
        folder = self.unpacked / f"{self.count:05}"
        result = unpack(archive.path, folder, limits, is_needless)
        self.written += result.written
        shown = f"{archive.shown}: "
        listing = list_folder(folder, shown, archive.depth + 1)
        listing.ignored += len(result.skipped)
        listing.repositories |= {
            parts[: parts.index(_REPOSITORY)] for parts in result.skipped if _REPOSITORY in parts
        }
        for left in result.left:
            if left.parts:
                listing.files.append(
                    Found(left.parts, folder, shown + left.name, left.problem, archive.depth + 1)
                )
            else:
                listing.refused.append(Refused(shown + left.name, f"It {left.problem}."))
        return listing

    def put_together(self, files: Iterable[Found], taken: Found) -> Path:
        """Copy one student's files, which lie among others', into a folder; where `taken` is there.

        What the platform may have renamed to `tools-1.py` is there as `tools.py`, too.
        """
        self.count += 1
        folder = self.unpacked / f"{self.count:05}"
        try:
            folder.mkdir(mode=0o700)
            shutil.copyfile(taken.path, folder / taken.name)
            names = [(found.name, found) for found in files]
            names += [(_AGAIN.sub(r"\1", found.name), found) for found in files]
            for name, found in names:
                if not (folder / name).exists():
                    shutil.copyfile(found.path, folder / name)
        except OSError as error:
            raise UsageError(
                f"{self.unpacked} cannot be written: {error.strerror}; make room, then go on"
            ) from error
        return folder / taken.name
