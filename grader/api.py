"""`grader.grade`: the same as the command, for Python."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from grader.execute.choice import opened_kernel
from grader.execute.job import Device
from grader.execute.kernel import Kernel
from grader.execute.launcher import Sandbox
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
    sandbox: Sandbox = "auto",
    cold: bool = False,
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
        sandbox: `auto` uses every layer this machine has, `strict` demands namespaces and seccomp, `none` uses none.
        cold: start Python from nothing instead of forking a process that has imported everything.
        kernel: what executes it, for grading several (`grader.execute.choice.opened_kernel`); else one of its own.

    Raises:
        UnreadableSubmission: it is no notebook or script.
        BadAssignment: the folder does not hold an assignment.
        UsageError: the device is not there, or no sandbox such as was asked for.
        GradingFailed: the grader itself failed.
    """
    chosen = configured(assignment, seed=seed, timeout=timeout)
    submission = load_submission(Path(path))
    own = opened_kernel(chosen.limits, device, sandbox, cold=cold, spares=0)
    with own if kernel is None else nullcontext(kernel) as serving:
        return grade_submission(submission, chosen, serving, device, probe).grade


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
