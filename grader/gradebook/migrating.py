"""From the version a gradebook has to the one this grader knows."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from grader.errors import UsageError
from grader.gradebook.tables import metadata

VERSION_TABLE = "gradebook_version"
_LOCK = 0x67726164
"""Of PostgreSQL's advisory locks: `grad`, so that two graders do not migrate at once."""


def scripts_folder() -> Path:
    # Beside this file: alembic reads scripts from a folder, so a zipped package could not be migrated anyway.
    return Path(__file__).parent / "migrations"


def upgraded(engine: Engine, shown: str, *, create: bool, scripts: Path | None = None) -> None:
    """Bring the gradebook to the newest version, in one transaction, a copy of a SQLite file made first.

    `engine` must lock at the beginning of a transaction (SQLite's BEGIN IMMEDIATE).
    Raises UsageError for a newer gradebook, for another program's database, and for an empty one where
    nothing may be created.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts or scripts_folder()).replace("%", "%%"))
    directory = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        if _version(connection) == directory.get_current_head():
            return
    with _migrating(engine) as connection:
        version = _version(connection)
        if version == directory.get_current_head():
            return
        _refuse_what_is_no_gradebook(connection, version, directory, shown, create)
        if version is not None and engine.dialect.name == "sqlite" and engine.url.database:
            _copy(Path(engine.url.database), version)
        config.attributes.update(connection=connection, version_table=VERSION_TABLE)
        command.upgrade(config, "head")


@contextlib.contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other grader shares, committed at its end.

    Raises UsageError where a migration left a row that points at none.
    """
    with engine.execution_options(writing=True).connect() as connection:
        if connection.dialect.name == "postgresql":
            with connection.begin():
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                yield connection
            return
        driver: Any = connection.connection.driver_connection
        # A changed table is made anew and the old one dropped, which its children must survive. SQLite reads
        # this before a transaction begins, never in one.
        driver.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise UsageError("the gradebook holds rows that belong to nothing: it was not changed")
        finally:
            driver.execute("PRAGMA foreign_keys = ON")


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()


def _refuse_what_is_no_gradebook(
    connection: Connection, version: str | None, directory: ScriptDirectory, shown: str, create: bool
) -> None:
    if version is not None:
        if version not in {script.revision for script in directory.walk_revisions()}:
            raise UsageError(
                f"{shown}: a newer grader wrote this gradebook (version {version}): update the grader"
            )
        return
    there = set(inspect(connection).get_table_names()) - {VERSION_TABLE}
    # A department's server may hold other programs' tables beside ours; a file is ours alone.
    if there and (connection.dialect.name == "sqlite" or there & set(metadata.tables)):
        raise UsageError(f"{shown}: a database of another program, no gradebook: name another file")
    if not create:
        raise UsageError(f"{shown}: an empty database: grade a class into it first")


def _copy(database: Path, version: str) -> None:
    """`NAME.before-VERSION`, whole or not at all; SQLite's own backup, so that the write-ahead log is in it."""
    target = database.with_name(f"{database.name}.before-{version}")
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(part)) as copy,
        ):
            source.backup(copy)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
