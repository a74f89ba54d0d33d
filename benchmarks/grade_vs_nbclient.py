"""What grading costs over running: `grade` of the reference against nbclient's plain execution of the same notebook.

python benchmarks/grade_vs_nbclient.py [--pairs 7]

Both are whole processes, from a cold start to their last line, in turns as to who goes first; the median of the
pairs' ratios counts. CPU seconds and peak memory include the kernels that they start.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOTEBOOK = HERE.parent / "reference" / "solution.ipynb"
PLAIN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=600, kernel_name="python3").execute(cwd=sys.argv[2])
nbformat.write(notebook, sys.argv[2] + "/executed.ipynb")
"""


def run(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Wall and CPU seconds of a process and all it waited for; its own peak memory in MiB."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": time.perf_counter() - began, "cpu": cpu}


def pair(graded_first: bool) -> tuple[dict[str, float], dict[str, float]]:
    """(grade, nbclient)."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        support = HERE.parent / "exercises" / "support"
        for file in support.glob("*.py"):
            Path(folder, file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
        commands = {
            True: [str(Path(sys.executable).parent / "grade"), "-o", f"{folder}/reports", str(NOTEBOOK)],
            False: [sys.executable, "-c", PLAIN, str(NOTEBOOK), folder],
        }
        order = (True, False) if graded_first else (False, True)
        results = {graded: run(commands[graded], environment) for graded in order}
    return results[True], results[False]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=7)
    pairs = [pair(bool(number % 2)) for number in range(parser.parse_args().pairs)]
    summary = {
        "pairs": len(pairs),
        "python": platform.python_version(),
        **{
            f"{kind}_ratio": round(statistics.median(ours[kind] / plain[kind] for ours, plain in pairs), 3)
            for kind in ("wall", "cpu")
        },
        **{
            f"{name}_{kind}_s": round(statistics.median(result[index][kind] for result in pairs), 2)
            for index, name in enumerate(("grade", "nbclient"))
            for kind in ("wall", "cpu")
        },
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
