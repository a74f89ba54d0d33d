"""Reports to give back to a class at once, as an assignment of Moodle takes them.

Moodle reads the folder's name as `name_participant_plugintype_plugin`, by `_` and from the left; what follows is the
feedback file. Older versions want one more `_` at its end, newer ones allow it. Source:
`mod/assign/feedback/file/importziplib.php` of github.com/moodle/moodle.
"""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Callable
from typing import BinaryIO

from grader.model.classroom import ClassRecord, ClassRow
from grader.report.lms import matched, told
from grader.report.moodle_csv import participant

_LONGEST_NAME = 40
"""Characters; in UTF-8, and with the rest of the folder's name, still within 255 bytes."""
_EARLIEST: tuple[int, int, int, int, int, int] = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip file can hold: the same reports give the same bytes at any time."""


def feedback_zip(
    record: ClassRecord, report_text_of: Callable[[ClassRow], str | None], out: BinaryIO
) -> tuple[str, ...]:
    """Write to `out` the zip for Moodle's "Upload multiple feedback files in a zip"; one report is held at a time.

    `report_text_of` gives what this student may read, as HTML; None where there is none. Returns sentences on who
    gets nothing though they have a report. Raises OSError where `out` cannot be written.
    """
    have = record.model_copy(update={"rows": tuple(row for row in record.rows if row.report is not None)})
    students = matched(have, "Moodle", participant)
    lost: list[ClassRow] = []
    with zipfile.ZipFile(out, "w") as archive:
        for number, row in students.rows:
            text = report_text_of(row)
            if text is None:
                lost.append(row)
            else:
                place = f"{_safe(row.name) or 'Student'}_{number}_assignfeedback_file_/{_file_name(record)}"
                archive.writestr(_entry(place), text.encode("utf-8", errors="replace"))
    return students.remarks + told("Their report was not found, so it is not in the zip for Moodle", lost)


def _entry(place: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(place, _EARLIEST)
    entry.compress_type = zipfile.ZIP_DEFLATED
    # Both would else tell the system that wrote it.
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry


def _file_name(record: ClassRecord) -> str:
    return f"{_safe(record.assignment_id) or 'feedback'}.report.html"


def _safe(name: str) -> str:
    """Letters, digits, hyphens, dots and spaces; no underscore, which would shift what Moodle reads."""
    kept = (c if unicodedata.category(c)[0] in "LMN" or c in "-." else " " for c in name)
    return " ".join("".join(kept).split())[:_LONGEST_NAME].strip(" .-")
