"""Archives are opened as what they are: files from strangers.

Nothing is written outside the folder that is given, links and devices never come to be, and what is counted are
the bytes that come out, not those that a header promises.
"""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from grader.errors import UnreadableSubmission, UsageError
from grader.load.packing import Limits, Stopped, guarded_tar, guarded_zip
from grader.load.wording import printable, size

ZIP_ENDINGS = (".zip",)
TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
BUNDLE = ".evidence.zip"
"""Stored evidence of one submission: a hand-in itself."""

_CHUNK = 64 * 1024
_NAME_BYTES = 255
"""What file systems take for one part of a path."""
_PATH_BYTES = 2000
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,  # a date or a name that cannot be
    NotImplementedError,  # a kind of zip that Python does not know
    MemoryError,  # a dictionary larger than any that is needed
)

CLASS_LIMITS = Limits(total=20 * 1024**3, file=500 * 1024**2, members=300_000)
STUDENT_LIMITS = Limits(total=500 * 1024**2, file=500 * 1024**2, members=50_000)

Parts = tuple[str, ...]
"""A path below the folder that was unpacked into."""


@dataclass(frozen=True)
class Left:
    """A member that was not unpacked."""

    name: str
    """As the archive calls it, on one line."""
    parts: Parts
    """Where it would lie; empty where its very name is refused."""
    problem: str
    """A clause: `is a link`."""


@dataclass(frozen=True)
class Unpacked:
    left: tuple[Left, ...]
    skipped: tuple[Parts, ...]
    """What the caller wanted left in the archive."""
    written: int
    """Bytes."""


class _Refused(Exception):
    """One member stays packed; its message is a clause."""


def is_archive(path: Path) -> bool:
    """Whether it is called like an archive that is opened here."""
    return path.name.lower().endswith((*ZIP_ENDINGS, *TAR_ENDINGS)) and not path.name.endswith(BUNDLE)


def no_skipping(parts: Parts) -> bool:
    return False


def unpack(
    archive: Path, folder: Path, limits: Limits, skip: Callable[[Parts], bool] = no_skipping
) -> Unpacked:
    """Write what a zip or tar archive holds into `folder`, which must not be there yet.

    Members whose path `skip` likes are neither written nor counted as bytes. Of two members with one name, or with
    names that differ in case alone, the first is kept.

    Raises:
        UnreadableSubmission: it is damaged, locked or beyond a limit; nothing of it is left on the disk. The message
            is one line.
        UsageError: the disk is full or cannot be written.
    """
    unpacking = _Unpacking(folder, limits, skip)
    try:
        with _in_own_words(archive):
            folder.mkdir(mode=0o700)
            (_unpack_zip if archive.name.lower().endswith(ZIP_ENDINGS) else _unpack_tar)(archive, unpacking)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Unpacked(tuple(unpacking.left), tuple(unpacking.skipped), unpacking.written)


@contextmanager
def _in_own_words(archive: Path) -> Iterator[None]:
    name = printable(archive.name)
    try:
        yield
    except Stopped as stop:
        raise UnreadableSubmission(f"{name} {stop}.") from stop
    except _DAMAGED as error:
        raise UnreadableSubmission(f"{name} is damaged or no such archive: pack the files again.") from error
    except OSError as error:
        if error.errno in _FULL:
            raise UsageError(f"{name} cannot be unpacked: {error.strerror}; make room, then go on") from error
        raise UnreadableSubmission(f"{name} is damaged or cannot be read: pack the files again.") from error


@dataclass
class _Unpacking:
    """One archive on its way to the disk."""

    folder: Path
    limits: Limits
    skip: Callable[[Parts], bool]
    left: list[Left] = field(default_factory=list)
    skipped: list[Parts] = field(default_factory=list)
    written: int = 0
    seen: int = 0
    spellings: dict[Parts, Parts] = field(default_factory=dict)
    """A path as file systems see it that ignore case → as it was written first."""
    files: set[Parts] = field(default_factory=set)
    folders: set[Parts] = field(default_factory=set)

    def add(self, name: str, packed: int, opened: Callable[[], IO[bytes]]) -> None:
        """Unpack an ordinary file that takes `packed` bytes in the archive."""

        def put(parts: Parts) -> None:
            if not parts:
                raise _Refused("has no name")
            self._claim(parts)
            if parts in self.folders:
                raise _Refused("has the name of a folder")
            self.files.add(parts)
            self._make_folder(parts[:-1])
            self._write(parts, packed, opened)

        self._member(name, put)

    def add_folder(self, name: str) -> None:
        def make(parts: Parts) -> None:
            self._claim(parts)
            self._make_folder(parts)

        self._member(name, make)

    def refuse(self, name: str, problem: str) -> None:
        def leave(parts: Parts) -> None:
            raise _Refused(problem)

        self._member(name, leave)

    def _member(self, name: str, act: Callable[[Parts], None]) -> None:
        """Do something at the path that a name stands for; what is refused is listed."""
        self.seen += 1
        if self.seen > self.limits.members:
            raise Stopped(f"holds more than {self.limits.members} files: leave out what is not yours")
        parts: Parts = ()
        try:
            parts = safe_parts(name, self.limits.depth)
            if not self._is_skipped(parts):
                act(parts)
        except _Refused as refused:
            self.left.append(Left(printable(name), parts, str(refused)))

    def _is_skipped(self, parts: Parts) -> bool:
        if skipped := self.skip(parts):
            self.skipped.append(parts)
        return skipped

    def _claim(self, parts: Parts) -> None:
        """Refused is what is there already: itself, or a folder above it, perhaps under another spelling."""
        folded = tuple(unicodedata.normalize("NFC", part).casefold() for part in parts)
        for length in range(1, len(parts) + 1):
            first = self.spellings.setdefault(folded[:length], parts[:length])
            if first != parts[:length]:
                raise _Refused("has a name that differs from another one in upper and lower case alone")
            if first in self.files:
                raise _Refused("is there twice, and the first was taken")

    def _make_folder(self, parts: Parts) -> None:
        if parts not in self.folders:
            self.folder.joinpath(*parts).mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folders.update(parts[:length] for length in range(len(parts) + 1))

    def _write(self, parts: Parts, packed: int, opened: Callable[[], IO[bytes]]) -> None:
        target = self.folder.joinpath(*parts)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file, opened() as source:
                for chunk in self._chunks(source, packed):
                    file.write(chunk)
        except _Refused:
            target.unlink()
            raise
        except _DAMAGED as error:
            target.unlink()
            raise _Refused("is damaged") from error

    def _chunks(self, source: IO[bytes], packed: int) -> Iterator[bytes]:
        came = 0
        while chunk := source.read(_CHUNK):
            came += len(chunk)
            self.written += len(chunk)
            if self.written > self.limits.total:
                raise Stopped(f"unpacks to more than {size(self.limits.total)}, which is not done")
            if came > self.limits.file:
                raise _Refused(f"unpacks to more than {size(self.limits.file)}, which is not done")
            if self.limits.is_bomb(came, packed):
                raise _Refused(f"unpacks to more than {self.limits.ratio} times its size, which is not done")
            yield chunk


def safe_parts(name: str, depth: int) -> Parts:
    """The parts of a member's path, none of which leads up, away or nowhere; empty for the folder itself.

    Raises `_Refused`, whose message says what is wrong with the name.
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or path[1:2] == ":":
        raise _Refused("has a path that begins at the root of a disk")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise _Refused("has a path that leads out of the archive")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        raise _Refused("has control characters in its name")
    if len(parts) > depth:
        raise _Refused(f"lies deeper than {depth} folders")
    if any(len(part.encode()) > _NAME_BYTES for part in parts) or len(path.encode()) > _PATH_BYTES:
        raise _Refused("has a name that is too long")
    return parts


# ---------------------------------------------------------------- zip


def _unpack_zip(archive: Path, unpacking: _Unpacking) -> None:
    with guarded_zip(archive, unpacking.limits) as opened:
        for info in opened.infolist():
            _unpack_zipped(opened, info, unpacking)


def _unpack_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, unpacking: _Unpacking) -> None:
    name = _zipped_name(info)
    if name.endswith(("/", "\\")):
        unpacking.add_folder(name)
    elif info.flag_bits & 0x1:
        raise Stopped("is locked with a password: pack the files without one")
    elif problem := _problem_of_zipped(info):
        unpacking.refuse(name, problem)
    else:
        unpacking.add(name, info.compress_size, lambda: archive.open(info))


def _problem_of_zipped(info: zipfile.ZipInfo) -> str:
    kind = info.external_attr >> 28
    if kind not in (0, 0o10):  # the four bits of S_IFMT: nothing said, or an ordinary file
        return "is a link" if kind == 0o12 else "is a device or the like"
    # Python bounds what one read may inflate for these two alone.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a rare way: pack it as an ordinary zip"
    return ""


def _zipped_name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: many tools write UTF-8 and do not say so."""
    if info.flag_bits & 0x800:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode()
    except UnicodeError:
        return info.orig_filename


# ---------------------------------------------------------------- tar


def _unpack_tar(archive: Path, unpacking: _Unpacking) -> None:
    with guarded_tar(archive, unpacking.folder, unpacking.limits) as opened:
        for info in opened:
            _unpack_tarred(opened, info, unpacking)


def _unpack_tarred(archive: tarfile.TarFile, info: tarfile.TarInfo, unpacking: _Unpacking) -> None:
    name = _tarred_name(info)
    if info.isdir():
        unpacking.add_folder(name)
    elif not info.isreg():
        linked = info.issym() or info.islnk()
        unpacking.refuse(name, "is a link" if linked else "is a device or the like")
    else:
        unpacking.add(name, info.size, lambda: _tarred(archive, info, unpacking.folder))


def _tarred(archive: tarfile.TarFile, info: tarfile.TarInfo, folder: Path) -> IO[bytes]:
    if hasattr(tarfile, "data_filter"):  # not in 3.11.0 to 3.11.3
        tarfile.data_filter(info, str(folder))
    content = archive.extractfile(info)
    assert content is not None, "an ordinary file has content"
    return content


def _tarred_name(info: tarfile.TarInfo) -> str:
    """The name, read as Latin-1 where it is not UTF-8."""
    try:
        info.name.encode()
    except UnicodeError:
        return info.name.encode("utf-8", "surrogateescape").decode("latin-1")
    return info.name
