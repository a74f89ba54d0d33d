from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from grader.files import write_atomically


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "ana.report.json"
    write_atomically(target, "old")
    write_atomically(target, "neu é\n")
    assert target.read_bytes() == "neu é\n".encode()
    assert list(tmp_path.iterdir()) == [target]


def test_its_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "report", "text")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o640


def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report"
    target.write_text("old")

    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "report", "text")


def test_text_that_utf8_cannot_hold_is_written_all_the_same(tmp_path: Path) -> None:
    write_atomically(tmp_path / "report", "a\ud800b")
    assert (tmp_path / "report").read_text() == "a?b"
