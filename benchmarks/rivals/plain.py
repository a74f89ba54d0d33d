"""The students' own computing and nothing else: their cells in an ordinary kernel that has imported everything."""

from __future__ import annotations

import copy
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import psutil
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from rivals.handed_in import SUPPORT, HandedIn
from rivals.measure import Used, activated

_WARM_UP = "from grader.launcher.warmth import warm_up\nwarm_up()\ndel warm_up"
"""The same imports, first step and first picture that our launcher does before any student."""


def plain_cost(handed_in: Sequence[HandedIn], side_by_side: int) -> dict[str, Used]:
    """Student → seconds of their cells, so many kernels at a time, each on a kernel of its own.

    Wall seconds are the kernel's, cell by cell, from when it takes a cell to its reply; CPU seconds are of the
    kernel's process and its children, from the end of the warm-up. Neither a client's nor a grader's work is in them.
    """
    with ThreadPoolExecutor(side_by_side) as pool:
        used = list(pool.map(_one, handed_in))
    return {one.student: spent for one, spent in zip(handed_in, used, strict=True)}


def _one(one: HandedIn) -> Used:
    notebook = copy.deepcopy(one.notebook)
    notebook.cells.insert(0, new_code_cell(_WARM_UP))
    with tempfile.TemporaryDirectory() as folder:
        for file in SUPPORT:
            shutil.copy(file, folder)
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": folder}},
        )
        with client.setup_kernel(env=activated(Path(sys.executable).parent)):
            client.execute_cell(notebook.cells[0], 0)
            kernel = psutil.Process(client.km.provisioner.process.pid)
            before = _cpu(kernel)
            for index, cell in enumerate(notebook.cells[1:], 1):
                client.execute_cell(cell, index)
            spent = _cpu(kernel) - before
    return Used(sum(_seconds(cell) for cell in notebook.cells[1:]), spent)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return sum((times.user, times.system, times.children_user, times.children_system))


def _seconds(cell: NotebookNode) -> float:
    """Between the two moments that the kernel itself put on its messages."""
    said = cell.metadata.get("execution", {})
    begun, done = (said.get(key) for key in ("iopub.execute_input", "shell.execute_reply"))
    if begun is None or done is None:
        return 0.0
    return (datetime.fromisoformat(done) - datetime.fromisoformat(begun)).total_seconds()
