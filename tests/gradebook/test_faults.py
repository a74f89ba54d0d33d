"""Locked, damaged, newer, full, unwritable, killed: one line that says what to do, and a whole gradebook."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from grader.errors import UsageError
from grader.gradebook import migrating
from grader.gradebook.book import opened
from tests.gradebook.building import ANA, BEN, assignment, keep, key, roll, row, worked

ROOT = Path(__file__).resolve().parents[2]
PREAMBLE = """
import sys
from grader.errors import UsageError
from grader.gradebook.book import opened
from tests.gradebook.building import ANA, BEN, assignment, keep, roll
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A gradebook with one result."""
    file = tmp_path / "gradebook.sqlite"
    with opened(file) as book:
        book.enrol(roll(ANA, BEN), assignment())
        keep(book, ANA, "a")
    return file


def child(code: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PREAMBLE + code, *map(str, arguments)]
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def problem(use: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        use()
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


def opening(where: Path | str, **options: object) -> Callable[[], object]:
    def use() -> object:
        with opened(where, **options) as book:  # type: ignore[arg-type]
            return row(book)

    return use


# ---------------------------------------------------------------- at once, and killed


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    """A fresh file: creating it is part of the race."""
    code = """
with opened(sys.argv[1]) as book:
    book.enrol(roll(ANA, BEN), assignment())
    for number in range(8):
        keep(book, ANA, f"shared {number}")
        keep(book, BEN, f"{sys.argv[2]} {number}")
"""
    file = tmp_path / "gradebook.sqlite"
    writers = [child(code, file, name) for name in "xy"]
    assert [writer.communicate()[1] for writer in writers] == ["", ""]
    with opened(file) as book:
        stored = list(book.stored())
        assert len(stored) == 8 + 16
        assert len({one.result for one in stored}) == 24
        assert (row(book, ANA).attempts, row(book, BEN).attempts) == (8, 16)


def test_a_killed_writer_leaves_every_result_that_it_was_told_is_kept(tmp_path: Path) -> None:
    code = """
with opened(sys.argv[1]) as book:
    book.enrol(roll(ANA), assignment())
    for number in range(100_000):
        keep(book, ANA, str(number))
        print(number, flush=True)
"""
    file = tmp_path / "gradebook.sqlite"
    writer = child(code, file)
    assert writer.stdout is not None
    told = -1
    for line in writer.stdout:
        told = int(line)
        if told == 15:
            break
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    with opened(file) as book:
        contents = {one.key.submission for one in book.stored()}
        assert {key(str(number)).submission for number in range(told + 1)} <= contents
        assert row(book).attempts == len(contents)
        assert all(book.grade_of(one) is not None for one in book.stored())
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_killed_inside_a_transaction_nothing_of_it_is_there(file: Path) -> None:
    code = """
import os, signal
from grader.gradebook import keeping
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
keeping.let_stand = die
with opened(sys.argv[1]) as book:
    keep(book, BEN, "b")
"""
    writer = child(code, file)
    writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    with opened(file) as book:
        assert not book.done(key("b"))
        assert row(book, BEN).attempts == 0
        assert keep(book, BEN, "b")


# ---------------------------------------------------------------- locked, damaged, foreign


def test_a_locked_gradebook_is_told_and_nothing_is_half_written(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other, opened(file, wait_s=0.05) as book:
        other.execute("BEGIN IMMEDIATE")
        assert "another program is writing" in problem(lambda: keep(book, BEN, "b"))
        assert row(book).points == 1.5  # readers do not wait
        other.execute("ROLLBACK")
        assert keep(book, BEN, "b")


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "gradebook.sqlite"
    file.write_bytes(b"no database at all, but long enough to look at. " * 100)
    assert "damaged" in problem(opening(file))


def test_damage_in_the_middle_is_told_before_anything_is_written(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096 * 3 : 4096 * 9] = b"\xa5" * (4096 * 6)
    file.write_bytes(data)
    assert "damaged" in problem(opening(file))
    assert file.read_bytes() == data


def test_a_damaged_grade_is_told(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE grades SET body = x'00112233'")
    with opened(file) as book:
        (stored,) = book.stored()
        assert "damaged" in problem(lambda: book.grade_of(stored))


def test_another_programs_database_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE bookmarks (id)")
    assert "another program" in problem(opening(file))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_nothing_is_made_where_nothing_may_be(tmp_path: Path) -> None:
    assert "grade a class first" in problem(opening(tmp_path / "none.sqlite", create=False))
    (tmp_path / "empty.sqlite").touch()
    assert "grade a class into it first" in problem(opening(tmp_path / "empty.sqlite", create=False))
    assert [path.name for path in tmp_path.iterdir()] == ["empty.sqlite"]


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    with opened(tmp_path / "term 1" / "50% ?#" / "gradebook.sqlite") as book:
        keep(book, ANA, "a")
    assert opening(tmp_path / "term 1" / "50% ?#" / "gradebook.sqlite", create=False)()


# ---------------------------------------------------------------- places that cannot be written, and URLs


def test_a_folder_or_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "a folder: name the gradebook's file" in problem(opening(tmp_path))
    assert "cannot be made" in problem(opening(tmp_path / "file" / "gradebook.sqlite"))


def test_a_place_where_nobody_may_write_is_told() -> None:
    assert "cannot be opened here" in problem(opening("/proc/gradebook.sqlite"))


@pytest.mark.skipif(os.geteuid() != 0, reason="another user must be taken on to be refused by permissions")
@pytest.mark.parametrize("folder_mode", [0o755, 0o777])
def test_a_read_only_gradebook_is_told(file: Path, folder_mode: int) -> None:
    code = """
import os
from pathlib import Path
from grader.gradebook import migrating
with opened("sqlite://") as book:  # everything is imported while that is still allowed
    keep(book, BEN, "b")
migrating.scripts_folder = lambda: Path(sys.argv[2])
os.setuid(65534)
try:
    with opened(sys.argv[1]) as book:
        keep(book, BEN, "b")
except UsageError as error:
    print(error)
"""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to other users
        copy = Path(shutil.copy(file, folder))
        copy.chmod(0o444)
        scripts = shutil.copytree(migrating.scripts_folder(), Path(folder, "scripts"))
        for part in (scripts, scripts / "versions"):
            part.chmod(0o755)
        copy.parent.chmod(folder_mode)
        out, err = child(code, copy, scripts).communicate()
    assert err == "" and out.startswith(f"{copy}: ") and "may" in out and out.count("\n") == 1


def test_a_full_disk_is_told_and_what_was_kept_stays(file: Path) -> None:
    code = """
with opened(sys.argv[1]) as book:
    print("open", flush=True)
    try:
        for number in range(5000):
            keep(book, BEN, str(number))
    except UsageError as error:
        print(error)
"""

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    writer = child(code, file, preexec_fn=small_disk)
    out, err = writer.communicate()
    assert err == "" and "full" in out
    with opened(file) as book:
        kept = row(book, BEN).attempts
        assert kept > 10 and len(list(book.stored())) == kept + 1
        assert keep(book, BEN, "now there is room")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nothing://somewhere", "no driver for nothing"),
        ("post gres://me:secret@host", "no database URL"),
        ("postgresql+nodriver://host/db", "missing"),
        ("mysql://user@host/db", "no driver for mysql is installed: use SQLite or PostgreSQL"),
    ],
)
def test_a_url_that_cannot_be_used_is_told(url: str, says: str) -> None:
    told = problem(opening(url))
    assert says in told and "secret" not in told


def test_a_path_may_be_written_as_a_url(file: Path) -> None:
    with opened(f"sqlite:///{file}", create=False) as book:
        assert row(book).points == 1.5


def test_nothing_is_left_beside_a_closed_gradebook(file: Path) -> None:
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_copied_gradebook_is_a_gradebook(file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(file, tmp_path / "copy.sqlite"))
    with opened(copy) as book:
        assert not keep(book, ANA, "a", worked([0, 0, 0]))
