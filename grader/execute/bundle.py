"""Stored evidence: a submission and its recording in one zip, enough to judge again without running anything.

bundle.json  submission.json  recording.json  events.jsonl  tensors.safetensors
rerun-1/recording.json  rerun-1/events.jsonl  rerun-1/tensors.safetensors  …
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from grader.errors import BadBundle, UntrustedData
from grader.execute.tensor_file import pack, unpack
from grader.model.recording import CellRun, Recording
from grader.model.submission import Cell, Submission

FORMAT = "grader-evidence"
VERSION = 1

_MARK = "bundle.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest date that a zip can hold: the same evidence gives the same bytes on any day."""
_MOST_BYTES = 512 * 1024**2
_MOST_RERUNS = 8
_PLAIN_FIELDS = ("seed", "device", "versions", "kernel", "sandbox", "seconds", "notes", "problems")


def write_bundle(path: Path, submission: Submission, recording: Recording) -> None:
    """Write the bundle, whole or not at all.

    Raises:
        OSError: the folder cannot be written to.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _write(file, submission, recording)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_bundle(path: Path) -> tuple[Submission, Recording]:
    """The submission (its `path` is the bundle, its companions are gone) and its recording, exact to the bit.

    Raises:
        BadBundle: no bundle, a damaged one, or one of another version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            reader = _Reader(archive)
            _require_version(reader.json(_MARK))
            return _submission(reader.json("submission.json"), path), _recording(reader, "")
    except BadBundle as error:
        raise BadBundle(f"{path.name}: {error}") from None
    except OSError as error:
        raise BadBundle(f"{path.name} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, UntrustedData, RecursionError) as error:
        raise BadBundle(f"{path.name} is damaged: {error}") from error
    # What a forged member provokes: missing fields, wrong types, encrypted or exotic compression.
    except (KeyError, ValueError, TypeError, AttributeError, RuntimeError, EOFError) as error:
        raise BadBundle(f"{path.name} is no evidence bundle, or a damaged one") from error


def _write(file: BinaryIO, submission: Submission, recording: Recording) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        _add_json(archive, _MARK, {"format": FORMAT, "version": VERSION})
        fields = {
            "name": submission.name,
            "sha256": submission.sha256,
            "kind": submission.kind,
            "cells": [cell.model_dump(mode="json") for cell in submission.cells],
            "notes": submission.notes,
        }
        _add_json(archive, "submission.json", fields)
        _add_recording(archive, "", recording)


def _add_recording(archive: zipfile.ZipFile, prefix: str, recording: Recording) -> None:
    plain: dict[str, Any] = {name: getattr(recording, name) for name in _PLAIN_FIELDS}
    plain["cells"] = [cell.model_dump(mode="json") for cell in recording.cells]
    plain["reruns"] = len(recording.reruns)
    plain["probe"] = recording.probe is not None
    _add_json(archive, f"{prefix}recording.json", plain)
    lines = (json.dumps(event, separators=(",", ":")) + "\n" for event in recording.events)
    _add(archive, f"{prefix}events.jsonl", "".join(lines).encode())
    _add(archive, f"{prefix}tensors.safetensors", pack(recording.tensors))
    for number, rerun in enumerate(recording.reruns, start=1):
        _add_recording(archive, f"{prefix}rerun-{number}/", rerun)
    if recording.probe is not None:
        _add_recording(archive, f"{prefix}probe/", recording.probe)


def _add_json(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    _add(archive, name, (json.dumps(value, indent=1) + "\n").encode())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=6)


class _Reader:
    """Reads members by name and never more bytes than a bundle may hold."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._left = _MOST_BYTES

    def bytes(self, name: str) -> bytes:
        with self._archive.open(name) as member:
            content = member.read(self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise BadBundle("holds more than a bundle may")
        return content

    def json(self, name: str) -> Any:
        return json.loads(self.bytes(name))


def _require_version(mark: Any) -> None:
    if mark["format"] != FORMAT:
        raise BadBundle("is no evidence bundle")
    if mark["version"] != VERSION:
        raise BadBundle(f"was written as version {mark['version']!r}; this grader reads version {VERSION}")


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


def _recording(reader: _Reader, prefix: str) -> Recording:
    plain = reader.json(f"{prefix}recording.json")
    events = [json.loads(line) for line in reader.bytes(f"{prefix}events.jsonl").splitlines()]
    if not all(isinstance(event, dict) for event in events):
        raise BadBundle("holds events that are none")
    tensors = unpack(reader.bytes(f"{prefix}tensors.safetensors"))
    count = int(plain["reruns"])
    if count > (0 if prefix else _MOST_RERUNS):
        raise BadBundle("holds more runs than a bundle may")
    # Bundles of an earlier day know of no probe.
    probed = bool(plain.get("probe")) and not prefix
    return Recording(
        cells=tuple(CellRun.model_validate(cell) for cell in plain["cells"]),
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
        probe=_recording(reader, "probe/") if probed else None,
        reruns=tuple(_recording(reader, f"{prefix}rerun-{number}/") for number in range(1, count + 1)),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadBundle("holds something else where text belongs")
    return value
