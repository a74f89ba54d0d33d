"""CPU seconds on the grader's own side for one submission, imports left out.

python benchmarks/grader_cpu.py [--rounds 7] [SUBMISSION]

The submission is executed once, by a kernel that keeps its recording; then everything else of a grading is done
again and again from that recording: reading it, judging, composing, JSON and HTML. The first round stands apart:
it also warms torch and matplotlib up.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from grader.api import configured
from grader.execute.bundle import read_bundle, write_bundle
from grader.execute.choice import opened_kernel
from grader.load.submission import load_submission
from grader.pipeline import grade, rejudge
from grader.report.html_report import to_html
from grader.report.json_report import to_json

REFERENCE = Path(__file__).resolve().parents[1] / "reference" / "solution.ipynb"


def cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("submission", type=Path, nargs="?", default=REFERENCE)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    assignment = configured(None)
    whole = time.process_time()
    with opened_kernel(assignment.limits) as kernel:
        graded = grade(load_submission(options.submission), assignment, kernel)
    to_json(graded.grade)
    to_html(graded.grade, "instructor")
    whole = time.process_time() - whole
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder, "reference.evidence.zip")
        write_bundle(bundle, graded.submission, graded.recording)

        def again() -> None:
            submission, recording = read_bundle(bundle)
            to_json(rejudge(submission, assignment, recording))

        judged = [cpu_seconds(again) for _ in range(options.rounds)]
        pictured = [cpu_seconds(lambda: to_html(graded.grade, "instructor")) for _ in range(options.rounds)]
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "cold_with_pictures_s": round(whole, 3),
                "judge_again_s": round(statistics.median(judged), 3),
                "judge_again_first_s": round(judged[0], 3),
                "html_s": round(statistics.median(pictured), 3),
                "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    )


if __name__ == "__main__":
    main()
