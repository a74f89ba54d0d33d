"""What the recorder adds to training loops: the loops of the reference, and two more in the manner of students.

python benchmarks/recorder_overhead.py [--pairs 9] [--profile NAME]

Each pair is two fresh processes, forked one after the other from a parent that has imported torch: one runs the
cells recorded, one unrecorded, in turns as to who goes first. Seconds are CPU time of the process, so that other
work on the machine counts less; what happens after the loop's cell (writing down what was seen) stands apart.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import gc
import io
import json
import multiprocessing
import os
import platform
import pstats
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parent / "reference"
LOOPS = HERE / "loops"
REPEATS = {"Ex 5": 4, "Ex 7": 1, "Ex 9": 4, "mini-batches": 1, "tiny steps": 1}
"""Short loops are run several times in one process, in cells of their own, and their times added."""


def cells(path: Path) -> list[str]:
    """The code cells of a percent script."""
    parts = path.read_text(encoding="utf-8").split("# %%")[1:]
    return [part.strip() for part in parts if not part.startswith(" [markdown]") and part.strip()]


def workloads() -> dict[str, tuple[list[str], str]]:
    """Name → cells that lead there, and the cell with the loop."""
    circles = [cells(REFERENCE / "ex1.py")[0]] + [
        cell for number in (2, 3, 4) for cell in cells(REFERENCE / f"ex{number}.py")
    ]
    fifth, bent, seventh = (cells(REFERENCE / f"ex{number}.py") for number in (5, 6, 7))
    evaluate = fifth[0].split("epochs = ")[0]
    ninth = cells(REFERENCE / "ex9.py")
    return {
        "Ex 5": (circles, fifth[0]),
        "Ex 7": ([*circles, evaluate, *bent], seventh[0]),
        "Ex 9": ([*circles, *ninth[:2]], ninth[2]),
        **{
            name: (cells(LOOPS / file)[:-1], cells(LOOPS / file)[-1])
            for name, file in (("mini-batches", "lab_minibatch.py"), ("tiny steps", "tiny_steps.py"))
        },
    }


def measured(name: str, recorded: bool, profile: bool = False) -> dict[str, float]:
    """CPU seconds in the loop's cells, and in what the recorder does after them; run in a process of its own."""
    import torch
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from grader.record.recorder import Recorder

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings = Config()
    settings.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=settings)
    clock = _Clock(profile)
    before, loop = workloads()[name]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        shell.events.register("post_run_cell", clock.ended)
        if recorded:
            Recorder(Path(folder), {"seed": 42}).install(shell)
        else:
            torch.manual_seed(42)
        shell.events.register("pre_run_cell", clock.began)
        for cell in before:
            shell.run_cell(cell).raise_error()
        clock.reset()
        for _ in range(REPEATS[name]):
            shell.run_cell(loop).raise_error()
            clock.closed()
    if profile:
        pstats.Stats(clock.profile).sort_stats("tottime").print_stats(25)
    return {"loop": clock.inside, "after": clock.after}


class _Clock:
    def __init__(self, profile: bool) -> None:
        self.profile = cProfile.Profile()
        self._profiling = profile
        self.reset()

    def reset(self) -> None:
        self.inside = self.after = self._mark = 0.0

    def began(self, info: Any) -> None:
        if self._profiling:
            self.profile.enable()
        self._mark = time.process_time()

    def ended(self, result: Any) -> None:
        now = time.process_time()
        self.profile.disable()
        self.inside += now - self._mark
        self._mark = now

    def closed(self) -> None:
        self.after += time.process_time() - self._mark


def in_child(name: str, recorded: bool) -> dict[str, float]:
    """`measured`, in a process forked for it."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            sender.send(measured(name, recorded))
            status = 0
        finally:
            os._exit(status)
    os.waitpid(child, 0)
    if not receiver.poll():
        raise RuntimeError(f"the process that measured {name!r} ended without an answer")
    return receiver.recv()


def paired(name: str, pairs: int) -> dict[str, float]:
    """Medians over the pairs."""
    ratios, whole, plain, after = [], [], [], []
    for number in range(pairs):
        order = (True, False) if number % 2 else (False, True)
        results = {recorded: in_child(name, recorded) for recorded in order}
        with_recorder, without = results[True], results[False]
        ratios.append(with_recorder["loop"] / without["loop"])
        whole.append((with_recorder["loop"] + with_recorder["after"]) / (without["loop"] + without["after"]))
        plain.append(without["loop"] / REPEATS[name])
        after.append(with_recorder["after"] / REPEATS[name])
    return {
        "loop_s": round(statistics.median(plain), 3),
        "ratio": round(statistics.median(ratios), 3),
        "lowest": round(min(ratios), 3),
        "highest": round(max(ratios), 3),
        "after_cell_ms": round(1000 * statistics.median(after), 1),
        "ratio_with_after": round(statistics.median(whole), 3),
    }


def _parent() -> None:
    """Import what children need; nothing here starts a thread."""
    import IPython.core.interactiveshell  # noqa: F401 - for the children
    import matplotlib.pyplot
    import sklearn.datasets  # noqa: F401 - for the children
    import torch  # noqa: F401 - for the children

    import grader.record.recorder  # noqa: F401 - for the children

    matplotlib.use("agg")
    # As the launcher does before it forks: a collection would otherwise walk through all of torch, in either case.
    gc.collect()
    gc.freeze()
    warnings.simplefilter("ignore")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--only", choices=list(REPEATS), action="append")
    parser.add_argument(
        "--profile", choices=list(REPEATS), help="show where one recorded run spends its time"
    )
    options = parser.parse_args()
    _parent()
    if options.profile:
        print(measured(options.profile, recorded=True, profile=True))
        return
    import torch

    print(
        json.dumps({"python": platform.python_version(), "torch": torch.__version__, "pairs": options.pairs})
    )
    for name in options.only or REPEATS:
        print(json.dumps({"loop": name, **paired(name, options.pairs)}), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    main()
