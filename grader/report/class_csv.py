"""A class as one table, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable

from grader.model.classroom import ClassExercise, ClassRecord, ClassRow
from grader.report.cells import BYTE_ORDER_MARK, amount, cell, csv_text, several

Column = tuple[str, Callable[[ClassRow], str]]
"""A heading, and what stands under it for a student."""


def to_csv(record: ClassRecord) -> str:
    """`record` as CSV for Excel and its kin: a line of headings, then a line for each student.

    Points are empty, not 0, where nothing was graded; `status` and `reason` say why. Numbers have two decimals.
    """
    columns = _columns(record)
    rows = [[value(row) for _, value in columns] for row in record.rows]
    return BYTE_ORDER_MARK + csv_text([[heading for heading, _ in columns], *rows])


def _columns(record: ClassRecord) -> list[Column]:
    platforms = sorted({platform for row in record.rows for platform in row.ids})
    return [
        ("key", lambda row: cell(row.key)),
        ("name", lambda row: cell(row.name)),
        ("email", lambda row: cell(row.email)),
        *map(_id, platforms),
        ("status", lambda row: row.status),
        ("points", lambda row: amount(row.points)),
        ("max_points", lambda row: amount(row.max_points)),
        ("grade", lambda row: amount(row.grade)),
        ("max_grade", lambda row: amount(row.max_grade)),
        ("late_days", lambda row: "" if row.late_days is None else str(row.late_days)),
        ("needs_review", lambda row: "yes" if row.needs_review else "no"),
        ("attempts", lambda row: str(row.attempts)),
        *map(_exercise, record.titles),
        ("codes", _codes),
        ("overridden", _overridden),
        ("comments", lambda row: several(row.comments)),
        ("reason", lambda row: cell(row.problem)),
        ("remarks", lambda row: several(row.remarks)),
        ("submission", lambda row: cell(row.submission)),
        ("report", lambda row: cell(row.report or "")),
    ]


def _id(platform: str) -> Column:
    return cell(f"{platform}_id"), lambda row: cell(row.ids.get(platform, ""))


def _exercise(number: int) -> Column:
    return f"ex{number}", lambda row: amount(
        next((one.points for one in row.exercises if one.number == number), None)
    )


def _codes(row: ClassRow) -> str:
    of_exercises = (f"ex{one.number}: {code}" for one in row.exercises for code in one.codes)
    return several((*row.codes, *of_exercises))


def _overridden(row: ClassRow) -> str:
    return several(_override(one) for one in row.exercises if one.overridden)


def _override(one: ClassExercise) -> str:
    changed = " (the machine's points have changed since)" if one.conflict else ""
    return f"ex{one.number}{changed}: {one.reason}".removesuffix(": ")
