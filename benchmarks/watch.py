"""How long a student waits after a save: `grade watch`, driven as an editor drives it.

python benchmarks/watch.py [--rounds 5] [--pause 10] [--exercise 9] [FILE]

FILE (default: the example) is copied into a folder of its own and watched. Each round saves it twice, a comment added
each time: to its first code cell, after which everything runs, and to the first cell of the exercise, after which
what comes before it may have run already. Seconds are from the save to the last line of the answer. `--pause` is how
long the student thinks between two saves. The load of the machine is told, as it decides what a second means.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grader.api import configured
from grader.evidence.before import markers_of
from grader.load.submission import load_submission

ROOT = Path(__file__).resolve().parents[1]
DONE = "waiting for the next save"
AHEAD = re.compile(r"(\d+) unchanged cells")
PATIENCE_S = 300.0


@contextmanager
def watched(file: Path) -> Iterator[Iterator[str]]:
    """The command's lines as they come."""
    command = [
        sys.executable,
        "-u",
        "-m",
        "grader.cli",
        "watch",
        str(file),
        "--out",
        str(file.parent / "out"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield iter(process.stdout)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)


def answer(lines: Iterator[str]) -> str:
    """The last line of one answer."""
    return next(line for line in lines if DONE in line)


def saved(file: Path, notebook: dict[str, Any]) -> None:
    """As an editor saves: a new file in the place of the old one."""
    fresh = file.with_name(".saving")
    fresh.write_text(json.dumps(notebook), encoding="utf-8")
    fresh.replace(file)


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]


def first_cell_of(file: Path, exercise: int) -> int:
    """Its number; the last code cell where no marker tells."""
    submission = load_submission(file)
    of = markers_of(submission, configured(None))
    return min(
        (cell for cell, number in of.items() if number == exercise), default=len(submission.code_cells)
    )


def edited(file: Path, number: int, text: str) -> None:
    """Save the file with a comment at the end of a code cell."""
    notebook = json.loads(file.read_text(encoding="utf-8"))
    cell = code_cells(notebook)[number - 1]
    cell["source"] = "".join(cell["source"]) + f"\n# {text}"
    saved(file, notebook)


def timed_edit(file: Path, number: int, text: str, lines: Iterator[str]) -> tuple[float, int]:
    """Seconds to the answer, and how many cells had been run before."""
    began = time.perf_counter()
    edited(file, number, text)
    said = AHEAD.search(answer(lines))
    return time.perf_counter() - began, int(said[1]) if said else 0


def measured(file: Path, place: int, rounds: int, pause: float) -> dict[str, Any]:
    everything, from_place, ahead = [], [], []
    with watched(file) as lines:
        began = time.perf_counter()
        answer(lines)
        first = time.perf_counter() - began
        for number in range(rounds):
            time.sleep(pause)
            everything.append(timed_edit(file, 1, f"round {number}", lines)[0])
            # The save that moves the place of work, which nothing was run ahead for.
            time.sleep(pause)
            timed_edit(file, place, f"moved in round {number}", lines)
            time.sleep(pause)
            seconds, cells = timed_edit(file, place, f"round {number}", lines)
            from_place.append(seconds)
            ahead.append(cells)
    return {
        "first_s": round(first, 2),
        "whole_lab_s": summary(everything),
        "from_its_cells_s": summary(from_place),
        "cells_run_ahead": ahead,
    }


def summary(seconds: list[float]) -> dict[str, Any]:
    return {
        "median": round(statistics.median(seconds), 2),
        "all": [round(value, 2) for value in sorted(seconds)],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "examples" / "submission.ipynb")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pause", type=float, default=10.0)
    parser.add_argument("--exercise", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(shutil.copy(arguments.file, folder))
        place = first_cell_of(file, arguments.exercise)
        result = measured(file, place, arguments.rounds, arguments.pause)
    print(json.dumps({"load": os.getloadavg(), "cell": place, **result}, indent=1))


if __name__ == "__main__":
    main()
