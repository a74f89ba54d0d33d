"""`grader.grade`: the same as the command, for Python."""

from __future__ import annotations

from pathlib import Path

from grader.execute.cold import ColdKernel
from grader.execute.job import Device
from grader.execute.kernel import Kernel
from grader.load.assignment import default_assignment_folder, load_assignment
from grader.load.submission import load_submission
from grader.model.assignment import Assignment
from grader.model.grade import Grade
from grader.pipeline import Probe
from grader.pipeline import grade as grade_submission


def grade(
    path: Path | str,
    *,
    assignment: Path | str | None = None,
    seed: int | None = None,
    device: Device = "cpu",
    timeout: float | None = None,
    probe: Probe = "auto",
    kernel: Kernel | None = None,
) -> Grade:
    """Grade one notebook or script.

    Args:
        path: the submission.
        assignment: an assignment folder; the nine exercises where none is named.
        seed: instead of the assignment's.
        device: `cpu`, `cuda` or `mps`.
        timeout: seconds for the whole submission, instead of the assignment's limit.
        probe: whether it runs once more on turned data: `auto`, `always` or `never`.
        kernel: what executes it; a fresh Jupyter kernel where none is given.

    Raises:
        UnreadableSubmission: it is no notebook or script.
        BadAssignment: the folder does not hold an assignment.
        UsageError: the device is not there.
        GradingFailed: the grader itself failed.
    """
    chosen = configured(assignment, seed=seed, timeout=timeout)
    return grade_submission(load_submission(Path(path)), chosen, kernel or ColdKernel(), device, probe).grade


def configured(
    folder: Path | str | None, *, seed: int | None = None, timeout: float | None = None
) -> Assignment:
    """The assignment in a folder, with another seed or time limit where asked.

    Raises BadAssignment.
    """
    assignment = load_assignment(default_assignment_folder() if folder is None else Path(folder))
    if seed is not None:
        assignment = assignment.model_copy(update={"seed": seed})
    if timeout is not None:
        limits = assignment.limits
        shorter = {"submission_s": timeout, "cell_s": min(limits.cell_s, timeout)}
        assignment = assignment.model_copy(update={"limits": limits.model_copy(update=shorter)})
    return assignment
