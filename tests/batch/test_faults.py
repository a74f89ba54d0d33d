"""A class under faults: each is one clear line, nothing is lost or twice, and the next run goes on."""

from __future__ import annotations

import errno
import itertools
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from grader import cli
from tests.batch.faulty import ROOT, Run, Site, check_files, check_whole, new_site, until
from tests.batch.here import Here
from tests.batch.tiny_class import TinyDesk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


@pytest.fixture
def site() -> Iterator[Site]:
    with new_site() as site:
        yield site


def goes_on(site: Site, students: int, attempts: int | None = None) -> Run:
    """One more run, undisturbed, and everything that must hold after it."""
    run = site.tiny("--jobs", "2")
    assert run.ended() == 0, run.err
    check_whole(site, students, attempts)
    return run


def refused(run: Run, *words: str) -> None:
    """Status 2 and one line with these words in it."""
    assert run.ended() == 2, run.err
    assert all(word in run.complaint for word in words), run.complaint
    assert run.complaint.startswith("grade: ")


# ---------------------------------------------------------------- kill -9


def test_a_killed_grader_loses_nothing(site: Site) -> None:
    site.hand_in_some(6)
    site.hand_in(held_a="# Ex 1\nprint(1)\n", held_b="# Ex 1\nprint(2)\n")
    run = site.tiny("--jobs", "2")
    until(lambda: site.results() >= 3, "three are in the gradebook")
    run.kill()
    site.quiet()
    kept = site.results()
    site.release()
    last = goes_on(site, 8)
    assert 3 <= kept < 8 and f"{kept} known from an earlier run" in last.err


def test_a_killed_group_loses_nothing(site: Site) -> None:
    site.hand_in_some(2)
    site.hand_in(held_a="# Ex 1\nprint(1)\n")
    run = site.tiny("--jobs", "2")
    until(lambda: site.begun("held-a") and (site.out / "students").is_dir(), "a worker has it")
    run.kill_group()
    site.quiet()
    site.release()
    goes_on(site, 3)


def test_a_killed_worker_costs_nobody_anything(site: Site) -> None:
    site.hand_in_some(4)
    site.hand_in(held_a="# Ex 1\nprint(1)\n")
    run = site.tiny("--jobs", "1")
    until(lambda: site.begun("held-a"), "a worker has it")
    site.gate.with_name("held-a.begun").unlink()
    workers(run)[0].kill()
    until(lambda: site.begun("held-a"), "another worker has it")
    site.release()
    assert run.ended() == 0, run.err
    check_whole(site, 5)


def workers(run: Run) -> list[psutil.Process]:
    """What the process below the grader has forked."""
    return [process for process in run.family() if process.ppid() != run.process.pid]


def test_kernels_launchers_workers_and_graders_that_are_killed(site: Site) -> None:
    """With real kernels, each when something has just been kept."""
    site.hand_in_some(7)
    run = site.real("--jobs", "2")
    for count, which in enumerate((kernels, launchers, workers_of_launchers), start=1):
        until(lambda count=count, which=which: site.results() >= count and which(run), f"{which.__name__}")  # type: ignore[misc]
        which(run)[0].kill()
    until(lambda: site.results() >= 4, "four are in the gradebook")
    run.kill()
    site.quiet()
    run = site.real("--jobs", "2")
    assert run.ended() == 0, run.err
    check_whole(site, 7)


def launchers(run: Run) -> list[psutil.Process]:
    return [process for process in of_launchers(run) if not of_launcher(process.parent())]


def workers_of_launchers(run: Run) -> list[psutil.Process]:
    return [parent for launcher in launchers(run) if (parent := launcher.parent()) is not None]


def kernels(run: Run) -> list[psutil.Process]:
    return [process for process in of_launchers(run) if not process.children()]


def of_launchers(run: Run) -> list[psutil.Process]:
    return [process for process in run.family() if of_launcher(process)]


def of_launcher(process: psutil.Process | None) -> bool:
    try:
        return process is not None and "grader.launcher" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


# ---------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_says_how_to_go_on(site: Site, times: int) -> None:
    site.hand_in_some(4)
    site.hand_in(held_a="# Ex 1\nprint(1)\n", held_b="# Ex 1\nprint(2)\n")
    run = site.tiny("--jobs", "2")
    until(lambda: site.begun("held-a") and site.begun("held-b") and site.results() >= 4, "all are at work")
    for _ in range(times):
        os.killpg(run.process.pid, signal.SIGINT)
    assert run.ended() == 130
    assert run.complaint == (
        "grade: interrupted; what was graded is kept, and the same command goes on from there"
    )
    site.quiet()
    assert not list(site.temporary.iterdir())
    site.release()
    assert "4 known from an earlier run" in goes_on(site, 6).err


def test_ctrl_c_with_real_kernels(site: Site) -> None:
    site.hand_in_some(3)
    run = site.real("--jobs", "2")
    until(lambda: site.results() >= 1, "one is in the gradebook")
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.ended() == 130 and "interrupted" in run.complaint
    site.quiet()
    assert not list(site.temporary.iterdir())
    check_files(site.out)


# ---------------------------------------------------------------- a gradebook that cannot be used


def test_a_gradebook_that_is_locked_from_the_start(site: Site) -> None:
    site.hand_in_some(2)
    goes_on(site, 2)
    site.hand_in_some(3)
    with closing(sqlite3.connect(site.gradebook, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        refused(site.tiny(wait_s=0.1), "another program is writing to the gradebook", "try again")
    goes_on(site, 3)


def test_a_gradebook_that_is_locked_halfway(site: Site) -> None:
    site.hand_in_some(2)
    site.hand_in(held_a="# Ex 1\nprint(1)\n")
    run = site.tiny("--jobs", "2", wait_s=0.1)
    until(lambda: site.begun("held-a") and site.results() >= 2, "two are kept, one is at work")
    with closing(sqlite3.connect(site.gradebook, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        site.release()
        refused(run, "another program is writing to the gradebook")
    site.quiet()
    assert "2 known from an earlier run" in goes_on(site, 3).err


def test_a_damaged_gradebook_is_left_as_it_is(site: Site) -> None:
    site.hand_in_some(3)
    goes_on(site, 3)
    data = bytearray(site.gradebook.read_bytes())
    data[4096 * 3 : 4096 * 9] = b"\xa5" * (4096 * 6)
    site.gradebook.write_bytes(data)
    refused(site.tiny(), "damaged", "move it away and grade again")
    assert site.gradebook.read_bytes() == data
    site.gradebook.rename(site.root / "damaged.sqlite")
    goes_on(site, 3)


def test_a_clock_that_goes_back_changes_no_order(site: Site) -> None:
    site.hand_in_some(1)
    for attempt, clock in enumerate(("2030-01-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00"), start=1):
        site.hand_in(ana=f"# Ex 1\nprint({attempt})\n")
        assert site.tiny(clock=clock).ended() == 0
    check_whole(site, 2, attempts=3)
    row = json.loads((site.out / "class.json").read_text())["rows"][0]
    latest = json.loads((site.out / "students" / "ana.report.json").read_text())
    assert (row["key"], row["attempts"]) == ("ana", 2) and row["points"] == latest["points"]
    with closing(sqlite3.connect(site.gradebook)) as book:
        newest = book.execute("SELECT sha256 FROM attempts ORDER BY id DESC").fetchone()[0]
    assert latest["submission"]["sha256"] == newest


# ---------------------------------------------------------------- disks


DISK = """
import json, sys
from pathlib import Path
from grader.sandbox import calls
from grader import cli
from tests.batch.faulty import Site, check_whole
site = Site(Path(sys.argv[1]))
site.out.mkdir()
calls.unshare(calls.CLONE_NEWNS)
calls.mount(None, "/", None, calls.MS_REC | calls.MS_PRIVATE)
calls.mount("tmpfs", str(site.out), "tmpfs", 0, "size=8m")
"""
FULL = """
filler = site.out / "filler"
filler.write_bytes(bytes(7 << 20))
run = site.tiny("--jobs", "2")
print(run.ended(), run.complaint)
kept = site.results()
filler.unlink()
run = site.tiny("--jobs", "2")
print(run.ended(), run.err.strip(), kept)
check_whole(site, 30)
"""
READ_ONLY = """
calls.mount(None, str(site.out), None, calls.MS_REMOUNT | calls.MS_RDONLY)
run = site.tiny()
print(run.ended(), run.complaint)
"""

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk of its own")


def on_a_disk_of_its_own(site: Site, code: str) -> list[str]:
    """Lines that `code` prints, run in a mount namespace of its own."""
    command = [sys.executable, "-c", DISK + code, str(site.root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@only_root
def test_a_full_disk(site: Site) -> None:
    site.hand_in_some(30)
    full, later = on_a_disk_of_its_own(site, FULL)
    assert full.startswith("2 grade: ") and ("No space left" in full or "disk is full" in full), full
    kept = int(later.split()[-1])
    assert 0 < kept < 30 and later.startswith("0 ") and f"{kept} known from an earlier run" in later


@only_root
def test_an_output_that_is_read_only(site: Site) -> None:
    site.hand_in_some(2)
    (line,) = on_a_disk_of_its_own(site, READ_ONLY)
    assert line.startswith("2 grade: ") and "nothing can be written here (Read-only file system)" in line


# ---------------------------------------------------------------- at every write, one after another


@dataclass
class Trouble:
    """Happens at the n-th time that something is made sure to be on the disk."""

    at: int
    what: Callable[[], None]
    seen: int = 0

    def __call__(self, descriptor: int) -> None:
        self.seen += 1
        if self.seen == self.at:
            self.what()


def no_space() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def ctrl_c() -> None:
    raise KeyboardInterrupt


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[Site, Trouble], int]:
    """Runs the command here, at a tiny desk without workers; gives its exit status."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("grader.commands.whole_class.LocalWorkers", Here)
    monkeypatch.setattr("grader.commands.whole_class.GradingDesk", partial(TinyDesk, gate=Path("/none")))
    monkeypatch.setattr("grader.commands.whole_class.check_sandbox", lambda sandbox: None)
    monkeypatch.setattr("grader.commands.whole_class.launcher_for", lambda order: nullcontext())

    def run(site: Site, trouble: Trouble) -> int:
        monkeypatch.setattr(os, "fsync", trouble)
        monkeypatch.setattr(sys, "argv", ["grade", str(site.handed_in), "-o", str(site.out)])
        try:
            cli.main()
        except SystemExit as left:
            return int(left.code or 0)
        return 0

    return run


@pytest.mark.parametrize(
    ("what", "step", "status", "line"),
    [
        # Each file is made sure of twice, itself and its folder; three steps on is another file in another way.
        (no_space, 3, 2, "No space left on device"),
        (ctrl_c, 3, 130, "the same command goes on from there"),
        (die, 1, -signal.SIGKILL, ""),
    ],
)
def test_trouble_at_any_write(
    what: Callable[[], None],
    step: int,
    status: int,
    line: str,
    in_this_process: Callable[[Site, Trouble], int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """With the writes of a run that are waited for, one after another."""
    for at in itertools.count(1, step):
        with new_site() as site:
            site.hand_in_some(2)
            trouble = Trouble(at, what)
            capfd.readouterr()
            ended = in_a_fork(partial(in_this_process, site, trouble))
            said = capfd.readouterr().err
            if ended == 0:
                break
            assert ended == status and line in said and len(said.splitlines()) <= 1, (at, said)
            assert in_this_process(site, Trouble(0, what)) == 0
            check_whole(site, 2)
    assert at > 2 * (2 * 3 + 3)


def in_a_fork(run: Callable[[], int]) -> int:
    """The exit status of `run` in a copy of this process."""
    child = os.fork()
    if child == 0:
        os._exit(run())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# ---------------------------------------------------------------- many, and a monster


def test_a_thousand_tiny_submissions(site: Site) -> None:
    site.hand_in_folders(1000)
    began = processor_s()
    goes_on(site, 1000)
    assert processor_s() - began < 300
    # Kilobytes: the largest of all processes that ended by now, so not less than the grader's own.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1024**2


def processor_s() -> float:
    """CPU time of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_monster_costs_nobody_else_anything(site: Site) -> None:
    """One line of half a megabyte: what reads, keys, compares and shows it must not choke."""
    site.hand_in_some(9)
    site.hand_in(monster="# Ex 1\nx = [" + "1, " * (2**19 // 3) + "]\n")
    goes_on(site, 10)
