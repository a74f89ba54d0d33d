"""How fast a class is graded, beside nbgrader and Otter: the same notebooks, the same cores, in turns.

python benchmarks/class_throughput.py [--copies 12] [--jobs 2] [--rounds 3] [--only ours,nbgrader,otter] [NOTEBOOK…]

A class of so many students is made from the notebooks (default: the example and the reference): each gets a copy with
a comment of its own, so that nothing is known from before. In every round each tool grades the whole class from a cold
start, as its users would; who begins changes from round to round. nbgrader and Otter run one after another, as their
manuals say, and again as several processes, as many as `--jobs`. Laying the class out and reading the scores is
outside the clock. A tool that leaves a student without a score, or did not execute them, ends the benchmark.

All get one thread each. A cell may take as long as our assignment allows (`otter run` knows no limit). Ours does
more meanwhile: it seals every student off, looks for mistakes, writes reports and evidence, compares all students with
each other (and copies of two notebooks are all alike, the worst case), and makes the class page. The others run
asserts.

`share` is the mean of points reached ÷ possible, to see that nobody was fast by failing. The first run sets the
rivals' environments up (`--environments`), which takes minutes and some gigabytes. Wall and CPU seconds include all
processes; ratios are of the same round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rivals.contender import Contender, require_all
from rivals.environments import default_place, environment
from rivals.handed_in import NOTEBOOKS, HandedIn, a_class
from rivals.measure import Used, measured
from rivals.nbgrader_course import REQUIREMENT as NBGRADER
from rivals.nbgrader_course import nbgrader
from rivals.otter_course import REQUIREMENT as OTTER
from rivals.otter_course import otter
from rivals.ours import ours

from grader.api import configured


def contenders(options: argparse.Namespace, handed_in: Sequence[HandedIn]) -> list[Contender]:
    """Ours first, then those that were asked for."""
    limit = round(configured(None).limits.cell_s)
    processes = sorted({1, options.jobs})
    found = [ours(handed_in, options.jobs)]
    if "nbgrader" in options.only:
        commands = environment(options.environments, "nbgrader", NBGRADER)
        found += [nbgrader(commands, handed_in, limit, count) for count in processes]
    if "otter" in options.only:
        commands = environment(options.environments, "otter", OTTER)
        found += [otter(commands, handed_in, count) for count in processes]
    return found


def once(contender: Contender, handed_in: Sequence[HandedIn], kept: Path | None) -> tuple[Used, float]:
    """What it took, and the mean share of points. Raises Failed where a student has no score."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = contender.lay_out(folder)
        try:
            used = measured(command, folder, contender.commands)
            shares = require_all(handed_in, contender, folder)
        finally:
            if kept is not None:
                shutil.copytree(folder, kept / contender.name, dirs_exist_ok=True)
    return used, statistics.mean(shares.values())


def in_rounds(
    tools: Sequence[Contender], handed_in: Sequence[HandedIn], options: argparse.Namespace
) -> dict[str, list[tuple[Used, float]]]:
    results: dict[str, list[tuple[Used, float]]] = {tool.name: [] for tool in tools}
    for number in range(options.rounds):
        turn = number % len(tools)
        for tool in [*tools[turn:], *tools[:turn]]:
            used, share = once(tool, handed_in, options.keep)
            print(f"round {number + 1}: {tool.name}: {used.wall:.1f} s", file=sys.stderr)
            results[tool.name].append((used, share))
    return results


def summary(results: dict[str, list[tuple[Used, float]]], count: int) -> dict[str, dict[str, object]]:
    """Ratios are a rival's wall time ÷ ours in the same round: how many times faster a class is graded."""
    reference = [used.wall for used, _ in next(iter(results.values()))]
    table = {}
    for name, rounds in results.items():
        walls = [used.wall for used, _ in rounds]
        ratios = [wall / mine for wall, mine in zip(walls, reference, strict=True)]
        table[name] = {
            "wall_s": round(statistics.median(walls), 1),
            "walls_s": [round(wall, 1) for wall in walls],
            "per_minute": round(60 * count / statistics.median(walls), 1),
            "cpu_s": round(statistics.median(used.cpu for used, _ in rounds), 1),
            "share": round(statistics.mean(share for _, share in rounds), 3),
            "ratio": round(statistics.median(ratios), 2),
            "ratios": [round(min(ratios), 2), round(max(ratios), 2)],
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--copies", type=int, default=12, help="students in the class, at least 2")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", type=lambda text: text.split(","), default=["ours", "nbgrader", "otter"])
    parser.add_argument("--environments", type=Path, default=default_place())
    parser.add_argument("--keep", type=Path, help="a folder for what the tools left, of the last round")
    options = parser.parse_args()
    handed_in = a_class(options.notebooks or NOTEBOOKS, options.copies)
    load = os.getloadavg()[0]
    results = in_rounds(contenders(options, handed_in), handed_in, options)
    about = {"python": platform.python_version(), "load": round(load, 1), "cores": os.cpu_count()}
    print(json.dumps({**about, "students": len(handed_in), **summary(results, len(handed_in))}))


if __name__ == "__main__":
    main()
