"""What went wrong while the cells ran: errors, timeouts, deaths, each told once and at its root."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from grader.evidence.limits import noted_limit, raised_by_limit, signalled_limit
from grader.model.grade import Diagnosis
from grader.model.recording import CellError, CellRun, Limits
from grader.model.submission import Submission, Where

_USUAL = Limits()
_NETWORK = re.compile(
    r"URLError|ConnectionError|gaierror|NewConnectionError|HTTPError|ConnectTimeout|ConnectError|ConnectorError"
    r"|TimeoutError: .*connect|resolve host|no internet connection"
    # unreachable network or host, no such address family, no such address
    r"|\[Errno (?:97|99|101|113)\]"
)
_REFUSED = re.compile(r"^(?:OSError|PermissionError|TimeoutError|ConnectionRefusedError)\b")
"""What a sandbox answers to sockets, and to other things as well."""
_SOCKETS = re.compile(
    r"^File .*[/\\](?:socket|selector_events)\.py:|^-+> *\d+ .*(?:\bsocket\(|\.connect\(|\.sendto\()",
    re.MULTILINE,
)
"""Lines of IPython's traceback, not the source around them."""
_CELL_TIME = re.compile(r"ran longer than the (\d+(?:\.\d+)?(?:e\+\d\d)?) s that a cell may take")
_MISSING_NAME = re.compile(r"name '(\w+)' is not defined")
_TAIL = 2000
"""Characters of a traceback in which its innermost calls stand."""
_LONGEST = 300
"""Characters of an error's or a note's text that a diagnosis repeats."""


def incidents(
    submission: Submission, cells: Sequence[CellRun], limits: Limits = _USUAL
) -> tuple[Diagnosis, ...]:
    """A `run-*` diagnosis for each cell that did not end well, consequences of an earlier one left out."""
    return tuple(_told(submission, cells, limits))


def _told(submission: Submission, cells: Sequence[CellRun], limits: Limits) -> Iterator[Diagnosis]:
    broken: set[str] = set()
    for run in cells:
        if run.status == "ok":
            continue
        broken |= _names_made(submission, run.number)
        if run.status == "timeout":
            yield _diagnosis("run-timeout", run, submission, *_of_timeout(run, limits))
        elif run.status == "died":
            yield _diagnosis("run-died", run, submission, *_of_death(run, limits))
        elif run.status == "error" and run.error is not None:
            diagnosis = _of_error(submission, run, run.error, broken, limits)
            if diagnosis is not None:
                yield diagnosis


def _of_timeout(run: CellRun, limits: Limits) -> tuple[str, str]:
    stopped = f"Cell [{run.number}] was stopped: it ran past its time limit"
    note = run.note or ""
    if allowed := _CELL_TIME.search(note):
        stopped = (
            f"Cell [{run.number}] was stopped: it ran longer than the {float(allowed[1]):g} s a cell may take"
        )
    elif "for the whole submission" in note:
        stopped += f", the rest of {limits.submission_s:g} s for the whole submission"
    if reached := noted_limit(run.note, limits):
        return f"{stopped}; before that it {reached.did}.", reached.hint
    return (
        f"{stopped}.",
        "Look for a loop that never ends, or train for fewer epochs; what ran before is graded.",
    )


def _of_death(run: CellRun, limits: Limits) -> tuple[str, str]:
    ended = f"The Python process ended in cell [{run.number}]; nothing after it could run"
    # The end of a long note: what was seen last is the reason.
    seen = f": {run.note[-_LONGEST:]}" if run.note else ""
    if reached := signalled_limit(run.note, limits):
        return f"{ended}{seen}; it {reached.did}.", reached.hint
    if reached := noted_limit(run.note, limits):
        return f"{ended}{seen}.", reached.hint
    hint = "Memory that ran out, exit() or a crash in compiled code can cause this; "
    return f"{ended}{seen}.", f"{hint}what was recorded before is graded."


def _of_error(
    submission: Submission, run: CellRun, error: CellError, broken: set[str], limits: Limits
) -> Diagnosis | None:
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
    code, text, hint = _explained(run, error, limits)
    return _diagnosis(code, run, submission, text, hint)


def _explained(run: CellRun, error: CellError, limits: Limits) -> tuple[str, str, str]:
    said = f"{error.name}: {error.message}"[:_LONGEST]
    if error.name == "ModuleNotFoundError":
        return (
            "run-missing-package",
            f"Cell [{run.number}] needs a package that is not here: {said}",
            "Use the packages the assignment names; nothing can be installed while grading.",
        )
    if error.name in ("FileNotFoundError", "IsADirectoryError"):
        return (
            "run-missing-file",
            f"Cell [{run.number}] needs a file that was not handed in: {said}",
            "Hand the file in beside the notebook and open it by its bare name.",
        )
    if reached := raised_by_limit(error, limits):
        return "run-error", f"Cell [{run.number}] {reached.did} and stopped with {said}", reached.hint
    if _needs_network(said, error.traceback[-_TAIL:]):
        return (
            "run-network",
            f"Cell [{run.number}] needs the network, which grading does not have: {said}",
            "Make the data in the notebook, or hand the file in beside it.",
        )
    if reached := noted_limit(run.note, limits):
        text = f"Cell [{run.number}] stopped with {said}; before that it {reached.did}"
        return "run-error", text, reached.hint
    return (
        "run-error",
        f"Cell [{run.number}] stopped with {said}",
        (
            "The cells after it still ran; what they show is graded. "
            "Restart the kernel and run all cells to see it yourself."
        ),
    )


def _needs_network(said: str, traceback: str) -> bool:
    if _NETWORK.search(said) or _NETWORK.search(traceback):
        return True
    return bool(_REFUSED.search(said) and _SOCKETS.search(traceback))


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
