"""The grade as Markdown, for the job summary of GitHub Actions or a comment."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from grader.model.grade import CheckResult, Diagnosis, ExerciseResult, Grade, Outcome
from grader.model.submission import Where
from grader.report.sentences import SEVERITIES, STANDINGS, decision, remarks
from grader.report.text import exercise_name, number, one_line, outcome, place

Link = Callable[[Where], str | None]
"""The address of a place in the submission; None where it has none."""

_SIGNS = {
    Outcome.PASSED: "✅",
    Outcome.PARTIAL: "🟡",
    Outcome.FAILED: "❌",
    Outcome.SKIPPED: "⏭️",
    Outcome.NOT_ATTEMPTED: "⬜",
    Outcome.NOT_GRADED: "⚠️",
}
_MARKS = re.compile(r"[\\`*_\[\]<>|~$&@]|:(?=\S)|(?<=www)\.", re.IGNORECASE)
"""Emphasis, code, links, HTML, tables, strikes, formulas, mentions, addresses and emoji; nothing begins a line."""
_MOST = 60
"""Mistakes and checks with words of their own; a summary may have 1 MiB."""


def to_github(grade: Grade, link: Link = lambda where: None) -> str:
    """`grade` as Markdown: the score, a table of exercises, what went wrong and where, every check.

    What a student wrote is escaped character by character, so it makes no markup, link or HTML.
    """
    blocks = [*_head(grade), _exercises(grade), *_findings(grade, link), _checks(grade)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _head(grade: Grade) -> Iterator[str]:
    score = f"Grade {number(grade.grade)} of {number(grade.max_grade)}"
    yield f"## {score} · {_md(grade.submission.name, 200)}"
    points = f"{number(grade.points)} of {number(grade.max_points)} points"
    yield f"{_md(grade.assignment.title, 200)}: **{points}**"
    if STANDINGS[grade.status]:
        yield f"> {_md(STANDINGS[grade.status])}"
    if grade.needs_review:
        yield "> Needs review by an instructor."


def _exercises(grade: Grade) -> str:
    rows = ["| | Exercise | Result | Points |", "|---|---|---|--:|"]
    for exercise in grade.exercises:
        points = f"{number(exercise.points)} / {number(exercise.max_points)}"
        result = f"{_SIGNS[exercise.status]} {outcome(exercise.status)}"
        shown = points if exercise.graded else "no points"
        rows.append(f"| {exercise_name(exercise.number)} | {_md(exercise.title, 200)} | {result} | {shown} |")
    return "\n".join(rows)


def _findings(grade: Grade, link: Link) -> Iterator[str]:
    items = list(islice(_items(grade, link), _MOST))
    if items:
        yield "### What to look at"
    yield from items


def _items(grade: Grade, link: Link) -> Iterator[str]:
    kind = grade.submission.kind
    for comment in grade.comments:
        about = "" if comment.exercise is None else f" on {exercise_name(comment.exercise)}"
        yield f"**Comment{about}:** {_md(comment.text, 2000)}"
    for diagnosis in grade.diagnoses:
        yield _mistake(diagnosis, kind, link)
    for exercise in grade.exercises:
        yield from _of_exercise(exercise, kind, link)
    for note in grade.notes:
        yield f"Note: {_md(note)}"


def _of_exercise(exercise: ExerciseResult, kind: str, link: Link) -> Iterator[str]:
    lost = [check for check in exercise.checks if check.status is not Outcome.PASSED]
    if exercise.override is not None or lost or exercise.diagnoses:
        yield f"#### {exercise_name(exercise.number)} {_md(exercise.title, 200)}"
    if exercise.override is not None:
        yield _md(decision(exercise), 800)
    yield from (_mistake(diagnosis, kind, link) for diagnosis in exercise.diagnoses)
    told = {diagnosis.message for diagnosis in exercise.diagnoses}
    for check in lost:
        # Where a mistake spoils a check, the words are the same: they stand once.
        yield _check_head(check) if check.message in told else _check(check, kind, link)


def _mistake(diagnosis: Diagnosis, kind: str, link: Link) -> str:
    hint = f"\n  <br>hint: {_md(diagnosis.hint)}" if diagnosis.hint else ""
    head = f"**{SEVERITIES[diagnosis.severity]}** <code>{_md(diagnosis.code)}</code>"
    return f"- {head}{_at(diagnosis.where, kind, link)}: {_md(diagnosis.message)}{hint}"


def _check(check: CheckResult, kind: str, link: Link) -> str:
    lines = (f"\n  <br>{_md(remark, 500)}" for remark in remarks(check))
    return f"{_check_head(check)}{_at(check.where, kind, link)}: {_md(check.message)}{''.join(lines)}"


def _check_head(check: CheckResult) -> str:
    points = f"{number(check.points)} / {number(check.max_points)}"
    return f"- <code>{_md(check.id)}</code> {outcome(check.status)}, {points}"


def _at(where: Where | None, kind: str, link: Link) -> str:
    if where is None:
        return ""
    address = link(where)
    shown = place(where, kind)
    return f" ([{shown}]({address}))" if address else f" ({shown})"


def _checks(grade: Grade) -> str:
    rows = ["| Check | What is asked | Result | Points |", "|---|---|---|--:|"]
    for check in (check for exercise in grade.exercises for check in exercise.checks):
        points = f"{number(check.points)} / {number(check.max_points)}"
        result = f"{_SIGNS[check.status]} {outcome(check.status)}"
        rows.append(f"| <code>{_md(check.id)}</code> | {_md(check.title, 200)} | {result} | {points} |")
    table = "\n".join(rows)
    return f"<details><summary>Every check</summary>\n\n{table}\n\n</details>"


def _md(text: str, limit: int = 400) -> str:
    """One line in which no character means anything to Markdown, GitHub's extensions, or HTML."""
    return _MARKS.sub(lambda mark: f"&#{ord(mark[0])};", one_line(text, limit))
