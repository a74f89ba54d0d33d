"""The folder that a submission runs in."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grader.errors import GradingFailed
from grader.execute.job import Job
from grader.execute.scratch import scratch_folder
from grader.execute.tensor_file import unpack


def test_it_holds_copies_and_probes_and_then_is_gone(make_submission, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("1")
    rows = np.ones((3, 2))
    with scratch_folder(
        make_submission(companions=(data,)), Job(probes=lambda: {"circles": rows})
    ) as scratch:
        scratch.write_probes(Job(probes=lambda: {"circles": rows}))
        (scratch.work / "data.csv").write_text("2")
        assert unpack(scratch.probes.read_bytes())["circles"].tolist() == rows.tolist()
    assert data.read_text() == "1"
    assert not scratch.root.exists()


def test_links_are_not_followed(make_submission, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "inner").symlink_to(secret)
    (tmp_path / "outer").symlink_to(secret)
    submission = make_submission(companions=(folder, tmp_path / "outer", tmp_path / "vanished"))
    with scratch_folder(submission, Job()) as scratch:
        assert [path.name for path in scratch.work.rglob("*")] == ["data"]
    assert [note.split()[0] for note in scratch.notes] == ["outer", "vanished"]


def test_permissions_taken_away_do_not_keep_it(make_submission) -> None:
    with scratch_folder(make_submission(), Job()) as scratch:
        locked = scratch.work / "locked"
        inner = locked / "inner"
        inner.mkdir(parents=True)
        (inner / "file").touch()
        inner.chmod(0)
        locked.chmod(0)
    assert not scratch.root.exists()


def test_it_is_removed_after_an_error(make_submission) -> None:
    with pytest.raises(KeyboardInterrupt), scratch_folder(make_submission(), Job()) as scratch:
        raise KeyboardInterrupt
    assert not scratch.root.exists()


def test_a_missing_support_file_is_our_fault(make_submission, tmp_path: Path) -> None:
    with (
        pytest.raises(GradingFailed),
        scratch_folder(make_submission(), Job(support=(tmp_path / "none.py",))),
    ):
        pass


def test_sockets_keep_a_short_path(make_submission, tmp_path: Path, monkeypatch) -> None:
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with scratch_folder(replace(make_submission(), name="a.ipynb"), Job()) as scratch:
        assert len(str(scratch.sockets)) < 90
