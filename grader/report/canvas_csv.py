"""Grades for the gradebook of Canvas.

The layout is what Canvas itself exports and reads back: `lib/gradebook_exporter.rb` and `lib/gradebook_importer.rb`
of github.com/instructure/canvas-lms.
"""

from __future__ import annotations

import re

from grader.model.classroom import ClassRecord, ClassRow
from grader.report.cells import amount, cell, csv_text
from grader.report.lms import GradeImport, Scale, counted, matched, maximum, told

_HEADINGS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_POINTS_POSSIBLE = "Points Possible"
_OWN_COLUMN = re.compile("(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")


def to_canvas_csv(
    record: ClassRecord, assignment_id: int | None = None, title: str = "", scale: Scale = "grade"
) -> GradeImport:
    """`record` as a gradebook import of Canvas, UTF-8 without a byte order mark.

    Canvas finds its assignment by `assignment_id` (the number in the assignment's address), else by `title` (the
    record's where none is given). Students are found by the ids of Canvas, SIS or login. Whoever has no grade that
    counts is left out: an empty cell would erase what Canvas holds.
    """
    heading = cell(title or record.assignment_title)
    named = f"{heading} ({assignment_id})" if assignment_id is not None else heading
    students = matched(record, "Canvas", _identity)
    graded = [row for _, row in students.rows if counted(row, scale) is not None]
    waiting = (row for _, row in students.rows if counted(row, scale) is None)
    rows = [[*_ids(row), amount(counted(row, scale))] for row in graded]
    possible = [f"    {_POINTS_POSSIBLE}", "", "", "", "", amount(maximum(record, scale))]
    remarks = (*students.remarks, *told("Without a grade for Canvas, so left out", waiting), *_misread(named))
    return GradeImport(csv_text([[*_HEADINGS, named], possible, *rows]), len(rows), remarks)


def _identity(row: ClassRow) -> str:
    given = (("canvas", _canvas(row)), ("sis", _exact(row, "sis")), ("login", _exact(row, "login")))
    return next((f"{kind} {name}" for kind, name in given if name), "")


def _ids(row: ClassRow) -> tuple[str, ...]:
    name = cell(row.name)
    # Canvas takes a row whose first cell says so for the maximum, whoever's name it is.
    shown = "" if _POINTS_POSSIBLE in name else name
    section = cell(row.ids.get("section", ""))
    return shown, _canvas(row), _exact(row, "sis"), _exact(row, "login"), section


def _canvas(row: ClassRow) -> str:
    name = row.ids.get("canvas", "").strip()
    return name if re.fullmatch("[0-9]{1,20}", name) else ""


def _exact(row: ClassRow, platform: str) -> str:
    # Canvas would not find an id that had to be changed to be safe.
    name = row.ids.get(platform, "")
    return name if cell(name) == name else ""


def _misread(heading: str) -> tuple[str, ...]:
    if not _OWN_COLUMN.search(heading):
        return ()
    return (
        f"Canvas takes the column `{heading}` for a total of its own: give the assignment another title.",
    )
