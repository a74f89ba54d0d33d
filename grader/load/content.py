"""Bytes of a file to text, whatever editor wrote them."""

from __future__ import annotations

import codecs
import io
import json
import re
import tokenize
from pathlib import Path

from grader.errors import UnreadableSubmission

MAX_FILE_BYTES = 500 * 1024**2
"""A notebook larger than this is not opened: its outputs alone would fill the memory."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHER_FORMATS = ((b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "a gzip archive"), (b"%PDF", "a PDF"))
_CONTROL = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def shown_name(path: Path) -> str:
    """The file's name on one line: what a terminal or JSON could not hold is a question mark."""
    return "".join(character if character.isprintable() else "?" for character in path.name) or "."


def read_capped(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        UnreadableSubmission: there is no such file, it may not be read, is no ordinary file, is empty or over
            `MAX_FILE_BYTES`.
    """
    name = shown_name(path)
    try:
        if path.is_dir():
            raise UnreadableSubmission(f"{name} is a folder: name the notebook or script inside it.")
        if not path.exists():
            raise UnreadableSubmission(f"{name} does not exist: check the path.")
        if not path.is_file():
            raise UnreadableSubmission(f"{name} is not an ordinary file: name a notebook or a script.")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except PermissionError as error:
        raise UnreadableSubmission(f"{name} may not be read: give yourself permission to read it.") from error
    except (OSError, ValueError) as error:
        raise UnreadableSubmission(f"{name} cannot be read: check the path and the disk.") from error
    if len(data) > MAX_FILE_BYTES:
        megabytes = MAX_FILE_BYTES // 1024**2
        raise UnreadableSubmission(f"{name} is larger than {megabytes} MB: clear its outputs and save it.")
    return data


def decoded(data: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    """The text with `\\n` line ends and no byte order mark, and notes about what was mended.

    Raises:
        UnreadableSubmission: it is empty, or no text.
    """
    for start, kind in _OTHER_FORMATS:
        if data.startswith(start):
            raise UnreadableSubmission(f"{name} is {kind}: hand in the notebook or script itself.")
    text, notes = _as_text(data)
    if not text.strip():
        raise UnreadableSubmission(f"{name} is empty: save your work and hand in the file again.")
    if _is_binary(text):
        raise UnreadableSubmission(f"{name} does not hold text (a damaged download?): hand it in again.")
    if text.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
        raise UnreadableSubmission(f"{name} is a web page: download the file itself and hand that in.")
    return unix_lines(text), notes


def unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def speakable(text: str) -> str:
    """The text without lone surrogates, which JSON can smuggle in and no encoding can write."""
    return _SURROGATE.sub("\ufffd", text)


def size_of(text: str) -> int:
    """Bytes of the text in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def _as_text(data: bytes) -> tuple[str, tuple[str, ...]]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace"), ()
    try:
        return data.decode(_declared_encoding(data)), ()
    except UnicodeDecodeError:
        note = "The file is not UTF-8: it was read as Latin-1, so accented letters may look odd."
        return data.decode("latin-1"), (note,)


def _declared_encoding(data: bytes) -> str:
    """What a script's first lines or JSON's zero bytes declare, UTF-8 otherwise."""
    if data.lstrip()[:1] in (b"{", b"["):
        return json.detect_encoding(data)
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError:
        return "utf-8"


def _is_binary(text: str) -> bool:
    """Zero bytes, or one character in twenty that no editor would have let through."""
    beginning = text[:100_000]
    return "\0" in beginning or 20 * len(_CONTROL.findall(beginning)) > len(beginning)
