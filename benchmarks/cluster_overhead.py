"""What a cluster adds to a submission: the same notebooks by Dask workers and by local ones, in turns.

python benchmarks/cluster_overhead.py [--workers 1,2,4] [--copies 12] [--rounds 3] [NOTEBOOK]

A scheduler and its workers are processes of this machine, so nothing travels over a wire that is slow; everything else
is as on a cluster: files packed and sent by value, desks opened on workers, results sent back. `seconds` is what one
submission keeps one worker busy, from the moment when each has answered once (imports, launchers and desks are done by
then) to the last answer: (last − first) × workers ÷ answers in between. `overhead` is the Dask engine's over the local
one's, the median of the rounds' ratios − 1. With more workers than cores both engines wait for cores, and the ratio
alone means something. `coordinator_ms` is CPU time of the coordinator's own process per submission.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.api import configured
from grader.batch.cluster import DaskWorkers
from grader.batch.desk import GradingDesk
from grader.batch.local import LocalWorkers
from grader.batch.order import Order
from grader.batch.task import Engine, Task

NOTEBOOK = Path(__file__).resolve().parents[1] / "reference" / "solution.ipynb"
_PATIENCE_S = 600.0


@dataclass(frozen=True)
class Took:
    """Per submission."""

    seconds: float
    coordinator_ms: float


def took(engine: Engine, tasks: list[Task], workers: int) -> Took:
    answered, began = [], 0.0
    for task, worked in engine.run(tasks, lambda task: None):
        if worked.grade is None:
            raise SystemExit(f"{task.path.name}: {worked.problem}")
        answered.append(time.perf_counter())
        if len(answered) == workers:
            began = time.process_time()
    further = len(answered) - workers
    seconds = (answered[-1] - answered[workers - 1]) * workers / further
    return Took(seconds, 1000 * (time.process_time() - began) / further)


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Address of a scheduler with so many workers."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        told = Path(folder, "scheduler.json")

        def start(kind: str, *options: str) -> None:
            command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *options]
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            running.callback(process.wait)
            running.callback(process.terminate)

        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told))
        for _ in range(workers):
            start("worker", "--scheduler-file", str(told), "--nthreads", "1", "--local-directory", folder)
        while not told.exists():
            time.sleep(0.1)
        yield json.loads(told.read_text(encoding="utf-8"))["address"]


def by_dask(desk: GradingDesk, tasks: list[Task], workers: int) -> Took:
    with cluster(workers) as address, DaskWorkers(desk, address, patience_s=_PATIENCE_S) as engine:
        return took(engine, tasks, workers)


def by_local(desk: GradingDesk, tasks: list[Task], workers: int) -> Took:
    with LocalWorkers(desk, workers, patience_s=_PATIENCE_S) as engine:
        return took(engine, tasks, workers)


def row(desk: GradingDesk, tasks: list[Task], workers: int, rounds: int) -> dict[str, object]:
    pairs = []
    for number in range(rounds):
        order = (by_dask, by_local) if number % 2 else (by_local, by_dask)
        times = {engine: engine(desk, tasks, workers) for engine in order}
        pairs.append((times[by_dask], times[by_local]))
    ratios = [dask.seconds / local.seconds - 1 for dask, local in pairs]
    return {
        "workers": workers,
        "dask_s": round(statistics.median(dask.seconds for dask, _ in pairs), 2),
        "local_s": round(statistics.median(local.seconds for _, local in pairs), 2),
        "overhead": round(statistics.median(ratios), 3),
        "overheads": [round(ratio, 3) for ratio in ratios],
        "dask_coordinator_ms": round(statistics.median(dask.coordinator_ms for dask, _ in pairs), 1),
        "local_coordinator_ms": round(statistics.median(local.coordinator_ms for _, local in pairs), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook", nargs="?", type=Path, default=NOTEBOOK)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--copies", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    counts = [int(count) for count in options.workers.split(",")]
    if options.copies <= max(counts):
        raise SystemExit("--copies must be more than there are workers")
    print(
        json.dumps({"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()[0]})
    )
    desk = GradingDesk(Order(configured(None), keep_evidence=True))
    with tempfile.TemporaryDirectory() as folder:
        tasks = []
        for number in range(options.copies):
            path = Path(folder, str(number), options.notebook.name)
            path.parent.mkdir()
            shutil.copyfile(options.notebook, path)
            tasks.append(Task(number, path, 1.0))
        for workers in counts:
            print(json.dumps(row(desk, tasks, workers, options.rounds)), flush=True)


if __name__ == "__main__":
    main()
