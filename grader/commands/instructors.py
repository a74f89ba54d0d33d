"""The commands by which instructors have the last word on a class, and write its files again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from grader.commands.options import (
    AssignmentFolder,
    Audience,
    ClassOut,
    Formats,
    ForWhom,
    Of,
    Reason,
    Scale,
    Where,
    Who,
)


def export(
    out: ClassOut = Path("reports"),
    formats: Formats = "html,json,csv",
    assignment: AssignmentFolder = None,
    gradebook: Where = None,
    audience: ForWhom = Audience.instructor,
    column: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="The assignment's heading in Canvas's own export: 'Lab 4 (12345)'."
        ),
    ] = "",
    scale: Annotated[
        Scale, typer.Option(help="What a platform's gradebook is to hold: the grade, or points alone.")
    ] = Scale.grade,
) -> None:
    """Write a class's page and exports again from its gradebook: after overrides and comments, or in other formats."""
    from grader.api import configured
    from grader.batch.order import EXPORTS, REPORTS, Order
    from grader.batch.places import ClassFolder
    from grader.commands.class_again import write_class
    from grader.commands.show import formats_in

    wanted = formats_in(formats, (*REPORTS, *EXPORTS))
    order = Order(
        configured(assignment),
        out=out,
        formats=wanted,
        audience=audience.value,
        column=column,
        scale=scale.value,
    )
    write_class(order, ClassFolder(out), gradebook)


def override(
    student: Annotated[str, typer.Argument(metavar="STUDENT", help="Key, id, email or name.")],
    exercise: Annotated[int, typer.Argument(metavar="EXERCISE", min=1, help="Its number.")],
    points: Annotated[
        float | None,
        typer.Argument(metavar="[POINTS]", help="What counts from now on; left out with --withdraw."),
    ] = None,
    reason: Reason = "",
    who: Who = "",
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Let the machine's points count again.")
    ] = False,
    of: Of = None,
    out: ClassOut = Path("reports"),
    gradebook: Where = None,
) -> None:
    """Set a student's points for an exercise: they outrank the machine and survive every new grading."""
    from grader.commands.marks import set_points

    given = None if withdraw else points
    set_points(_folder(out), gradebook, student, exercise, given, reason, who, of, withdraw=withdraw)


def comment(
    student: Annotated[str, typer.Argument(metavar="STUDENT", help="Key, id, email or name.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the student is to read.")],
    exercise: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The exercise it is about.")
    ] = None,
    who: Who = "",
    of: Of = None,
    out: ClassOut = Path("reports"),
    gradebook: Where = None,
) -> None:
    """Add a comment to a student's report."""
    from grader.commands.marks import add_comment

    add_comment(_folder(out), gradebook, student, text, exercise, who, of)


def history(
    student: Annotated[
        str | None,
        typer.Argument(metavar="[STUDENT]", help="Key, id, email or name; everybody where left out."),
    ] = None,
    out: ClassOut = Path("reports"),
    gradebook: Where = None,
) -> None:
    """Show every change in a gradebook: who, when, what, why."""
    from grader.commands.marks import show_history

    show_history(_folder(out), gradebook, student)


def _folder(out: Path) -> Any:
    from grader.batch.places import ClassFolder

    return ClassFolder(out)
