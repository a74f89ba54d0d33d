"""A class's folder: one run at a time, nothing left behind, a file name for every key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.batch.places import ClassFolder, file_name
from grader.errors import UsageError

KEYS = st.text(min_size=1, max_size=120)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with ClassFolder(tmp_path / "out").taken():
        taken = "from grader.batch.places import *; from pathlib import Path; import sys\n"
        taken += "with ClassFolder(Path(sys.argv[1])).taken(): pass"
        done = subprocess.run(
            [sys.executable, "-c", taken, str(tmp_path / "out")], capture_output=True, text=True
        )
    assert done.returncode == 1 and "UsageError" in done.stderr and "another run is grading" in done.stderr


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    (tmp_path / ".unpacked" / "ana").mkdir(parents=True)
    (tmp_path / "students").mkdir()
    (tmp_path / "students" / ".ana.report.html.x7.part").write_text("half")
    (tmp_path / "students" / "ana.report.html").write_text("whole")
    with folder.taken() as unpacked:
        assert list(unpacked.iterdir()) == []
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} - {".lock"} == {"ana.report.html"}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(UsageError, match="nothing can be written here"),
        ClassFolder(tmp_path / "file").taken(),
    ):
        pass


@given(KEYS)
def test_a_key_is_a_safe_name(key: str) -> None:
    name = file_name(key)
    assert name and Path(name).name == name and name not in (".", "..") and not name.startswith((".", "-"))
    assert len(name.encode()) <= 250 and name == file_name(key)


@given(KEYS, KEYS)
def test_different_keys_have_different_names(first: str, second: str) -> None:
    assert (file_name(first) == file_name(second)) is (first == second)


def test_a_plain_key_is_its_own_name() -> None:
    assert file_name("ana.pop@uni.ro") == "ana.pop@uni.ro"
    assert file_name("Ana Pop").startswith("Ana-Pop-")
