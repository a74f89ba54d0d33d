"""Temporary folders: nobody's are removed, somebody's are not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grader.execute.temporary import held_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")

HOLDER = """
import sys
from pathlib import Path
from grader.execute.temporary import held_folder
folder = held_folder("cold", Path(sys.argv[1]))
(folder.path / "work").mkdir()
print(folder.path, flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(base: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process and the folder that it holds."""
    command = [sys.executable, "-c", HOLDER, str(base)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with held_folder("warm", tmp_path) as folder:
        (folder / "a").mkdir()
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    with holder(tmp_path) as (process, left):
        with held_folder("cold", tmp_path) as own:
            assert set(tmp_path.iterdir()) == {left, own}, "it is in use"
        process.kill()
        process.wait()
        assert left.exists()
        with held_folder("warm", tmp_path) as own:
            assert list(tmp_path.iterdir()) == [own]


def test_a_folder_that_is_in_use_here_stays(tmp_path: Path) -> None:
    with held_folder("cold", tmp_path) as first, held_folder("cold", tmp_path) as second:
        assert set(tmp_path.iterdir()) == {first, second}


@pytest.mark.parametrize("name", ["grade-warm-mine", "grade-12345678", "reports", "grade-cold-ABCDEFGH"])
def test_folders_of_other_names_are_nobodys_business(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with held_folder("cold", tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_links_and_files_stay(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "grade-cold-aaaaaaaa").symlink_to(tmp_path / "kept")
    (tmp_path / "grade-cold-bbbbbbbb").touch()
    with held_folder("cold", tmp_path):
        pass
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_stays(tmp_path: Path) -> None:
    other = tmp_path / "grade-cold-aaaaaaaa"
    other.mkdir()
    os.chown(other, 12345, 12345)
    with held_folder("cold", tmp_path):
        assert other.exists()


def test_a_folder_swept_before_it_was_locked_is_made_again(tmp_path: Path, monkeypatch) -> None:
    made: list[Path] = []

    def unlucky(prefix: str, dir: Path) -> str:
        path = dir / f"{prefix}{len(made):08}"
        path.mkdir()
        made.append(path)
        if len(made) == 1:
            path.rmdir()
        return str(path)

    monkeypatch.setattr(tempfile, "mkdtemp", unlucky)
    with held_folder("cold", tmp_path) as folder:
        assert len(made) == 2 and folder == made[1] and folder.exists()


def test_without_locks_a_folder_is_made_and_none_is_swept(tmp_path: Path, monkeypatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr("fcntl.flock", refused)
    (tmp_path / "grade-cold-aaaaaaaa").mkdir()
    with held_folder("cold", tmp_path) as folder:
        assert len(list(tmp_path.iterdir())) == 2
    assert not folder.exists()
