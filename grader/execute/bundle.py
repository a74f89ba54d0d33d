"""Stored evidence: a submission and its recording in one zip, enough to judge again without running anything.

bundle.json  submission.json  recording.json  events.jsonl  tensors.json
rerun-1/recording.json  rerun-1/events.jsonl  rerun-1/tensors.json  …
arrays.json  arrays (or arrays.xz)  pictures/0.png  …

Pictures are kept of the run that reports show, not of reruns and probes. Version 1 had tensors.safetensors in each
folder, and pictures as text in recording.json.
"""

from __future__ import annotations

import base64
import io
import json
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Any

from grader.errors import BadBundle, UntrustedData
from grader.execute.array_store import ArrayReader, ArrayWriter
from grader.execute.tensor_file import unpack
from grader.files import write_bytes_atomically
from grader.model.recording import CellRun, Recording
from grader.model.submission import Cell, Submission

FORMAT = "grader-evidence"
VERSION = 2

_MARK = "bundle.json"
_LEVEL = 6
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest date that a zip can hold: the same evidence gives the same bytes on any day."""
_AIM_BYTES = 2_000_000
"""Above it arrays are packed more tightly, which takes ten times as long to read."""
_MOST_BYTES = 512 * 1024**2
_XZ_BYTES = 64 * 1024**2
"""Working memory that unpacking may take."""
_MOST_RERUNS = 8
_PLAIN_FIELDS = ("seed", "device", "versions", "kernel", "sandbox", "seconds", "notes", "problems")


def write_bundle(path: Path, submission: Submission, recording: Recording) -> None:
    """Write the bundle, whole or not at all.

    Raises:
        OSError: the folder cannot be written to.
    """
    write_bytes_atomically(path, bundle_bytes(submission, recording))


def bundle_bytes(submission: Submission, recording: Recording) -> bytes:
    """The bundle, to be sent or written elsewhere."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        _add_json(archive, _MARK, {"format": FORMAT, "version": VERSION})
        fields = {
            "name": submission.name,
            "sha256": submission.sha256,
            "kind": submission.kind,
            "cells": [cell.model_dump(mode="json") for cell in submission.cells],
            "notes": submission.notes,
        }
        _add_json(archive, "submission.json", fields)
        store = ArrayWriter()
        _add_recording(archive, "", recording, store, _Album(archive))
        _add_json(archive, "arrays.json", store.sizes())
        _add_planes(archive, store.planes(), _AIM_BYTES - whole.tell())
    return whole.getvalue()


def read_bundle(path: Path) -> tuple[Submission, Recording]:
    """The submission (its `path` is the bundle, its companions are gone) and its recording, exact to the bit.

    Raises:
        BadBundle: no bundle, a damaged one, or one of another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            reader = _Reader(archive)
            _require_version(reader.json(_MARK))
            return _submission(reader.json("submission.json"), path), _recording(reader, "", reader.store())
    except BadBundle as error:
        raise BadBundle(f"{path.name}: {error}") from None
    except OSError as error:
        raise BadBundle(f"{path.name} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, UntrustedData, RecursionError) as error:
        raise BadBundle(f"{path.name} is damaged: {error}") from error
    # What a forged member provokes: missing fields, wrong types, encrypted or exotic compression.
    except (KeyError, ValueError, TypeError, AttributeError, RuntimeError, EOFError) as error:
        raise BadBundle(f"{path.name} is no evidence bundle, or a damaged one") from error


def _add_planes(archive: zipfile.ZipFile, planes: bytes, room: int) -> None:
    """Arrays as they are read fastest, if that fits into `room` bytes."""
    if len(zlib.compress(planes, _LEVEL)) <= room:
        _add(archive, "arrays", planes)
    else:
        # Not by the zip's own means: only so can a reader stop where it unpacks to more than is allowed.
        _add(archive, "arrays.xz", lzma.compress(planes), packed=True)


def _add_recording(
    archive: zipfile.ZipFile, prefix: str, recording: Recording, store: ArrayWriter, album: _Album | None
) -> None:
    plain: dict[str, Any] = {name: getattr(recording, name) for name in _PLAIN_FIELDS}
    plain["cells"] = [_cell_fields(cell, album) for cell in recording.cells]
    plain["reruns"] = len(recording.reruns)
    plain["probe"] = recording.probe is not None
    _add_json(archive, f"{prefix}recording.json", plain)
    lines = (json.dumps(event, separators=(",", ":")) + "\n" for event in recording.events)
    _add(archive, f"{prefix}events.jsonl", "".join(lines).encode())
    _add(archive, f"{prefix}tensors.json", json.dumps(store.add(recording.tensors)).encode())
    for number, rerun in enumerate(recording.reruns, start=1):
        _add_recording(archive, f"{prefix}rerun-{number}/", rerun, store, None)
    if recording.probe is not None:
        _add_recording(archive, f"{prefix}probe/", recording.probe, store, None)


def _cell_fields(cell: CellRun, album: _Album | None) -> dict[str, Any]:
    fields = cell.model_dump(mode="json")
    for output in fields["outputs"]:
        if output["png_base64"] and album is None:
            output["png_base64"] = None
        elif output["png_base64"] and album is not None:
            output |= album.page(output["png_base64"])
    return fields


class _Album:
    """The pictures of a bundle, each once."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._pages: dict[str, str] = {}

    def page(self, text: str) -> dict[str, str | None]:
        """Fields of an output that shows the picture with this base64."""
        content = _decoded(text)
        if content is None:
            return {}
        if text not in self._pages:
            self._pages[text] = f"pictures/{len(self._pages)}.png"
            _add(self._archive, self._pages[text], content, packed=True)
        return {"png_base64": None, "picture": self._pages[text]}


def _decoded(text: str) -> bytes | None:
    """The bytes of a base64 that comes back letter by letter; None for what a kernel wrote otherwise."""
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return content if base64.b64encode(content).decode() == text else None


def _add_json(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    _add(archive, name, (json.dumps(value, indent=1) + "\n").encode())


def _add(archive: zipfile.ZipFile, name: str, content: bytes, *, packed: bool = False) -> None:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.external_attr = 0o644 << 16
    kind = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    archive.writestr(entry, content, compress_type=kind, compresslevel=_LEVEL)


class _Reader:
    """Reads members by name and never more bytes than a bundle may hold."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._left = _MOST_BYTES

    def member(self, name: str) -> bytes:
        if self._archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadBundle("is packed in a way that no bundle is")
        with self._archive.open(name) as file:
            return self._taken(file.read(self._left + 1))

    def _taken(self, content: bytes) -> bytes:
        self._left -= len(content)
        if self._left < 0:
            raise BadBundle("holds more than a bundle may")
        return content

    def store(self) -> ArrayReader | None:
        """What holds the arrays of all runs; None in bundles of version 1."""
        names = set(self._archive.namelist())
        if "arrays.json" not in names:
            return None
        if "arrays.xz" in names:
            packed = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_BYTES)
            planes = self._taken(packed.decompress(self.member("arrays.xz"), self._left + 1))
        else:
            planes = self.member("arrays")
        return ArrayReader(self.json("arrays.json"), planes, _MOST_BYTES)

    def picture(self, name: str) -> str:
        """A picture as a report shows it."""
        return base64.b64encode(self.member(name)).decode()

    def json(self, name: str) -> Any:
        return json.loads(self.member(name))


def _require_version(mark: Any) -> None:
    if mark["format"] != FORMAT:
        raise BadBundle("is no evidence bundle")
    if mark["version"] not in (1, VERSION):
        raise BadBundle(f"was written as version {mark['version']!r}; this grader reads up to {VERSION}")


def _submission(fields: dict[str, Any], path: Path) -> Submission:
    kind = fields["kind"]
    if kind not in ("notebook", "script"):
        raise BadBundle("holds neither a notebook nor a script")
    return Submission(
        name=_text(fields["name"]),
        path=path,
        sha256=_text(fields["sha256"]),
        kind=kind,
        cells=tuple(Cell.model_validate(cell) for cell in fields["cells"]),
        notes=tuple(map(_text, fields["notes"])),
    )


def _recording(reader: _Reader, prefix: str, store: ArrayReader | None) -> Recording:
    plain = reader.json(f"{prefix}recording.json")
    events = [json.loads(line) for line in reader.member(f"{prefix}events.jsonl").splitlines()]
    if not all(isinstance(event, dict) for event in events):
        raise BadBundle("holds events that are none")
    if store is None:
        tensors = unpack(reader.member(f"{prefix}tensors.safetensors"))
    else:
        tensors = store.arrays(reader.json(f"{prefix}tensors.json"))
    count = int(plain["reruns"])
    if count > (0 if prefix else _MOST_RERUNS):
        raise BadBundle("holds more runs than a bundle may")
    # Bundles of an earlier day know of no probe.
    probed = bool(plain.get("probe")) and not prefix
    return Recording(
        cells=tuple(CellRun.model_validate(_cell(cell, reader)) for cell in plain["cells"]),
        events=tuple(events),
        tensors=tensors,
        seed=int(plain["seed"]),
        device=_text(plain["device"]),
        versions={_text(name): _text(version) for name, version in plain["versions"].items()},
        kernel=_text(plain["kernel"]),
        sandbox=tuple(map(_text, plain["sandbox"])),
        seconds=float(plain["seconds"]),
        notes=tuple(map(_text, plain["notes"])),
        problems=tuple(map(_text, plain["problems"])),
        probe=_recording(reader, "probe/", store) if probed else None,
        reruns=tuple(_recording(reader, f"{prefix}rerun-{number}/", store) for number in range(1, count + 1)),
    )


def _cell(fields: dict[str, Any], reader: _Reader) -> dict[str, Any]:
    """A cell's fields with its pictures in their places."""
    for output in fields["outputs"]:
        if name := output.pop("picture", None):
            output["png_base64"] = reader.picture(name)
    return fields


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadBundle("holds something else where text belongs")
    return value
