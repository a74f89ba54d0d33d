"""The grade as lines: the score, a table of the exercises, then what went wrong, where, and a hint."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.model.grade import (
    CheckResult,
    Comment,
    Diagnosis,
    Environment,
    ExerciseResult,
    Grade,
    Outcome,
)
from grader.report.language.speech import in_language, said
from grader.report.sentences import SEVERITIES, STANDINGS, at, decision, remarks
from grader.report.text import exercise_name, number, one_line, outcome

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.PARTIAL: "yellow",
    Outcome.FAILED: "red",
    Outcome.SKIPPED: "dim",
    Outcome.NOT_ATTEMPTED: "dim",
    Outcome.NOT_GRADED: "magenta",
}


def to_terminal(grade: Grade, console: Console) -> None:
    """Print `grade` on `console`.

    Every string goes out as plain text: no markup in it is read, and terminal commands are taken out.
    """
    grade = in_language(grade)
    _print_score(grade, console)
    console.print(_table(grade))
    for exercise in grade.exercises:
        if exercise.override is not None:
            _say(console, f"{exercise_name(exercise.number)}: {decision(exercise)}", "cyan")
    for comment in grade.comments:
        _print_comment(comment, console)
    for diagnosis in grade.diagnoses:
        _print_diagnosis(diagnosis, grade.submission.kind, console)
    for exercise in grade.exercises:
        _print_mistakes(exercise, grade.submission.kind, console)
    for note in grade.notes:
        _say(console, f"{said('Note')}: {one_line(note)}", "dim")


def _say(console: Console, line: str, style: str = "", indent: int = 0) -> None:
    console.print(Padding(Text(line, style=style), (0, 0, 0, indent), expand=False), highlight=False)


def _print_score(grade: Grade, console: Console) -> None:
    console.print(Text(one_line(grade.submission.name, 200), style="bold"), highlight=False)
    _say(console, one_line(grade.assignment.title, 200), "dim")
    console.print()
    score = Text()
    score.append(said(f"Grade {number(grade.grade)} of {number(grade.max_grade)}"), style="bold")
    score.append(f"   {said(f'{number(grade.points)} of {number(grade.max_points)} points')}")
    console.print(score, highlight=False)
    _say(console, _circumstances(grade.environment), "dim")
    for line in (STANDINGS[grade.status], "Needs review by an instructor." if grade.needs_review else ""):
        if line:
            _say(console, said(line), "magenta")


def _circumstances(environment: Environment) -> str:
    layers = ", ".join(map(one_line, environment.sandbox))
    held = f"held by {layers}" if layers else "without a sandbox"
    return said(f"{one_line(environment.kernel).capitalize()} kernel, {held}")


def _table(grade: Grade) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column(said("Exercise"), max_width=44, overflow="ellipsis", no_wrap=True)
    table.add_column(said("Result"), no_wrap=True)
    table.add_column(said("Points"), justify="right", no_wrap=True)
    for exercise in grade.exercises:
        of = (
            f"{number(exercise.points)} / {number(exercise.max_points)}"
            if exercise.graded
            else said("no points")
        )
        table.add_row(
            Text(exercise_name(exercise.number)),
            Text(one_line(exercise.title, 200)),
            Text(outcome(exercise.status), style=_STYLES[exercise.status]),
            Text(of),
        )
    return table


def _print_comment(comment: Comment, console: Console) -> None:
    head = "Comment" if comment.exercise is None else f"Comment on {exercise_name(comment.exercise)}"
    _say(console, f"{said(head)}: {one_line(comment.text, 2000)}", "cyan")


def _print_mistakes(exercise: ExerciseResult, kind: str, console: Console) -> None:
    checks = [check for check in exercise.checks if check.status is not Outcome.PASSED]
    if not checks and not exercise.diagnoses:
        return
    console.print()
    _say(console, f"{exercise_name(exercise.number)}  {one_line(exercise.title, 200)}", "bold")
    for diagnosis in exercise.diagnoses:
        _print_diagnosis(diagnosis, kind, console)
    for check in checks:
        _print_check(check, kind, console)


def _print_check(check: CheckResult, kind: str, console: Console) -> None:
    points = f"{number(check.points)} / {number(check.max_points)}"
    head = f"{one_line(check.id)}: {outcome(check.status)}, {points}{at(check.where, kind)}"
    _say(console, head, _STYLES[check.status], indent=2)
    _say(console, one_line(check.message), indent=4)
    for remark in remarks(check):
        _say(console, remark, "dim", indent=4)


def _print_diagnosis(diagnosis: Diagnosis, kind: str, console: Console) -> None:
    severity = said(SEVERITIES[diagnosis.severity])
    _say(console, f"{severity}: {one_line(diagnosis.code)}{at(diagnosis.where, kind)}", "bold", indent=2)
    _say(console, one_line(diagnosis.message), indent=4)
    if diagnosis.hint:
        _say(console, f"{said('hint')}: {one_line(diagnosis.hint)}", "dim", indent=4)
