"""PNG files that students' code drew: looked at before a page carries them."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

_MAGIC = b"\x89PNG\r\n\x1a\n"
_MAX_SIDE = 6000
"""Pixels; a picture of more could be small as a file and vast on the reader's screen."""


@dataclass(frozen=True)
class Image:
    """A picture that is a PNG indeed."""

    base64: str
    """Encoded again by us: the alphabet of base64 and nothing else."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""


def read_png(encoded: str, max_chars: int) -> Image | None:
    """The picture in `encoded` (base64), or None where it is longer than `max_chars` or no sound PNG."""
    if len(encoded) > max_chars * 1.1:
        return None
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not _whole(data):
        return None
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    again = base64.b64encode(data).decode("ascii")
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE) or len(again) > max_chars:
        return None
    return Image(base64=again, width=width, height=height)


def _whole(data: bytes) -> bool:
    """Whether `data` is a chain of intact chunks from IHDR to IEND, and nothing behind it."""
    if not data.startswith(_MAGIC) or data[12:16] != b"IHDR" or data[8:12] != b"\0\0\0\x0d":
        return False
    at = len(_MAGIC)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        body, checksum = data[at + 4 : end - 4], data[end - 4 : end]
        if end > len(data) or zlib.crc32(body).to_bytes(4, "big") != checksum:
            return False
        if body[:4] == b"IEND":
            return end == len(data)
        at = end
    return False
