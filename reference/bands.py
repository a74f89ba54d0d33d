"""Measures where the reference's learning curves lie under several seeds: `python reference/bands.py`.

Writes exercises/bands.json, which the report draws behind a student's curves.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from grader.api import configured
from grader.evidence.reader import read_evidence
from grader.execute.choice import opened_kernel
from grader.execute.job import Job
from grader.load.submission import load_submission

FOLDER = Path(__file__).parent
SEEDS = range(42, 50)
POINTS = 21


def measured() -> dict[str, dict[str, list[tuple[np.ndarray, np.ndarray]]]]:
    """Task → curve → (epochs, values) of each seed."""
    assignment, submission = configured(None), load_submission(FOLDER / "solution.py")
    found: dict[str, dict[str, list[tuple[np.ndarray, np.ndarray]]]] = {}
    with opened_kernel(assignment.limits) as kernel:
        jobs = [Job(assignment.limits, seed, support=assignment.support) for seed in SEEDS]
        recordings = [kernel.run(submission, job) for job in jobs]
    for recording in recordings:
        for name, task in read_evidence(recording, submission, assignment).tasks.items():
            for curve in task.curves:
                rows = found.setdefault(name, {}).setdefault(curve.label, [])
                rows.append((np.array(curve.epochs), np.array(curve.values)))
    return found


def band(rows: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, list[float]]:
    """The lowest and the highest value of all seeds, at evenly spread epochs."""
    epochs = np.linspace(0, max(axis[-1] for axis, _ in rows), POINTS)
    values = np.array([np.interp(epochs, axis, curve) for axis, curve in rows])
    sides = {"epochs": epochs, "low": values.min(axis=0), "high": values.max(axis=0)}
    return {name: np.round(side, 4).tolist() for name, side in sides.items()}


def main() -> None:
    bands = {task: {label: band(rows) for label, rows in curves.items()} for task, curves in measured().items()}
    target = FOLDER.parent / "exercises" / "bands.json"
    target.write_text(json.dumps(bands, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
