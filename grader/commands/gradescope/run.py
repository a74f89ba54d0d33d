"""One submission in Gradescope's container: from the folder it lies in to `results.json`.

Layout and format: https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from grader.api import configured
from grader.batch.desk import graded, report_text
from grader.batch.order import Order
from grader.commands.options import HeldBy, Sandbox
from grader.commands.show import GRADED, check_sandbox, status_of_problem
from grader.commands.student_folder import submission_in
from grader.errors import GraderError, UnreadableSubmission
from grader.files import write_atomically
from grader.model.grade import Grade
from grader.report.plain_text import to_text


def grade_there(root: Path, sandbox: Sandbox) -> int:
    """Grade `root/submission` and write `root/results/results.json`; gives the exit status.

    The file is written when the student's processes have ended. Where the fault is not the student's there is none:
    Gradescope then reports a failed autograder and gives no points, instead of a zero.
    """
    results = root / "results" / "results.json"
    results.unlink(missing_ok=True)
    try:
        text = _judged(root, sandbox)
    except UnreadableSubmission as problem:
        text = refusal(problem)
    except GraderError as problem:
        typer.echo(f"grade: {problem}", err=True)
        return status_of_problem(problem)
    write_atomically(results, text)
    return GRADED


def _judged(root: Path, sandbox: Sandbox) -> str:
    """The submission's `results.json`; the verdict is printed, for the log that only instructors see.

    Raises GraderError.
    """
    from grader.execute.choice import opened_kernel

    assignment = configured(root / "source" / "assignment")
    path = submission_in(root / "submission", assignment.id)
    check_sandbox(sandbox.value)
    order = Order(assignment, sandbox=sandbox.value, formats=("gradescope",))
    with opened_kernel(assignment.limits, order.device, order.sandbox, spares=0) as kernel:
        grade: Grade = graded(path, order, kernel).grade
    typer.echo(to_text(grade))
    return report_text(grade, "gradescope", order)


def refusal(problem: UnreadableSubmission) -> str:
    """What the student reads where there was nothing to grade: a zero, and what to hand in."""
    result = {
        "score": 0,
        "output": f"Not graded: {problem}",
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
    }
    return json.dumps(result, ensure_ascii=False, indent=1) + "\n"


def run(root: Annotated[Path, typer.Argument()], sandbox: HeldBy = Sandbox.auto) -> None:
    """Grade the submission in ROOT, laid out as Gradescope does."""
    sys.exit(grade_there(root, sandbox))


if __name__ == "__main__":
    typer.run(run)
