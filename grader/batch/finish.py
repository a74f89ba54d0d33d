"""The end of a class: its reports brought up to date, the class page and every export, from the gradebook."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import grader
from grader.batch.likeness import Likeness
from grader.batch.order import Order
from grader.batch.places import ClassFolder, file_name
from grader.batch.prepare import Prepared
from grader.batch.single import write_reports
from grader.diagnose.codes import codes
from grader.errors import UsageError
from grader.files import write_bytes_atomically
from grader.gradebook.book import Gradebook
from grader.model.classroom import ClassRecord, ClassRow, MistakeInfo
from grader.model.grade import Grade
from grader.report.canvas_csv import to_canvas_csv
from grader.report.class_csv import to_csv
from grader.report.class_json import to_class_json
from grader.report.class_page import to_class_page
from grader.report.feedback import feedback_zip
from grader.report.formats import FORMATS
from grader.report.html_report import to_html
from grader.report.moodle_csv import to_moodle_csv

Made = tuple[bytes, tuple[str, ...]]
"""A file's content, and sentences on what is not in it."""


class ClassFiles:
    """Writes what an instructor works from; every file whole or not at all."""

    def __init__(self, order: Order, folder: ClassFolder, book: Gradebook) -> None:
        self._order = order
        self._folder = folder
        self._book = book
        self._remarks: list[str] = []

    def write(
        self, prepared: Sequence[Prepared] | None = None, remarks: Sequence[str] = ()
    ) -> tuple[ClassRecord, tuple[Path, ...]]:
        """Bring the students' reports up to date, then write the page and the exports.

        Args:
            prepared: what was handed in, to be compared; None where the pairs of the last run still stand.
            remarks: sentences for the page.

        Raises:
            UsageError: the folder cannot be written to.
        """
        record = self._record(prepared, remarks)
        for row in record.rows:
            self._refresh(row)
        written = tuple(self._put(form, record) for form in self._order.formats if form in _FILES)
        return record, written

    @property
    def remarks(self) -> tuple[str, ...]:
        """Who is missing from which export, and why; sentences."""
        return tuple(dict.fromkeys(self._remarks))

    def _record(self, prepared: Sequence[Prepared] | None, remarks: Sequence[str]) -> ClassRecord:
        record = self._book.class_record(self._order.assignment, grader=grader.__version__)
        likeness = Likeness(self._folder.pairs, self._order.assignment)
        pairs = likeness.known() if prepared is None else likeness.found(prepared)
        known = {row.key for row in record.rows}
        return record.model_copy(
            update={
                "pairs": tuple(pair for pair in pairs if {pair.first, pair.second} <= known),
                "mistakes": tuple(_mistakes(record.rows)),
                "remarks": (*record.remarks, *remarks),
            }
        )

    def _refresh(self, row: ClassRow) -> None:
        """Write a report that is missing, or that does not show what counts now."""
        theirs = any(exercise.overridden for exercise in row.exercises) or row.comments or row.attempts > 1
        if row.status in ("refused", "missing") or (not theirs and self._is_written(row)):
            return
        grade = self._grade(row)
        if grade is not None:
            write_reports(grade, self._folder.students, file_name(row.key), self._order)

    def _is_written(self, row: ClassRow) -> bool:
        endings = (FORMATS[form].ending for form in self._order.formats if form in FORMATS)
        stem = f"{file_name(row.key)}.report."
        return all((self._folder.students / f"{stem}{ending}").exists() for ending in endings)

    def _grade(self, row: ClassRow) -> Grade | None:
        return self._book.adjusted(row.key, assignment=self._order.assignment.id)

    def _put(self, form: str, record: ClassRecord) -> Path:
        name, make = _FILES[form]
        content, left_out = make(record, self._order, self._feedback)
        self._remarks += left_out
        path = self._folder.root / name
        try:
            write_bytes_atomically(path, content)
        except OSError as error:
            raise UsageError(f"{path} cannot be written ({error.strerror or error})") from error
        return path

    def _feedback(self, row: ClassRow) -> str | None:
        """What a student may read of their report, whoever the reports in the folder are for."""
        grade = self._grade(row)
        return None if grade is None else to_html(grade, "student")


_Feedback = Callable[[ClassRow], str | None]


def _mistakes(rows: Sequence[ClassRow]) -> list[MistakeInfo]:
    named = {code for row in rows for code in (*row.codes, *(c for e in row.exercises for c in e.codes))}
    known = codes()
    return [
        MistakeInfo(code=name, title=known[name].seen, severity=known[name].severity)
        for name in known
        if name in named
    ]


def _page(record: ClassRecord, order: Order, feedback: _Feedback) -> Made:
    return to_class_page(record).encode(), ()


def _json(record: ClassRecord, order: Order, feedback: _Feedback) -> Made:
    return to_class_json(record).encode(), ()


def _csv(record: ClassRecord, order: Order, feedback: _Feedback) -> Made:
    return to_csv(record).encode(), ()


def _canvas(record: ClassRecord, order: Order, feedback: _Feedback) -> Made:
    named = re.fullmatch(r"(.*) \(([0-9]+)\)", order.column)
    title, number = (named[1], int(named[2])) if named else (order.column, None)
    made = to_canvas_csv(record, number, title, order.scale)
    return made.text.encode(), made.remarks


def _moodle(record: ClassRecord, order: Order, feedback: _Feedback) -> Made:
    made = to_moodle_csv(record, order.scale)
    return made.text.encode(), made.remarks


def _zip(record: ClassRecord, order: Order, feedback: _Feedback) -> Made:
    whole = io.BytesIO()
    remarks = feedback_zip(record, feedback, whole)
    return whole.getvalue(), remarks


_FILES: dict[str, tuple[str, Callable[[ClassRecord, Order, _Feedback], Made]]] = {
    "html": ("class.html", _page),
    "json": ("class.json", _json),
    "csv": ("grades.csv", _csv),
    "canvas": ("canvas.csv", _canvas),
    "moodle": ("moodle.csv", _moodle),
    "feedback": ("feedback.zip", _zip),
}
