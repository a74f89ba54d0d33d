"""CPU seconds of judging stored evidence again, and what a class of 300 takes with two worker processes.

python benchmarks/rejudge_class.py [--html] [FOLDER]

Every bundle in the folder is read, judged with the nine exercises and written as JSON (`--html`: as HTML too, which a
rejudging does only where a grade has changed), in one process, as a worker does. What importing torch and
scikit-learn takes is told apart: a worker does it once.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

from grader.api import configured
from grader.execute.bundle import read_bundle
from grader.model.assignment import Assignment
from grader.pipeline import rejudge
from grader.report.html_report import to_html
from grader.report.json_report import to_json

FILES = Path(__file__).parents[1] / "tests" / "files"
STUDENTS = 300
WORKERS = 2
GOAL_S = 60.0


def imported() -> float:
    """CPU seconds of what the first judging imports."""
    began = time.process_time()
    import grader.evidence.reader  # noqa: F401  # imported for the time that it takes

    return time.process_time() - began


def judged(bundle: Path, assignment: Assignment, *, html: bool) -> float:
    """CPU seconds from the bundle to the texts of its reports."""
    began = time.process_time()
    submission, recording = read_bundle(bundle)
    verdict = rejudge(submission, assignment, recording)
    to_json(verdict)
    if html:
        to_html(verdict)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?", default=FILES)
    parser.add_argument("--html", action="store_true")
    options = parser.parse_args()
    bundles = sorted(options.folder.glob("*.evidence.zip"))
    if not bundles:
        parser.error(f"no *.evidence.zip in {options.folder}; grade with --keep-evidence first")
    assignment, start = configured(None), imported()
    times = sorted(judged(bundle, assignment, html=options.html) for bundle in bundles)
    sizes = sorted(bundle.stat().st_size for bundle in bundles)
    mean = statistics.mean(times)
    figures = {
        "python": platform.python_version(),
        "bundles": len(bundles),
        "mean_s": round(mean, 3),
        "median_s": round(statistics.median(times), 3),
        "percentile_95_s": round(times[int(0.95 * (len(times) - 1))], 3),
        "most_s": round(times[-1], 3),
        "imports_s": round(start, 2),
        "class_of_300_with_two_processes_s": round(STUDENTS * mean / WORKERS + start, 1),
        "goal_s": GOAL_S,
        "bundle_median_bytes": int(statistics.median(sizes)),
        "bundle_percentile_95_bytes": sizes[int(0.95 * (len(sizes) - 1))],
        "bundle_most_bytes": sizes[-1],
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
