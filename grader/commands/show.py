"""What commands say: a verdict, a complaint in one line, and the exit status that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape

from grader.errors import BadAssignment, BadBundle, GraderError, UnreadableSubmission, UsageError

if TYPE_CHECKING:  # they import what a mistyped option must not wait for
    from grader.batch.order import Outcome
    from grader.execute.launcher import Sandbox

GRADED, BELOW, USAGE, NOT_GRADED = 0, 1, 2, 3
INTERRUPTED = 130


def formats_in(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """The formats of a list with commas.

    Raises UsageError.
    """
    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not wanted or any(form not in known for form in wanted):
        raise UsageError(f"--format {text}: there is {', '.join(known)}")
    return wanted


def check_sandbox(sandbox: Sandbox) -> None:
    """Refuse once what would be refused for each submission, and say what a sandbox is without here.

    Raises:
        UsageError: the machine cannot hold submissions as asked.
    """
    from grader.sandbox.offers import NoSandbox, layers_for, missing, offers

    if sandbox == "none":
        return
    try:
        layers_for(sandbox)
    except NoSandbox as refusal:
        raise UsageError(str(refusal)) from refusal
    if lacking := missing(offers()):
        typer.echo(f"grade: warning: {'; '.join(lacking)}; see `grade doctor`", err=True)


def tell(outcome: Outcome, console: Console, errors: Console, *, brief: bool) -> None:
    """Show what became of a submission: the whole verdict, or one line of it."""
    from grader.report.terminal_report import to_terminal

    if outcome.grade is None:
        complain(errors, outcome.problem, about=outcome.shown if brief else "")
    elif brief:
        grade = outcome.grade
        console.print(
            f"{escape(outcome.shown)}: {grade.points} of {grade.max_points:g} points",
            highlight=False,
            soft_wrap=True,
        )
    else:
        to_terminal(outcome.grade, console)
    for path in () if brief else outcome.written:
        console.print(f"wrote {escape(str(path))}", highlight=False, soft_wrap=True)


def status_of(outcome: Outcome, pass_at: float | None) -> int:
    """The exit status that one outcome asks for."""
    if outcome.grade is None:
        return status_of_problem(outcome.problem)
    if outcome.grade.status != "graded":
        return NOT_GRADED
    return BELOW if pass_at is not None and (outcome.grade.points or 0.0) < pass_at else GRADED


def status_of_problem(problem: GraderError | None) -> int:
    """2 for what whoever called us can mend, 3 for what only we can."""
    theirs = (UsageError, UnreadableSubmission, BadAssignment, BadBundle)
    return USAGE if isinstance(problem, theirs) else NOT_GRADED


def complain(console: Console, problem: GraderError | None, about: str = "") -> None:
    """One line, red where there are colours."""
    said = str(problem)
    if about and about not in said:
        said = f"{about}: {said}"
    console.print(
        f"grade: {escape(said)}",
        highlight=False,
        soft_wrap=True,
        style="red" if console.is_terminal else None,
    )


def say(console: Console, *lines: str) -> None:
    """Plain lines, whatever is in them."""
    for line in lines:
        console.print(escape(line), highlight=False, soft_wrap=True)
