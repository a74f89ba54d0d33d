"""One job against two: wall time of the same class, and what a job takes in memory.

python benchmarks/class_scaling.py [--copies 12] [--pairs 3] [--jobs 2] [--only time,memory] [NOTEBOOK…]

`time`: `grade` of the class with `--jobs 1` and with more, each from a cold start, in turns as to who goes first.
`gain` is the median of the pairs' ratios. What is done once for a class does not get faster by a second job, so each
pair also grades a class of half the size; `gain_further` is the ratio of what the other half took, for classes that are
so large that the start does not count.

`memory`: in further runs, every half second, PSS (the proportional part of what is shared, so that nothing counts
twice) of all processes that belong to the command, kernels included. `peak_mib` is the most that was seen, and
`job_mib` what a further job adds to it. Reading PSS takes CPU time, which is why these runs are not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psutil
from rivals.contender import require_all
from rivals.handed_in import NOTEBOOKS, HandedIn, a_class
from rivals.measure import activated
from rivals.ours import graded, ours

_EVERY_S = 0.5
_MIB = 2**20


def scaling(handed_in: Sequence[HandedIn], jobs: int, pairs: int) -> dict[str, object]:
    half, rows = handed_in[: len(handed_in) // 2], []
    for number in range(pairs):
        order = (jobs, 1) if number % 2 else (1, jobs)
        rows.append(
            {count: tuple(graded(part, count)[0].wall for part in (handed_in, half)) for count in order}
        )
    gains = [row[1][0] / row[jobs][0] for row in rows]
    further = [(row[1][0] - row[1][1]) / (row[jobs][0] - row[jobs][1]) for row in rows]
    return {
        "gain": round(statistics.median(gains), 2),
        "gains": [round(gain, 2) for gain in gains],
        "gain_further": round(statistics.median(further), 2),
        "gains_further": [round(gain, 2) for gain in further],
        "walls_s": {count: [round(row[count][0], 1) for row in rows] for count in (1, jobs)},
    }


def memory(handed_in: Sequence[HandedIn], jobs: int) -> list[float]:
    """MiB of the whole family, sample by sample. Raises Failed."""
    contender = ours(handed_in, jobs)
    with tempfile.TemporaryDirectory() as name, Path(name, "log.txt").open("w") as log:
        command = contender.lay_out(Path(name))
        environment = activated(contender.commands)
        process = subprocess.Popen(command, cwd=name, env=environment, stdout=log, stderr=subprocess.STDOUT)
        samples = []
        while process.returncode is None:
            samples.append(family_mib(process.pid))
            try:
                process.wait(_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
        require_all(handed_in, contender, Path(name))
    return samples


def family_mib(process: int) -> float:
    """PSS of a process and all that come from it; what has just ended counts for nothing."""
    total = 0
    try:
        first = psutil.Process(process)
        family = [first, *first.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for each in family:
        try:
            total += each.memory_full_info().pss
        except psutil.Error:
            continue
    return float(total) / _MIB


def memory_of_jobs(handed_in: Sequence[HandedIn], jobs: int) -> dict[str, object]:
    samples = {count: memory(handed_in, count) for count in (1, jobs)}
    peaks = {count: max(found) for count, found in samples.items()}
    return {
        "peak_mib": {count: round(peak) for count, peak in peaks.items()},
        "median_mib": {count: round(statistics.median(found)) for count, found in samples.items()},
        "job_mib": round((peaks[jobs] - peaks[1]) / (jobs - 1)),
        "samples": {count: len(found) for count, found in samples.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--copies", type=int, default=12, help="students in the class")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=lambda text: text.split(","), default=["time", "memory"])
    options = parser.parse_args()
    notebooks = options.notebooks or NOTEBOOKS
    if options.jobs < 2 or options.copies < 4 or options.copies % (2 * len(notebooks)):
        parser.error(f"--jobs must be at least 2, --copies at least 4 and a multiple of {2 * len(notebooks)}")
    handed_in = a_class(notebooks, options.copies)
    found: dict[str, object] = {
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "students": len(handed_in),
    }
    if "time" in options.only:
        found["time"] = scaling(handed_in, options.jobs, options.pairs)
    if "memory" in options.only:
        found["memory"] = memory_of_jobs(handed_in, options.jobs)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
