"""What grading a class costs beyond the students' own computing.

python benchmarks/class_overhead.py [--copies 12] [--jobs 2] [--rounds 3] [NOTEBOOK…]

The students' own computing is what their cells take in an ordinary Jupyter kernel that has already imported and done
once everything our launcher has (`rivals/plain.py`): no sandbox, no recorder, no grader. As many such kernels run side
by side as `--jobs`, so that both feel the neighbour on the other core. Against that stands everything of ours, from
the command's start to its end: coordinator, workers, launchers, sandbox, recorder, judging, further runs under other
seeds, reports, evidence, gradebook, similarity, class page.

`cpu`: (CPU seconds of all our processes, kernels included) ÷ (CPU seconds of the plain kernels) − 1.
`wall`: (our wall seconds × jobs) ÷ (sum of the plain cells' wall seconds) − 1; idle cores count against us.

Each round grades a class of `--copies`, and one of half as many. `whole` is the larger one from a cold start. `further`
is what a further student costs: the difference between the two classes on both sides, so that what is done once for a
class (imports, launchers, spare kernels, the page) drops out; `once_s` is what dropped out. The larger the class, the
nearer `whole` comes to `further`. `cells` compares seconds of the students' cells alone, ours ÷ plain − 1: what
recorder and sandbox add to them. All shares are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rivals.handed_in import NOTEBOOKS, HandedIn, a_class
from rivals.measure import Used
from rivals.ours import graded
from rivals.plain import plain_cost


@dataclass(frozen=True)
class Round:
    """Seconds of one round; `half` is the smaller class, the first students of the whole one."""

    whole: Used
    half: Used
    plain: Used
    plain_half: Used
    student_s: float
    """Of all students, as our reports have it: the whole class's cells, recorded and sealed."""


def one_round(handed_in: Sequence[HandedIn], jobs: int, plain_first: bool) -> Round:
    half = handed_in[: len(handed_in) // 2]
    if plain_first:
        plain = plain_cost(handed_in, jobs)
    whole, student_s = graded(handed_in, jobs)
    few, _ = graded(half, jobs)
    if not plain_first:
        plain = plain_cost(handed_in, jobs)
    return Round(whole, few, added(plain, handed_in), added(plain, half), student_s)


def added(costs: dict[str, Used], students: Sequence[HandedIn]) -> Used:
    mine = [costs[one.student] for one in students]
    return Used(sum(cost.wall for cost in mine), sum(cost.cpu for cost in mine))


def median(rounds: Sequence[Round], share: Callable[[Round], float]) -> float:
    return round(statistics.median(map(share, rounds)), 3)


def summary(rounds: Sequence[Round], jobs: int) -> dict[str, object]:
    def further(kind: str) -> Callable[[Round], float]:
        factor = jobs if kind == "wall" else 1

        def share(one: Round) -> float:
            ours_more = getattr(one.whole, kind) - getattr(one.half, kind)
            return float(factor * ours_more / (getattr(one.plain, kind) - getattr(one.plain_half, kind)) - 1)

        return share

    return {
        "whole": {
            "cpu": median(rounds, lambda one: one.whole.cpu / one.plain.cpu - 1),
            "wall": median(rounds, lambda one: jobs * one.whole.wall / one.plain.wall - 1),
        },
        "further": {kind: median(rounds, further(kind)) for kind in ("cpu", "wall")},
        "cells": median(rounds, lambda one: one.student_s / one.plain.wall - 1),
        "once_s": {
            "cpu": median(rounds, lambda one: 2 * one.half.cpu - one.whole.cpu),
            "wall": median(rounds, lambda one: 2 * one.half.wall - one.whole.wall),
        },
        "ours_s": {
            kind: median(rounds, lambda one, k=kind: getattr(one.whole, k)) for kind in ("cpu", "wall")
        },
        "plain_s": {
            kind: median(rounds, lambda one, k=kind: getattr(one.plain, k)) for kind in ("cpu", "wall")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument(
        "--copies", type=int, default=12, help="students in the class; twice a multiple of notebooks"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    notebooks = options.notebooks or NOTEBOOKS
    if options.copies < 4 or options.copies % (2 * len(notebooks)):
        parser.error(
            f"--copies must be a multiple of {2 * len(notebooks)}, at least 4: both classes are of one kind"
        )
    handed_in, load = a_class(notebooks, options.copies), os.getloadavg()[0]
    rounds = [one_round(handed_in, options.jobs, bool(number % 2)) for number in range(options.rounds)]
    about = {"python": platform.python_version(), "load": round(load, 1), "cores": os.cpu_count()}
    print(json.dumps({**about, "students": len(handed_in), **summary(rounds, options.jobs)}))


if __name__ == "__main__":
    main()
