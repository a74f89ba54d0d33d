"""Zip and tar files opened so that neither their headers nor their compression can fill the memory or the disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from grader.load.wording import size

_CHUNK = 64 * 1024
_HEADER_BYTES = 1024**2
"""What one header may take that is read as a whole."""
_DIRECTORY_BYTES = 256
"""Of a zip's directory, for each member that is allowed."""
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to."""

    total: int
    """Bytes of all members together."""
    file: int
    """Bytes of one member."""
    members: int
    depth: int = 20
    """Parts of a member's path."""
    ratio: int = 200
    """Unpacked bytes for one packed byte; zeros alone reach a thousand."""
    ratio_from: int = 50 * 1024**2
    """Bytes up to which any ratio is harmless."""

    def is_bomb(self, unpacked: int, packed: int) -> bool:
        return unpacked > self.ratio_from and unpacked > self.ratio * packed


class Stopped(Exception):
    """The whole archive is refused; its message is a clause: `holds more than 10 files`."""


class _Guarded(io.BufferedReader):
    """A file that is never read as a whole, whatever a header promises."""

    def __init__(self, raw: io.RawIOBase, most: int) -> None:
        super().__init__(raw)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = self.most + 1
        data = super().read(min(size, self.most + 1))
        if len(data) > self.most:
            raise Stopped("has headers beyond all measure, which are not read")
        return data


@contextmanager
def guarded_zip(path: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """`zipfile` reads a zip's directory at one go, and a directory can list millions."""
    most = max(_HEADER_BYTES, _DIRECTORY_BYTES * limits.members)
    with _Guarded(io.FileIO(path), most) as file, zipfile.ZipFile(file) as archive:
        yield archive


@contextmanager
def guarded_tar(path: Path, folder: Path, limits: Limits) -> Iterator[tarfile.TarFile]:
    """A tar file, unpacked first where it is compressed: `tarfile` would read a header of gigabytes into memory.

    `folder` is where the unpacked one may lie, without a name, for as long as this lasts.
    """
    with path.open("rb") as packed, tempfile.TemporaryFile(dir=folder) as plain:
        stream = _decompressed(packed)
        if stream is not None:
            _copy(stream, plain, packed, limits)
        source = packed if stream is None else plain
        guarded = _Guarded(io.FileIO(source.fileno(), closefd=False), _HEADER_BYTES)
        guarded.seek(0)
        with guarded, tarfile.open(fileobj=guarded, mode="r:") as archive:
            yield archive
            _require_its_end(archive, guarded)


def _decompressed(file: BinaryIO) -> io.BufferedIOBase | None:
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=file)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(file)
    if start.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(file)
    return None


def _copy(stream: io.BufferedIOBase, plain: IO[bytes], packed: IO[bytes], limits: Limits) -> None:
    came = 0
    most = limits.total + 2 * _BLOCK * limits.members
    while chunk := stream.read(_CHUNK):
        came += len(chunk)
        if came > most:
            raise Stopped(f"unpacks to more than {size(limits.total)}, which is not done")
        if limits.is_bomb(came, packed.tell()):
            raise Stopped(f"unpacks to more than {limits.ratio} times its size, which is not done")
        plain.write(chunk)
    plain.flush()


def _require_its_end(archive: tarfile.TarFile, file: IO[bytes]) -> None:
    """`tarfile` takes a header that it cannot read for the end, and says nothing of what comes after."""
    file.seek(archive.offset)
    if file.read(_BLOCK).strip(b"\0"):
        raise tarfile.ReadError("there is something else where the end should be")
