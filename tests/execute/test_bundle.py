"""Evidence that is stored comes back exact, or not at all."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grader.errors import BadBundle
from grader.execute.bundle import read_bundle, write_bundle
from grader.model.recording import CellError, CellRun, Output, Recording
from grader.model.submission import Cell, Submission

SUBMISSION = Submission(
    name="ana.ipynb",
    path=Path("ana.ipynb"),
    sha256="ab" * 32,
    kind="notebook",
    cells=(
        Cell(kind="markdown", source="# Ex 1 — două cercuri"),
        Cell(kind="code", source="print(0.1)\r\n", number=1, exercise=1),
    ),
    notes=("a note",),
)
RERUN = Recording(
    cells=(CellRun(number=1, status="not_run"),),
    events=({"kind": "cell"},),
    tensors={"b": np.ones((1, 2), dtype=np.int32)},
    seed=43,
    device="cpu",
    versions={},
)
RECORDING = Recording(
    cells=(
        CellRun(
            number=1,
            status="error",
            outputs=(Output(kind="display", text="é\x1b[1m", png_base64="iVBORw=="),),
            error=CellError(name="ValueError", message="no", traceback="…", line=1),
            seconds=0.123,
            note="cut",
        ),
    ),
    events=(
        {"kind": "step", "loss": 0.1 + 0.2, "lone": "\ud800", "line": "a\u2028b\r"},
        {"nested": {"a": [1, None]}},
    ),
    tensors={"z": np.array([0.1, np.nan]), "a": np.float32(3).reshape(())},
    seed=42,
    device="cpu",
    versions={"python": "3.11.7", "torch": "2.13.0"},
    kernel="warm",
    sandbox=("seccomp",),
    seconds=1.5,
    notes=("n",),
    problems=("p",),
    reruns=(RERUN, replace(RERUN, seed=44)),
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "ana.evidence.zip"
    write_bundle(path, SUBMISSION, RECORDING)
    return path


def without_arrays(recording: Recording) -> Recording:
    return replace(recording, tensors={}, reruns=tuple(map(without_arrays, recording.reruns)))


def bits(recording: Recording) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    arrays = [(name, str(a.dtype), a.shape, a.tobytes()) for name, a in recording.tensors.items()]
    return arrays + [entry for rerun in recording.reruns for entry in bits(rerun)]


def test_round_trip_is_exact(bundle: Path) -> None:
    submission, recording = read_bundle(bundle)
    assert submission == replace(SUBMISSION, path=bundle)
    assert without_arrays(recording) == without_arrays(RECORDING)
    assert bits(recording) == bits(RECORDING)


def test_the_same_evidence_gives_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    write_bundle(again, SUBMISSION, RECORDING)
    assert again.read_bytes() == bundle.read_bytes()
    with zipfile.ZipFile(bundle) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_a_failed_write_leaves_the_old_bundle_and_nothing_else(bundle: Path) -> None:
    before = bundle.read_bytes()
    unwritable = replace(RECORDING, reruns=(), tensors={"a": np.array([object()])})
    with pytest.raises(ValueError, match="object"):
        write_bundle(bundle, SUBMISSION, unwritable)
    assert bundle.read_bytes() == before
    assert list(bundle.parent.iterdir()) == [bundle]


def forge(bundle: Path, name: str, content: bytes | None) -> None:
    """Replace one member, or drop it."""
    with zipfile.ZipFile(bundle) as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
    members.pop(name)
    with zipfile.ZipFile(bundle, "w") as archive:
        for entry, old in members.items():
            archive.writestr(entry, old)
        if content is not None:
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bundle.json", None),
        ("bundle.json", b"[]"),
        ("bundle.json", b'{"format": "other", "version": 1}'),
        ("submission.json", b"{}"),
        ("submission.json", b"\xff"),
        ("submission.json", b'{"name": 1, "sha256": "", "kind": "notebook", "cells": [], "notes": []}'),
        ("submission.json", b'{"name": "a", "sha256": "", "kind": "rootkit", "cells": [], "notes": []}'),
        ("recording.json", b"{}"),
        ("recording.json", b"[" * 100_000),
        ("events.jsonl", b"[1]\n"),
        ("tensors.json", b"[]"),
        ("tensors.json", b'{"z": ["F64", [2], 1]}'),
        ("tensors.json", b'{"z": ["F64", [3], 0]}'),
        ("tensors.json", b'{"z": ["F64", [-2], 0]}'),
        ("tensors.json", b'{"z": ["O", [2], 0]}'),
        ("arrays.json", b'{"F64": [3000]}'),
        ("arrays.json", b'{"pickle": [1]}'),
        ("arrays", None),
        ("arrays", b"\x80\x04pickle"),
        ("pictures/0.png", None),
        ("rerun-2/recording.json", None),
    ],
)
def test_damage_is_found(bundle: Path, name: str, content: bytes | None) -> None:
    forge(bundle, name, content)
    with pytest.raises(BadBundle, match=r"^ana\.evidence\.zip"):
        read_bundle(bundle)


def test_another_version_is_named(bundle: Path) -> None:
    forge(bundle, "bundle.json", json.dumps({"format": "grader-evidence", "version": 99}).encode())
    with pytest.raises(BadBundle, match="version 99"):
        read_bundle(bundle)


def test_runs_without_end_are_refused(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        fields = json.loads(archive.read("rerun-1/recording.json"))
    forge(bundle, "rerun-1/recording.json", json.dumps({**fields, "reruns": 1}).encode())
    with pytest.raises(BadBundle, match="more runs"):
        read_bundle(bundle)


def test_a_bomb_is_not_unpacked(bundle: Path, monkeypatch) -> None:
    monkeypatch.setattr("grader.execute.bundle._MOST_BYTES", 1000)
    with pytest.raises(BadBundle, match="more than a bundle may"):
        read_bundle(bundle)


def test_arrays_without_end_are_refused(bundle: Path, monkeypatch) -> None:
    room = 1_000_000
    monkeypatch.setattr("grader.execute.bundle._MOST_BYTES", room)
    big = replace(RECORDING, tensors={"a": np.arange(20_000.0)})
    write_bundle(bundle, SUBMISSION, big)
    forge(bundle, "tensors.json", json.dumps({str(n): ["F64", [20_000], 0] for n in range(5)}).encode())
    assert len(read_bundle(bundle)[1].tensors) == 5
    forge(bundle, "tensors.json", json.dumps({str(n): ["F64", [20_000], 0] for n in range(50)}).encode())
    with pytest.raises(BadBundle, match="one too many"):
        read_bundle(bundle)


def test_a_member_that_is_packed_otherwise_is_refused(bundle: Path) -> None:
    forge(bundle, "events.jsonl", None)
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr("events.jsonl", b"{}\n" * 1000, compress_type=zipfile.ZIP_LZMA)
    with pytest.raises(BadBundle, match="packed"):
        read_bundle(bundle)


def test_a_large_bundle_is_packed_tightly_and_comes_back_exact(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("grader.execute.bundle._AIM_BYTES", 0)
    path = tmp_path / "ana.evidence.zip"
    write_bundle(path, SUBMISSION, RECORDING)
    with zipfile.ZipFile(path) as archive:
        assert "arrays.xz" in archive.namelist() and "arrays" not in archive.namelist()
    assert bits(read_bundle(path)[1]) == bits(RECORDING)


def test_a_tight_bomb_is_not_unpacked(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("grader.execute.bundle._AIM_BYTES", 0)
    path = tmp_path / "ana.evidence.zip"
    write_bundle(path, SUBMISSION, replace(RECORDING, tensors={"a": np.zeros(10_000_000)}))
    monkeypatch.setattr("grader.execute.bundle._MOST_BYTES", 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(BadBundle, match="more than a bundle may"):
            read_bundle(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_equal_arrays_and_pictures_are_stored_once(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random(20_000)
    picture = Output(kind="display", png_base64=b64encode(noise.tobytes()).decode())
    cells = (CellRun(number=1, status="ok", outputs=(picture, picture)),)
    rerun = replace(RERUN, cells=cells, tensors={"c": noise})
    recording = replace(RECORDING, cells=cells, tensors={"a": noise, "b": noise.copy()}, reruns=(rerun,))
    path = tmp_path / "ana.evidence.zip"
    write_bundle(path, SUBMISSION, recording)
    assert path.stat().st_size < 2.1 * noise.nbytes
    _, read = read_bundle(path)
    assert bits(read) == bits(recording)
    assert read.cells == cells
    assert read.reruns[0].cells[0].outputs[0].png_base64 is None, "no report shows it"


def test_a_picture_that_is_none_is_kept_as_it_was_written(tmp_path: Path) -> None:
    output = Output(kind="display", png_base64="no base64, and no picture")
    path = tmp_path / "ana.evidence.zip"
    write_bundle(
        path, SUBMISSION, replace(RECORDING, cells=(CellRun(number=1, status="ok", outputs=(output,)),))
    )
    assert read_bundle(path)[1].cells[0].outputs == (output,)


def test_bundles_of_version_1_are_read() -> None:
    old = Path(__file__).parents[1] / "files" / "unlucky.evidence.zip"
    with zipfile.ZipFile(old) as archive:
        assert json.loads(archive.read("bundle.json"))["version"] == 1
    _, recording = read_bundle(old)
    assert recording.tensors and recording.reruns and all(rerun.tensors for rerun in recording.reruns)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_cut_off_file_is_damaged(bundle: Path, share: float) -> None:
    content = bundle.read_bytes()
    bundle.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadBundle):
        read_bundle(bundle)


def test_a_changed_byte_is_noticed(bundle: Path) -> None:
    content = bytearray(bundle.read_bytes())
    with zipfile.ZipFile(bundle) as archive:
        start = archive.getinfo("arrays").header_offset
    content[start + 40] ^= 0xFF
    bundle.write_bytes(bytes(content))
    with pytest.raises(BadBundle):
        read_bundle(bundle)


def test_a_missing_file_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BadBundle, match="cannot be read"):
        read_bundle(tmp_path / "none.zip")
