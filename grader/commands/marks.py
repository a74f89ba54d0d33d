"""What instructors say: points they set, comments, and who did what when."""

from __future__ import annotations

import getpass

from rich.console import Console
from rich.table import Table

from grader.batch.places import ClassFolder
from grader.commands.show import say
from grader.errors import UsageError
from grader.gradebook.book import opened
from grader.gradebook.records import Changed
from grader.report.text import one_line

_REFRESH = "`grade export` writes the page, the exports and the student's report anew"


def set_points(
    folder: ClassFolder,
    gradebook: str | None,
    student: str,
    exercise: int,
    points: float | None,
    reason: str,
    who: str,
    assignment: str | None = None,
    *,
    withdraw: bool,
) -> None:
    """Set or withdraw an override, and say what counts now.

    Raises UsageError.
    """
    if points is None and not withdraw:
        raise UsageError("name the points that are to count, or --withdraw")
    with opened(gradebook or folder.gradebook, create=False) as book:
        who = who or getpass.getuser()
        if points is None:
            changed = book.withdraw(student, exercise, reason=reason, who=who, assignment=assignment)
        else:
            changed = book.override(student, exercise, points, reason=reason, who=who, assignment=assignment)
    say(Console(), _told(changed), _REFRESH)


def add_comment(
    folder: ClassFolder,
    gradebook: str | None,
    student: str,
    text: str,
    exercise: int | None,
    who: str,
    assignment: str | None = None,
) -> None:
    """Add a comment.

    Raises UsageError.
    """
    with opened(gradebook or folder.gradebook, create=False) as book:
        book.comment(student, text, exercise=exercise, who=who or getpass.getuser(), assignment=assignment)
    say(Console(), f"noted; {_REFRESH}")


def show_history(folder: ClassFolder, gradebook: str | None, student: str | None) -> None:
    """Every change, the oldest first.

    Raises UsageError.
    """
    table = Table("when (UTC)", "who", "student", "what", "why", box=None)
    with opened(gradebook or folder.gradebook, create=False) as book:
        for event in book.history(student):
            when = event.at.strftime("%Y-%m-%d %H:%M:%S")
            table.add_row(
                when, *map(one_line, (event.who, event.name or event.student, event.what, event.why))
            )
    Console().print(table)


def _told(changed: Changed) -> str:
    def shown(points: float | None) -> str:
        return "nothing" if points is None else f"{points:g}"

    return (
        f"{changed.name or changed.student}, exercise {changed.exercise}: {shown(changed.points)} of "
        f"{changed.max_points:g} instead of {shown(changed.before)} (the machine gives {shown(changed.machine_points)})"
    )
