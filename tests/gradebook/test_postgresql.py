"""What holds of a gradebook in a file holds of one on a PostgreSQL server, too: the same tests, run there."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import create_engine, text

from grader.errors import UsageError
from grader.gradebook.book import Gradebook, opened
from grader.gradebook.tables import metadata
from tests.gradebook import test_book, test_people, test_sayings
from tests.gradebook.building import ANA, assignment, keep, roll, row

pytest.importorskip("psycopg")
if shutil.which("pg_ctl") is None or shutil.which("initdb") is None:
    pytest.skip("PostgreSQL is not installed here", allow_module_level=True)
if os.geteuid() == 0 and not any(user.pw_name == "postgres" for user in pwd.getpwall()):
    pytest.skip("PostgreSQL does not run as root, and its user is not here", allow_module_level=True)

MODULES = (test_book, test_people, test_sayings)
TESTS = [
    (module, test)
    for module in MODULES
    for name, test in vars(module).items()
    if name.startswith("test_") and list(signature(test).parameters) == ["book"]
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of its own in a folder of its own, reached through a socket there."""
    # It refuses to run as root, and pytest's folders are closed to other users.
    owner = {"user": "postgres"} if os.geteuid() == 0 else {}

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd="/", **owner)  # type: ignore[call-overload]

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        data, log = f"{folder}/data", f"{folder}/log"
        run("initdb", "-D", data, "-U", "grader", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        run("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            yield f"postgresql://grader@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


@pytest.fixture
def book(url: str) -> Iterator[Gradebook]:
    """An empty gradebook."""
    with opened(url, now=lambda: test_sayings.AT) as gradebook:
        names = ", ".join(table.name for table in metadata.sorted_tables)
        engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        engine.dispose()
        yield gradebook


@pytest.mark.parametrize(("module", "test"), TESTS, ids=[test.__name__ for _, test in TESTS])
def test_it_holds_there(module: ModuleType, test: Callable[[Gradebook], None], book: Gradebook) -> None:
    if hasattr(module, "begin"):
        module.begin(book)
    test(book)


def test_two_writers_keep_each_result_once(url: str, book: Gradebook) -> None:
    book.enrol(roll(ANA), assignment())
    kept: list[bool] = []

    def write() -> None:
        with opened(url) as own:
            kept.extend(keep(own, ANA, f"content {number}") for number in range(10))

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (kept.count(True), kept.count(False)) == (10, 10)
    assert row(book).attempts == 10


def test_two_graders_make_the_tables_once(url: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    failed: list[Exception] = []

    def begin() -> None:
        try:
            with opened(url):
                pass
        except Exception as error:
            failed.append(error)

    graders = [threading.Thread(target=begin) for _ in range(3)]
    for grader in graders:
        grader.start()
    for grader in graders:
        grader.join()
    assert failed == []


def test_a_server_that_is_not_there_is_told() -> None:
    with (
        pytest.raises(UsageError, match=r"cannot be used: check that it runs") as caught,
        opened("postgresql://grader:secret@/nothing?host=/nowhere"),
    ):
        pass
    assert "secret" not in str(caught.value)
