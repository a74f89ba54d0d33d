"""What a kernel is told before anything runs; light to import, so that it can be started at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from grader.evidence.markers import Markers
from grader.model.assignment import Assignment
from grader.model.submission import Submission, Where


def markers_of(submission: Submission, assignment: Assignment) -> dict[int, int | None]:
    """The exercise of each code cell as its first line is marked: known before anything runs."""
    markers = Markers(submission, {exercise.number for exercise in assignment.exercises})
    cells = (cell.number for cell in submission.code_cells if cell.number is not None)
    return {number: markers.exercise_at(Where(cell=number)) for number in cells}


def probes_for(assignment: Assignment) -> dict[str, np.ndarray[Any, Any]]:
    """Unlabelled rows by dataset id, for models that can only be asked in the student's own process.

    What judges is imported here as well: this is called while the kernel starts, and both take seconds.

    Rows that no student saw, and a grid over the box they lie in, so that drawn maps can be compared too.
    """
    import grader.evidence.reader  # noqa: F401 - for later, while there is time
    from grader.evidence.datasets import held_out_rows

    probes = {}
    for spec in assignment.datasets:
        rows = held_out_rows(spec, spec.held_out_seeds[0]).features
        probes[spec.id] = np.concatenate([rows, _grid(rows)]) if rows.shape[1] == 2 else rows
    return probes


def _grid(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    low, high = rows.min(axis=0), rows.max(axis=0)
    margin = 0.2 * (high - low)
    x, y = (np.linspace(low[k] - margin[k], high[k] + margin[k], 80) for k in (0, 1))
    return np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])


def turns_of(assignment: Assignment) -> tuple[dict[str, Any], ...]:
    """What a probe's process needs to know to turn the data."""
    specs = {spec.generator: spec for spec in assignment.datasets if spec.turn is not None}
    return tuple(
        {"generator": name, "matrix": spec.turn, "highest": spec.classes - 1} for name, spec in specs.items()
    )
