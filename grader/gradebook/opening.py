"""A database, opened: engine, locks, and every error of a library as one line that says what to do."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from grader.errors import UsageError

_TRIES = 4
_CHECKED_BYTES = 64 * 1024**2
"""A file of up to this size is read through when it is opened: some 100 ms at most."""

_T = TypeVar("_T")


class Database:
    """An engine, and how the gradebook reads and writes through it."""

    def __init__(self, engine: Engine, shown: str) -> None:
        self.engine = engine
        self.shown = shown
        """How messages call it; without a password."""
        self._writer = engine.execution_options(writing=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the database.

        Raises UsageError where it cannot be read.
        """
        with told(self.shown), self.engine.connect() as connection:
            yield connection

    def write(self, change: Callable[[Connection], _T]) -> _T:
        """Run `change` in one transaction, all of it or nothing; again where another writer was faster.

        Raises UsageError where the database is locked for too long, is full or cannot be written.
        """
        with told(self.shown):
            for _ in range(_TRIES - 1):
                try:
                    with self._writer.begin() as connection:
                        return change(connection)
                except DBAPIError as error:
                    if not _was_overtaken(error):
                        raise
            with self._writer.begin() as connection:
                return change(connection)


def connected(where: str | Path, *, create: bool, wait_s: float) -> Database:
    """The database at a path or an SQLAlchemy URL; nothing is written yet.

    Raises UsageError for a URL nobody understands, a missing driver, and a missing file that must not be made.
    """
    url = _url(where)
    shown = url.database or "memory" if url.get_backend_name() == "sqlite" else url.render_as_string()
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        _prepare_file(Path(url.database), create)
    try:
        engine = _engine(url, wait_s)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise UsageError(f"{shown}: {_install(url)}") from error
    except (ArgumentError, SQLAlchemyError) as error:
        raise UsageError(f"{shown}: no database URL that can be used ({_first_line(error)})") from error
    return Database(engine, shown)


@contextmanager
def told(shown: str) -> Iterator[None]:
    """Errors of the database and of what it holds become one line.

    Raises UsageError.
    """
    try:
        yield
    except DBAPIError as error:
        raise UsageError(f"{shown}: {_advice(error)}") from error
    except sqlite3.DatabaseError as error:
        raise UsageError(f"{shown}: {_advice_on(str(error))}") from error
    except zlib.error as error:
        raise UsageError(f"{shown}: {_DAMAGED}") from error


_DAMAGED = "the gradebook is damaged: put a copy in its place, or move it away and grade again"
_ADVICE = (
    (
        ("locked", "busy"),
        "another program is writing to the gradebook: wait until it is done, then try again",
    ),
    (("not a database", "malformed", "corrupt"), _DAMAGED),
    (("disk is full", "no space"), "the disk is full: make room, then run the same command again"),
    (
        ("readonly", "read-only"),
        "the gradebook may not be written to: check the permissions of file and folder",
    ),
    (
        ("unable to open",),
        "the gradebook cannot be opened here: check that folder and file exist and may be written to",
    ),
    (
        ("disk i/o",),
        "the disk refuses to write: it is full, over a limit or failing; then run the same again",
    ),
    (
        ("connect", "authentication", "does not exist", "server"),
        "the database server cannot be used: check that it runs, the address, name and password",
    ),
)


def _advice(error: DBAPIError) -> str:
    return _advice_on(str(error.orig))


def _advice_on(message: str) -> str:
    lowered = message.lower()
    for words, advice in _ADVICE:
        if any(word in lowered for word in words):
            return advice
    return f"the database refuses ({_first_line(message)})"


def _first_line(error: object) -> str:
    return str(error).strip().split("\n")[0][:200]


def _was_overtaken(error: DBAPIError) -> bool:
    """Another transaction made the row that this one was about to make, or PostgreSQL stopped one of two."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", "") in ("40001", "40P01")


def _url(where: str | Path) -> URL:
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite", database=os.fspath(where))
    try:
        url = make_url(where)
    except ArgumentError as error:
        # What nobody can read may hold a password somewhere, so it is not repeated.
        raise UsageError("no database URL: write sqlite:///PATH or postgresql://HOST/NAME") from error
    # The driver that the extra [postgresql] installs; SQLAlchemy's own default is another one.
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _install(url: URL) -> str:
    if url.get_backend_name() == "postgresql":
        return "the driver for PostgreSQL is missing: pip install 'evidence-grader[postgresql]'"
    return f"no driver for {url.drivername} is installed: use SQLite or PostgreSQL"


def _prepare_file(path: Path, create: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path}: a folder: name the gradebook's file, such as {path / 'gradebook.sqlite'}")
    if path.exists():
        return
    if not create:
        raise UsageError(f"{path}: there is no gradebook: grade a class first, or name one with --gradebook")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: its folder cannot be made ({error.strerror})") from error


def _engine(url: URL, wait_s: float) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": wait_s})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        # Python's own driver begins transactions late and by guessing; SQLAlchemy says when (see `begin`).
        connection.isolation_level = None
        # Write-ahead log: readers never wait for the writer, and a killed writer leaves a whole file. FULL: a
        # result that was told as kept survives a power cut; one more fsync is nothing beside seconds of grading.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that turns from reader to writer half-way cannot wait for another writer: it fails.
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def check_whole(database: Database) -> None:
    """Read a SQLite file through, where that is quick.

    Raises UsageError where it is damaged: better now than after hours of grading.
    """
    url = database.engine.url
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return
    path = Path(url.database)
    if not path.exists() or path.stat().st_size > _CHECKED_BYTES:
        return
    with database.reading() as connection:
        said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if said != "ok":
        raise UsageError(f"{database.shown}: {_DAMAGED}")
