"""What went wrong while the cells ran: errors, timeouts, deaths, each told once and at its root."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from grader.model.grade import Diagnosis
from grader.model.recording import CellError, CellRun
from grader.model.submission import Submission, Where

_NETWORK = re.compile(
    r"URLError|ConnectionError|gaierror|NewConnectionError|HTTPError|TimeoutError: .*connect|resolve host"
)
_MISSING_NAME = re.compile(r"name '(\w+)' is not defined")


def incidents(submission: Submission, cells: Sequence[CellRun]) -> tuple[Diagnosis, ...]:
    """A `run-*` diagnosis for each cell that did not end well, consequences of an earlier one left out."""
    return tuple(_told(submission, cells))


def _told(submission: Submission, cells: Sequence[CellRun]) -> Iterator[Diagnosis]:
    broken: set[str] = set()
    for run in cells:
        if run.status == "ok":
            continue
        broken |= _names_made(submission, run.number)
        if run.status == "timeout":
            yield _diagnosis(
                "run-timeout",
                run,
                submission,
                f"Cell [{run.number}] was stopped: it ran past its time limit.",
                "Look for a loop that never ends, or train for fewer epochs; what ran before is graded.",
            )
        elif run.status == "died":
            yield _diagnosis(
                "run-died",
                run,
                submission,
                f"The Python process ended in cell [{run.number}]; nothing after it could run.",
                "Memory that ran out, exit() or a crash in compiled code can cause this; "
                "what was recorded before is graded.",
            )
        elif run.status == "error" and run.error is not None:
            diagnosis = _of_error(submission, run, run.error, broken)
            if diagnosis is not None:
                yield diagnosis


def _of_error(submission: Submission, run: CellRun, error: CellError, broken: set[str]) -> Diagnosis | None:
    missing = (
        _MISSING_NAME.search(error.message) if error.name in ("NameError", "UnboundLocalError") else None
    )
    if missing:
        name = missing.group(1)
        if name in broken - _names_made(submission, run.number):
            return None  # an earlier cell that failed should have made it: one mistake, told once
        later = _later_cell_that_makes(submission, run.number, name)
        if later is not None:
            text = f"Cell [{run.number}] uses `{name}`, which is first defined in cell [{later}]."
            return _diagnosis(
                "run-order",
                run,
                submission,
                text,
                "Move the definition up; notebooks are graded from top to bottom.",
            )
    code, text, hint = _explained(run, error)
    return _diagnosis(code, run, submission, text, hint)


def _explained(run: CellRun, error: CellError) -> tuple[str, str, str]:
    said = f"{error.name}: {error.message}"[:300]
    if error.name == "ModuleNotFoundError":
        return (
            "run-missing-package",
            f"Cell [{run.number}] needs a package that is not here: {said}",
            ("Use the packages the assignment names; nothing can be installed while grading."),
        )
    if error.name in ("FileNotFoundError", "IsADirectoryError"):
        return (
            "run-missing-file",
            f"Cell [{run.number}] needs a file that was not handed in: {said}",
            ("Hand the file in beside the notebook and open it by its bare name."),
        )
    if _NETWORK.search(said) or _NETWORK.search(error.traceback[-2000:]):
        return (
            "run-network",
            f"Cell [{run.number}] needs the network, which grading does not have: {said}",
            ("Make the data in the notebook, or hand the file in beside it."),
        )
    return (
        "run-error",
        f"Cell [{run.number}] stopped with {said}",
        (
            "The cells after it still ran; what they show is graded. "
            "Restart the kernel and run all cells to see it yourself."
        ),
    )


def _diagnosis(code: str, run: CellRun, submission: Submission, message: str, hint: str) -> Diagnosis:
    cell = submission.cell(run.number)
    line = run.error.line if run.error else None
    if line is not None and cell is not None:
        line += cell.first_line - 1
    return Diagnosis(
        code=code, severity="fail", message=message, hint=hint, where=Where(cell=run.number, line=line)
    )


def _names_made(submission: Submission, number: int) -> set[str]:
    """Names that a cell assigns, defines or imports at its top level or deeper; empty when it cannot be parsed."""
    cell = submission.cell(number)
    try:
        tree = ast.parse(cell.source if cell else "")
    except (SyntaxError, ValueError, RecursionError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
    return names


def _later_cell_that_makes(submission: Submission, number: int, name: str) -> int | None:
    later = (cell.number for cell in submission.code_cells if (cell.number or 0) > number)
    return next((cell for cell in later if cell and name in _names_made(submission, cell)), None)
