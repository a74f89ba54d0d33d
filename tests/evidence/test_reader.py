"""From a recording to evidence: the whole stage, on recordings that hold little, nothing or junk."""

from __future__ import annotations

from typing import Any

import numpy as np

from grader.evidence.before import markers_of, probes_for
from grader.evidence.datasets import make_rows
from grader.evidence.reader import read_evidence
from grader.model.evidence import Evidence
from grader.model.recording import CellRun, Recording
from grader.model.submission import Submission, Where
from tests.check.building import assignment
from tests.evidence.building import name_event, notebook, run_event, script

ROWS = make_rows(assignment().dataset("circles"))


def read(submission: Submission, *events: dict[str, Any], **tensors: Any) -> Evidence:
    cells = tuple(CellRun(number=cell.number or 0, status="ok") for cell in submission.code_cells)
    arrays = {name: np.asarray(value) for name, value in tensors.items()}
    return read_evidence(Recording(cells, events, arrays, 42, "cpu", {}), submission, assignment())


def test_a_recording_of_nothing_is_evidence_of_nothing() -> None:
    found = read(notebook("pass"))
    assert set(found.tasks) == {"baseline", "nonlinear", "blobs"}
    assert all(task.model is None and task.run is None for task in found.tasks.values())
    assert all(data.split is None for data in found.datasets.values())
    assert set(found.exercises) == set(range(10)) and found.problems == ()


def test_junk_is_counted_among_the_problems() -> None:
    found = read(notebook("pass"), {"kind": "spell"}, {"kind": "run"}, {"kind": "run"})
    assert len(found.problems) == 2
    assert any("2" in problem and "run" in problem for problem in found.problems)


def test_rows_and_loops_are_placed_in_lines_of_a_script() -> None:
    parts = script("import torch\n\n\n", "# Ex 5\nX = rows()\nloss.backward()\n")
    x, y = ROWS.features[:1600], ROWS.labels[:1600]
    found = read(
        parts,
        name_event("X", "x", cell=2, shape=(1600, 2)),
        run_event(cell=2, at=[[2, 3]], rows="x", targets="y"),
        x=x,
        y=y,
    )
    assert found.datasets["circles"].arrays[0].where == Where(cell=2, line=5)
    run = found.tasks["baseline"].run
    assert run is not None and run.where == Where(cell=2, line=6)
    assert (run.dataset, run.label_agreement) == ("circles", 1.0)


def test_classes_of_the_lab_and_of_the_file_in_order() -> None:
    found = read(notebook("x = 1\nclass One: pass", "class Broken(:", "class Two: pass"))
    named = [(each.name, each.where.cell, each.where.line) for each in found.classes]
    assert named == [("Perceptron", 0, None), ("One", 1, 2), ("Two", 3, 1)]


def test_the_exercise_of_each_cell_before_anything_runs() -> None:
    marked = notebook("import torch", "# Ex 3\nx = 1", "y = 2", "# Ex 9\nz = 3")
    assert markers_of(marked, assignment()) == {1: None, 2: 3, 3: 3, 4: 9}


def test_probes_are_rows_that_no_student_has() -> None:
    probes = probes_for(assignment())
    assert set(probes) == {"circles", "blobs"}
    own = {tuple(row) for row in ROWS.features.tolist()}
    for rows in probes.values():
        assert rows.shape[1] == 2 and len(rows) >= 4000
        assert not own & {tuple(row) for row in rows.tolist()}
