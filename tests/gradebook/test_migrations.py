"""From version to version: nothing is lost, a copy is made first, and what is newer is left alone."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from grader.errors import UsageError
from grader.gradebook import migrating
from grader.gradebook.book import opened
from grader.gradebook.opening import connected
from grader.gradebook.rows import seen
from grader.gradebook.storage import stored_results
from grader.gradebook.tables import metadata
from tests.gradebook.building import ANA, assignment, keep, roll, row

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade():
    with op.batch_alter_table("students") as table:
        table.add_column(sa.Column("nickname", sa.Text(), nullable=False, server_default="none"))
        table.alter_column("email", new_column_name="address")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gradebook.sqlite"
    with opened(file) as book:
        book.enrol(roll(ANA), assignment())
        keep(book, ANA, "a")
    return file


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scripts of a grader that has a second version."""
    folder = tmp_path / "scripts"
    shutil.copytree(migrating.scripts_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v0002.py").write_text(SECOND)
    monkeypatch.setattr(migrating, "scripts_folder", lambda: folder)
    return folder


def columns(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(students)")]


def test_the_migrations_make_the_tables_that_the_code_expects(file: Path) -> None:
    with create_engine(f"sqlite:///{file}").connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrating.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_an_older_gradebook_is_brought_up_to_date_after_a_copy(file: Path, later: Path) -> None:
    with opened(file):
        pass
    assert columns(file)[-1] == "nickname" and "address" in columns(file)
    copy = file.with_name("gradebook.sqlite.before-1")
    assert "nickname" not in columns(copy)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT key, nickname, address FROM students").fetchall() == [
            ("ana", "none", "ana@example.org")
        ]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    copy.unlink()
    with opened(file):
        pass
    assert not copy.exists()


def test_the_copy_is_a_gradebook(
    file: Path, later: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(file):
        pass
    monkeypatch.undo()
    with opened(tmp_path / "gradebook.sqlite.before-1") as book:
        assert row(book).points == 1.5


def test_a_newer_gradebook_is_refused_and_left_alone(
    file: Path, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(file):
        pass
    monkeypatch.undo()
    data = file.read_bytes()
    with (
        pytest.raises(UsageError, match=r"newer grader wrote this gradebook \(version 2\): update"),
        opened(file),
    ):
        pass
    assert file.read_bytes() == data


def test_a_migration_that_fails_changes_nothing(file: Path, later: Path) -> None:
    (later / "versions" / "v0002.py").write_text(SECOND + "    raise RuntimeError('half-way')\n")
    with pytest.raises(RuntimeError, match="half-way"), opened(file):
        pass
    assert "nickname" not in columns(file)


def test_a_migration_waits_for_whoever_writes(file: Path, later: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        database = connected(file, create=False, wait_s=0.05)
        with pytest.raises(Exception, match="locked"):
            migrating.upgraded(database.engine, database.shown, create=False)
        database.engine.dispose()
    assert "nickname" not in columns(file)


def test_the_tables_and_longest_queries_can_be_said_in_postgresql() -> None:
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        told = str(CreateTable(table).compile(dialect=dialect))
        assert "DATETIME" not in told and "BLOB" not in told
        for index in table.indexes:
            assert len(str(index.name)) <= 63
            CreateIndex(index).compile(dialect=dialect)
    for query in (seen("small", 1), stored_results("small")):
        assert "SELECT" in str(query.compile(dialect=dialect))
