"""Grades for an assignment of Moodle.

The layout is the offline grading worksheet, as `mod/assign/feedback/offline/importgradeslib.php` and `locallib.php`
beside it read it (github.com/moodle/moodle); the headings are those of Moodle in English.
"""

from __future__ import annotations

import re

from grader.model.classroom import ClassRecord, ClassRow
from grader.report.cells import BYTE_ORDER_MARK, amount, cell, csv_text, several
from grader.report.lms import GradeImport, Scale, counted, matched, maximum, told

_HEADINGS = (
    "Identifier",
    "Full name",
    "Email address",
    "Status",
    "Grade",
    "Maximum Grade",
    "Grade can be changed",
    "Last modified (grade)",
)
_COMMENTS = "Feedback comments"
# No date: a grade that Moodle already has is replaced only where the instructor allows it when uploading.
_NEVER = ""


def to_moodle_csv(record: ClassRecord, scale: Scale = "grade", with_comments: bool = True) -> GradeImport:
    """`record` as a grading worksheet of Moodle, which finds students by their participant number.

    Moodle leaves a grade as it is where the cell is empty. The column of comments is there only where somebody has
    one, since an empty comment may take the place of Moodle's.
    """
    students = matched(record, "Moodle", participant)
    rows = [(number, row, amount(counted(row, scale))) for number, row in students.rows]
    most = amount(maximum(record, scale))
    commented = with_comments and any(row.comments for _, row, _ in rows)
    lines = [
        [*_person(number, row), grade, most, "Yes", _NEVER, *([several(row.comments)] if commented else [])]
        for number, row, grade in rows
    ]
    headings = [*_HEADINGS, *([_COMMENTS] if commented else [])]
    waiting = told("Without a grade in Moodle's file", (row for _, row, grade in rows if not grade))
    graded = sum(bool(grade) for *_, grade in rows)
    return GradeImport(BYTE_ORDER_MARK + csv_text([headings, *lines]), graded, students.remarks + waiting)


def participant(row: ClassRow) -> str:
    """The number of `Participant 12345`, whose word depends on Moodle's language; nothing where there is none."""
    found = re.fullmatch(r"[^0-9]{0,40}([0-9]{1,18})\s*", row.ids.get("moodle", ""))
    return str(int(found[1])) if found else ""


def _person(number: str, row: ClassRow) -> tuple[str, ...]:
    status = row.status.replace("_", " ")
    return f"Participant {number}", cell(row.name), cell(row.email), status.capitalize()
