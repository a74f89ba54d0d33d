"""CPU seconds that naming mistakes adds to one submission.

python benchmarks/diagnosis_cpu.py [--rounds 5] BUNDLE…

Each stored bundle of evidence is read once. Then its verdict is made again and again in pairs: once with no mistake
named, once with all of them looked for, charged and explained. The difference within a pair is what diagnosis adds;
its median stands for the bundle. What both need, reading the evidence, is told beside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from grader.api import configured
from grader.check.judge import judge
from grader.compose import compose
from grader.diagnose.catalogue import diagnose
from grader.diagnose.codes import with_lessons
from grader.evidence.reader import read_evidence
from grader.execute.bundle import read_bundle
from grader.model.assignment import Assignment


def cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def added(bundle: Path, assignment: Assignment, rounds: int) -> tuple[float, float]:
    """Seconds that diagnosis adds to this bundle's verdict, the median of the pairs; seconds of reading it."""
    submission, recording = read_bundle(bundle)
    began = time.process_time()
    evidence = read_evidence(recording, submission, assignment)
    reading = time.process_time() - began

    def plain() -> None:
        compose(submission, assignment, recording, evidence, judge(assignment, evidence, ()))

    def diagnosed() -> None:
        found = judge(assignment, evidence, diagnose(assignment, evidence))
        with_lessons(compose(submission, assignment, recording, evidence, found))

    plain(), diagnosed()  # tables are loaded once for a process
    pairs = [(cpu_seconds(plain), cpu_seconds(diagnosed)) for _ in range(rounds)]
    return statistics.median(with_all - without for without, with_all in pairs), reading


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    assignment = configured(None)
    found = [added(bundle, assignment, options.rounds) for bundle in options.bundles]
    extra = sorted(seconds for seconds, _ in found)
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "bundles": len(found),
                "diagnosis_median_s": round(statistics.median(extra), 4),
                "diagnosis_most_s": round(extra[-1], 4),
                "reading_median_s": round(statistics.median(seconds for _, seconds in found), 3),
            }
        )
    )


if __name__ == "__main__":
    main()
