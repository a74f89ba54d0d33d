"""Each deed is tried in a forked child that holds itself first; its errno is what the test sees."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import termios
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.sandbox import calls, landlock
from grader.sandbox.landlock import Rules

OFFERED = landlock.abi()
SYSTEM = tuple(Path(path) for path in ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache"))
BROKEN = 255
"""Exit status of a child in which something else went wrong than an OSError."""

needs_landlock = pytest.mark.skipif(OFFERED < 1, reason="this kernel offers no Landlock")
Deed = Callable[[], object]


def since(abi: int) -> pytest.MarkDecorator:
    """The kernel has to have this version for the test."""
    return pytest.mark.skipif(abi > OFFERED, reason=f"needs Landlock {abi}, here is {OFFERED}")


def outcome(rules: Rules | None, deed: Deed, abi: int = 0) -> int:
    """The errno of a deed under the rules (None: free), in a child; 0 when it came to pass."""
    child = os.fork()
    if child == 0:
        os._exit(_attempt(rules, deed, abi))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _attempt(rules: Rules | None, deed: Deed, abi: int) -> int:
    with suppress(BaseException):
        if rules is not None:
            landlock.restrict(rules, abi)
        try:
            deed()
        except OSError as error:
            return error.errno or BROKEN
        return 0
    return BROKEN


def run(*command: str | Path) -> None:
    """Execute a program; EPERM stands for a failure of its."""
    if subprocess.run(command, capture_output=True).returncode:
        raise OSError(errno.EPERM, "the program failed")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def ground(tmp_path: Path) -> Path:
    """Four folders with a file in each: two to write in, one to read, one outside."""
    for name in ("work", "home", "shown", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


@pytest.fixture
def rules(ground: Path) -> Rules:
    return Rules(read=(*SYSTEM, ground / "shown"), write=(ground / "work", ground / "home"))


@pytest.fixture
def listener() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


# ---------------------------------------------------------------- files


@needs_landlock
@pytest.mark.parametrize("abi", range(1, OFFERED + 1))
def test_outside_nothing_is_read_listed_or_written(rules: Rules, ground: Path, abi: int) -> None:
    outside = ground / "outside"
    deeds: list[Deed] = [
        (outside / "file").read_text,
        lambda: names(outside),
        lambda: names(ground),
        lambda: (outside / "file").write_text("x"),
        lambda: (outside / "new").write_text("x"),
        (outside / "new").mkdir,
        (outside / "file").unlink,
        lambda: os.mkfifo(outside / "pipe"),
        lambda: socket.socket(socket.AF_UNIX).bind(str(outside / "socket")),
        lambda: (outside / "link").symlink_to("/"),
    ]
    assert [outcome(rules, deed, abi) for deed in deeds] == [errno.EACCES] * len(deeds)
    assert (outside / "file").read_text() == "outside"


@needs_landlock
@pytest.mark.parametrize("abi", range(1, OFFERED + 1))
def test_what_may_be_read_is_listed_and_executed_but_not_written(
    rules: Rules, ground: Path, abi: int
) -> None:
    shown = ground / "shown"
    program = shutil.copy("/bin/true", shown / "true")
    allowed: list[Deed] = [(shown / "file").read_text, lambda: names(shown), lambda: run(program)]
    refused: list[Deed] = [
        lambda: (shown / "file").write_text("x"),
        lambda: (shown / "new").write_text("x"),
        (shown / "file").unlink,
    ]
    assert [outcome(rules, deed, abi) for deed in allowed] == [0, 0, 0]
    assert [outcome(rules, deed, abi) for deed in refused] == [errno.EACCES] * 3


@needs_landlock
@pytest.mark.parametrize("abi", range(1, OFFERED + 1))
def test_in_a_tree_to_write_in_everything_goes_but_device_nodes(rules: Rules, ground: Path, abi: int) -> None:
    work = ground / "work"

    def everything() -> None:
        (work / "new").write_text("long")
        with (work / "new").open("r+") as file:
            file.truncate(2)
        os.truncate(work / "new", 1)
        (work / "folder").mkdir()
        (work / "link").symlink_to("new")
        os.mkfifo(work / "pipe")
        with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
            server.bind(str(work / "socket"))
            server.listen()
            client.connect(str(work / "socket"))
        (work / "new").rename(work / "newer")
        shutil.rmtree(work / "folder")
        assert names(work) == ["file", "link", "newer", "pipe", "socket"]

    assert outcome(rules, everything, abi) == 0
    null = Path("/dev/null").stat().st_rdev
    make_device = lambda: os.mknod(work / "null", stat.S_IFCHR | 0o600, null)  # noqa: E731 - a deed
    assert outcome(rules, make_device, abi) == errno.EACCES


@since(2)
def test_files_move_between_trees_to_write_in(rules: Rules, ground: Path) -> None:
    move = lambda: (ground / "work" / "file").rename(ground / "home" / "moved")  # noqa: E731 - a deed
    assert outcome(rules, move, abi=1) == errno.EXDEV
    assert outcome(rules, move) == 0
    assert (ground / "home" / "moved").read_text() == "work"


@needs_landlock
@pytest.mark.parametrize("abi", range(1, OFFERED + 1))
def test_nothing_is_linked_or_moved_across_the_border(rules: Rules, ground: Path, abi: int) -> None:
    work, outside, shown = ground / "work", ground / "outside", ground / "shown"
    deeds: list[Deed] = [
        lambda: (work / "file").rename(outside / "moved"),
        lambda: (outside / "file").rename(work / "moved"),
        lambda: (work / "link").hardlink_to(outside / "file"),
        lambda: (work / "link").hardlink_to(shown / "file"),
    ]
    assert {outcome(rules, deed, abi) for deed in deeds} <= {errno.EACCES, errno.EXDEV}


@needs_landlock
@pytest.mark.parametrize("abi", range(1, OFFERED + 1))
def test_a_symlink_gives_nothing(rules: Rules, ground: Path, abi: int) -> None:
    link = ground / "work" / "link"
    link.symlink_to(ground / "outside")
    for deed in (
        (link / "file").read_text,
        lambda: (link / "file").write_text("x"),
        lambda: names(link),
    ):
        assert outcome(rules, deed, abi) == errno.EACCES


@since(3)
def test_truncating_outside(rules: Rules, ground: Path) -> None:
    empty = lambda: os.truncate(ground / "outside" / "file", 0)  # noqa: E731 - a deed
    assert outcome(rules, empty) == errno.EACCES
    assert (ground / "outside" / "file").read_text() == "outside"
    assert outcome(rules, empty, abi=2) == 0


@needs_landlock
@pytest.mark.parametrize("abi", range(1, OFFERED + 1))
def test_single_files_get_what_files_can_have(ground: Path, abi: int) -> None:
    shown, work, listed = ground / "shown" / "file", ground / "work" / "file", ground / "home" / "file"
    rules = Rules(read=(shown,), write=(work,), devices=(Path("/dev/null"),), listed=(listed,))
    assert outcome(rules, shown.read_text, abi) == 0
    assert outcome(rules, lambda: work.write_text("x"), abi) == 0
    assert outcome(rules, lambda: Path("/dev/null").write_text("x"), abi) == 0
    assert outcome(rules, listed.read_text, abi) == errno.EACCES
    assert outcome(rules, lambda: names(ground / "shown"), abi) == errno.EACCES


@needs_landlock
def test_listing_is_not_reading(ground: Path) -> None:
    rules = Rules(listed=(ground,))
    assert outcome(rules, lambda: names(ground / "outside")) == 0
    assert outcome(rules, (ground / "outside" / "file").read_text) == errno.EACCES


@needs_landlock
@pytest.mark.parametrize("abi", range(1, OFFERED + 1))
def test_a_device_is_not_executed(ground: Path, abi: int) -> None:
    program = Path(shutil.copy("/bin/true", ground / "work" / "true"))
    rules = Rules(read=SYSTEM, devices=(program,))
    assert outcome(rules, program.read_bytes, abi) == 0
    assert outcome(rules, lambda: run(program), abi) == errno.EACCES


@needs_landlock
def test_what_is_missing_is_skipped(ground: Path) -> None:
    rules = Rules(read=(ground / "gone", ground / "shown" / "file" / "gone", ground / "shown"))
    assert outcome(rules, (ground / "shown" / "file").read_text) == 0


# ---------------------------------------------------------------- what is not a file


@since(4)
def test_tcp(rules: Rules, listener: tuple[str, int]) -> None:
    def connect() -> None:
        with socket.socket() as client:
            client.connect(listener)

    bind = lambda: socket.create_server(("127.0.0.1", 0)).close()  # noqa: E731 - a deed
    assert (outcome(rules, connect), outcome(rules, bind)) == (errno.EACCES, errno.EACCES)
    assert (outcome(rules, connect, abi=3), outcome(rules, bind, abi=3)) == (0, 0)


@since(5)
def test_ioctl_needs_a_device_among_the_devices() -> None:
    def ask() -> None:
        with Path("/dev/null").open("rb") as device:
            fcntl.ioctl(device, termios.TIOCGWINSZ, bytes(8))

    null = (Path("/dev/null"),)
    # ENOTTY is the device's own answer: the question was let through.
    assert outcome(Rules(read=null), ask) == errno.EACCES
    assert outcome(Rules(read=null), ask, abi=4) == errno.ENOTTY
    assert outcome(Rules(devices=null), ask) == errno.ENOTTY
    assert outcome(Rules(devices=(Path("/dev"),)), ask) == errno.ENOTTY


@needs_landlock
def test_a_pseudo_terminal_from_devices() -> None:
    assert outcome(Rules(devices=(Path("/dev/ptmx"), Path("/dev/pts"))), os.openpty) == 0


@since(6)
def test_abstract_sockets(rules: Rules) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        # An empty name lets the kernel choose a free abstract one.
        server.bind("")
        server.listen()
        name = server.getsockname()

        def connect() -> None:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(name)

        assert outcome(rules, connect) == errno.EPERM
        assert outcome(rules, connect, abi=5) == 0


@since(6)
def test_signals(rules: Rules) -> None:
    outside = os.getpid()

    def stop_own_child() -> None:
        child = os.fork()
        if child == 0:
            signal.pause()
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

    assert outcome(rules, lambda: os.kill(outside, signal.SIGCONT)) == errno.EPERM
    assert outcome(rules, lambda: os.kill(outside, signal.SIGCONT), abi=5) == 0
    assert outcome(rules, stop_own_child) == 0


@pytest.fixture
def neighbour() -> Iterator[Path]:
    """/proc of a process outside, by the same user and as powerless as one who looks."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            calls.drop_capabilities()
            os.write(tell, b"x")
            signal.pause()
        os._exit(BROKEN)
    os.close(tell)
    assert os.read(ready, 1) == b"x"
    os.close(ready)
    yield Path(f"/proc/{child}")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@needs_landlock
@pytest.mark.parametrize("name", ["environ", "maps", "mem", "auxv"])
def test_memory_of_others_is_not_shown_with_proc(neighbour: Path, name: str) -> None:
    """Capabilities go first, as in the sandbox: CAP_PERFMON reads all but `mem` in spite of Landlock."""

    def look() -> None:
        calls.drop_capabilities()
        (neighbour / name).open("rb").close()

    assert outcome(Rules(read=(Path("/proc"),)), look) == errno.EACCES
    assert outcome(None, look) == 0


# ---------------------------------------------------------------- who is held


@needs_landlock
def test_children_and_other_programs_stay_held(rules: Rules, ground: Path) -> None:
    assert outcome(rules, lambda: run("/bin/cat", ground / "shown" / "file")) == 0
    assert outcome(rules, lambda: run("/bin/cat", ground / "outside" / "file")) == errno.EPERM


@needs_landlock
def test_nobody_gains_privileges_afterwards() -> None:
    def ask() -> None:
        assert "NoNewPrivs:\t1" in Path("/proc/self/status").read_text()

    assert outcome(Rules(read=(Path("/proc"),)), ask) == 0


@needs_landlock
def test_a_ruleset_prepared_before_the_fork_holds_who_enforces_it(rules: Rules, ground: Path) -> None:
    ruleset = landlock.prepare(rules, OFFERED)

    def look() -> None:
        ruleset.enforce()
        names(ground / "outside")

    assert outcome(None, look) == errno.EACCES
    ruleset.close()
    assert names(ground / "outside") == ["file"]


@needs_landlock
def test_rulesets_add_up(rules: Rules, ground: Path) -> None:
    def look() -> None:
        landlock.restrict(Rules(read=(ground,)))
        names(ground / "outside")

    assert outcome(rules, look) == errno.EACCES


@needs_landlock
def test_no_descriptor_is_left(rules: Rules) -> None:
    def count() -> int:
        return len(names(Path("/proc/self/fd")))

    before = count()
    landlock.prepare(rules, OFFERED).close()
    with pytest.raises(ValueError):
        landlock.prepare(Rules(read=(Path("\0"),)), OFFERED)
    assert count() == before


@needs_landlock
def test_no_version_is_an_error() -> None:
    with pytest.raises(OSError):
        landlock.prepare(Rules(), 0)


@pytest.mark.parametrize("refusal", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_a_kernel_without_it(monkeypatch: pytest.MonkeyPatch, refusal: int) -> None:
    def refuse(*_: object) -> int:
        raise OSError(refusal, "refused")

    monkeypatch.setattr(landlock, "_call", refuse)
    assert landlock.abi() == 0
    with pytest.raises(OSError):
        landlock.restrict(Rules())


def test_newer_versions_promise_more() -> None:
    left = [len(landlock.promises(abi)) for abi in range(8)]
    assert left == sorted(left, reverse=True)
    assert "TCP" in landlock.promises(3)
    assert "TCP" not in landlock.promises(4)
    assert "sockets with a path" in landlock.promises(7)


# ---------------------------------------------------------------- everything but


@pytest.fixture
def library(tmp_path: Path) -> Path:
    library = tmp_path / "library"
    for name in ("numpy/core", "grader/check", "torch"):
        (library / name).mkdir(parents=True)
        (library / name / "code").write_text(name)
    (library / "six").write_text("six")
    (library / "back").symlink_to("grader")
    return library


def test_everything_but_one_folder(library: Path) -> None:
    shown = landlock.without(library, (library / "grader",))
    assert [path.name for path in shown] == ["numpy", "six", "torch"]


def test_everything_but_something_deep(library: Path) -> None:
    shown = landlock.without(library.parent, (library / "grader" / "check", library / "torch" / "code"))
    names = {str(path.relative_to(library)) for path in shown if path.is_relative_to(library)}
    assert names == {"numpy", "six"}
    assert not any(library.is_relative_to(path) for path in shown)


def test_nothing_hidden_is_one_tree(library: Path) -> None:
    assert landlock.without(library, (library.parent / "elsewhere",)) == (library,)
    assert landlock.without(library, ()) == (library,)


@pytest.mark.parametrize("hidden", [".", ".."])
def test_a_tree_hidden_as_a_whole(library: Path, hidden: str) -> None:
    assert landlock.without(library, (library / hidden,)) == ()


def test_hidden_by_another_name(library: Path) -> None:
    assert landlock.without(library, (library / "back",)) == landlock.without(library, (library / "grader",))
    alias = library.parent / "alias"
    alias.symlink_to(library)
    assert landlock.without(alias, (library / "grader",)) == landlock.without(library, (library / "grader",))


def test_a_tree_that_is_not_there(tmp_path: Path) -> None:
    assert landlock.without(tmp_path / "gone", (tmp_path / "gone" / "grader",)) == ()


@needs_landlock
def test_the_hidden_stays_dark_beside_what_is_shown(library: Path) -> None:
    rules = Rules(read=landlock.without(library, (library / "grader",)))
    assert outcome(rules, (library / "numpy" / "core" / "code").read_text) == 0
    assert outcome(rules, (library / "six").read_text) == 0
    for name in ("grader/check/code", "back/check/code"):
        assert outcome(rules, (library / name).read_text) == errno.EACCES
    assert outcome(rules, lambda: names(library / "grader")) == errno.EACCES


PLACES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)


@settings(max_examples=40, deadline=None)
@given(places=st.sets(PLACES, min_size=1), hidden=st.sets(PLACES, max_size=3))
def test_shown_is_what_is_not_hidden(places: set[str], hidden: set[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        files = [root / place / "file" for place in places]
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        dark = [root / place for place in hidden]
        shown = landlock.without(root, tuple(dark))
        for file in files:
            seen = any(file.is_relative_to(path) for path in shown)
            assert seen is not any(file.is_relative_to(path) for path in dark)
