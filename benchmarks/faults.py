"""Fifty times something of a run is killed at a random moment: what is lost, what is twice, what is left?

python benchmarks/faults.py [--kills 50] [--students 40] [--jobs 2] [--seed 1] [--longest 3]

A class of tiny scripts is graded with real kernels into one folder. Again and again, up to `--longest` seconds after
there is one, a process is ended by `kill -9`: the grader, the whole process group, the process that workers are forked
from, a worker, a launcher, a keeper, a warden, or a kernel; as many of each as of any other. A grader that was killed
is started again with the same command, after a look for processes that outlive it; a class that is finished gets more
students. At last one run is left in peace, and everything is counted: results, attempts, files, processes, scratch.
Anything amiss ends the benchmark with an error.

`outlived` is how long the last process of a killed grader stayed, in seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sqlite3
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests' helpers

from tests.batch.faulty import Run, Site, check_whole, new_site

KINDS = ("grader", "group", "forkserver", "worker", "launcher", "keeper", "warden", "kernel")
_FINISH_S = 1800.0


def kind_of(process: psutil.Process) -> str:
    """What a process below the grader is, told by its command line and by who started it."""
    command, parent = " ".join(process.cmdline()), process.parent()
    above = " ".join(parent.cmdline()) if parent else ""
    if "grader.launcher" in command:
        return "launcher" if "grader.launcher" not in above else _in_lineage(process)
    if "multiprocessing.forkserver" in command:
        return "worker" if "multiprocessing.forkserver" in above else "forkserver"
    return ""


def _in_lineage(process: psutil.Process) -> str:
    depth = sum("grader.launcher" in " ".join(above.cmdline()) for above in process.parents())
    return {1: "keeper", 2: "warden", 3: "kernel"}.get(depth, "")


@dataclass
class Killing:
    """Kills by the dice."""

    site: Site
    dice: random.Random
    longest: float
    deck: list[str]
    counts: Counter[str] = field(default_factory=Counter)
    outlived: list[float] = field(default_factory=list)

    def until_over(self, run: Run) -> None:
        """Kill one after another, until the run is over or there were enough kills."""
        while self.deck and run.process.poll() is None:
            if self._found(run, self.deck[-1]):
                time.sleep(self.dice.uniform(0.0, self.longest))
                self._strike(run, self.deck[-1])

    def _found(self, run: Run, kind: str) -> list[psutil.Process]:
        if kind in ("grader", "group"):
            return [psutil.Process(run.process.pid)] if run.process.poll() is None else []
        return [process for process in run.family() if _is(process, kind)]

    def _strike(self, run: Run, kind: str) -> None:
        """Kill one of a kind, if there is one still."""
        if not (there := self._found(run, kind)):
            return
        if kind == "group":
            run.kill_group()
        else:
            with contextlib.suppress(psutil.NoSuchProcess):
                self.dice.choice(there).kill()
        self.counts[self.deck.pop()] += 1
        if kind in ("grader", "group"):
            run.process.wait()
            began = time.monotonic()
            self.site.quiet()
            self.outlived.append(time.monotonic() - began)


def _is(process: psutil.Process, kind: str) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return kind_of(process) == kind
    return False


def left_ungraded(site: Site) -> int:
    """Results that say NOT_GRADED: tries that lost two workers or kernels; later ones succeeded."""
    with contextlib.closing(sqlite3.connect(site.gradebook)) as book:
        return int(book.execute("SELECT count(*) FROM results WHERE status = 'not_graded'").fetchone()[0])


def deck_of(kills: int, dice: random.Random) -> list[str]:
    """As many of each kind as of any other, in any order."""
    deck = [KINDS[number % len(KINDS)] for number in range(kills)]
    dice.shuffle(deck)
    return deck


def killed(options: argparse.Namespace, site: Site) -> None:
    dice = random.Random(options.seed)
    killing = Killing(site, dice, options.longest, deck_of(options.kills, dice))
    students, runs, began = 0, 0, time.monotonic()
    while killing.deck:
        if site.results() >= students:
            site.hand_in_some(options.students, prefix=f"class{students}-")
            students += options.students
        run = site.real("--jobs", str(options.jobs))
        runs += 1
        killing.until_over(run)
    if run.process.poll() is None:
        run.ended(_FINISH_S)
    last = site.real("--jobs", str(options.jobs))
    status = last.ended(_FINISH_S)
    assert status == 0, f"status {status}: {last.err}"
    check_whole(site, students)
    report(killing, students, runs + 1, time.monotonic() - began, left_ungraded(site))


def report(killing: Killing, students: int, runs: int, seconds: float, ungraded: int) -> None:
    print("killed      times")
    for kind in KINDS:
        print(f"{kind:10} {killing.counts[kind]:6}")
    print(f"{'together':10} {sum(killing.counts.values()):6}")
    longest = max(killing.outlived, default=0.0)
    print(f"{students} submissions in {runs} runs and {seconds:.0f} s; outlived: {longest:.1f} s at most")
    print(f"{ungraded} tries ended as not graded, and were made again")
    print("nothing lost, nothing twice, nothing half-written, no process and no scratch left")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=3.0)
    with new_site() as site:
        killed(parser.parse_args(), site)


if __name__ == "__main__":
    main()
