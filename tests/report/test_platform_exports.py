"""Imports for Canvas and Moodle, and the zip of feedback: read here by the rules that the platforms read them by."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator

import pytest

from grader.model.classroom import ClassRecord, ClassRow
from grader.report.canvas_csv import to_canvas_csv
from grader.report.feedback import feedback_zip
from grader.report.lms import counted
from grader.report.moodle_csv import participant, to_moodle_csv
from tests.report.class_sample import class_record, exercise, nothing, row

NINE = tuple(exercise(n, 1.0) for n in range(1, 10))


def of(*rows: ClassRow) -> ClassRecord:
    return class_record(14).model_copy(update={"rows": rows})


def numbered(students: int) -> ClassRecord:
    """The sample's class, with ids that differ; whoever has none keeps none."""
    record = class_record(students)
    rows = [
        one.model_copy(
            update={"ids": {"canvas": str(700 + i), "moodle": str(100 + i)} if "moodle" in one.ids else {}}
        )
        for i, one in enumerate(record.rows)
    ]
    return record.model_copy(update={"rows": tuple(rows)})


def lines(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


def told(remarks: tuple[str, ...], word: str) -> str:
    (remark,) = [remark for remark in remarks if word in remark]
    return remark


# ---------------------------------------------------------------- whose grade counts


@pytest.mark.parametrize(
    ("waiting", "grade"),
    [
        (exercise(3, None), None),
        (exercise(3, 0.2, status="not_graded"), None),
        (exercise(3, 0.5, machine_points=None, status="not_graded", overridden=True), 9.5),
        (exercise(0, None), 10.0),
    ],
    ids=["nothing graded", "a part graded", "set by an instructor", "the extra"],
)
def test_a_grade_counts_once_nothing_waits(waiting: object, grade: float | None) -> None:
    exercises = (*NINE[:2], *NINE[3:], waiting)
    student = row("a", "A", exercises, status="partly_graded", points=8.5, grade=grade or 9.0)  # type: ignore[arg-type]
    assert counted(student, "grade") == grade
    assert counted(student, "points") == (None if grade is None else 8.5)


# ---------------------------------------------------------------- Canvas


def canvas_reads(text: str) -> Iterator[tuple[str, str]]:
    """Id and grade of each student, by `GradebookImporter`: header, a row of maxima, students."""
    header, *rows = lines(text)
    assert (
        "Student" in header[0]
        and "ID" in header[1]
        and header[2:5] == ["SIS User ID", "SIS Login ID", "Section"]
    )
    (possible,) = [cells for cells in rows if "Points Possible" in cells[0]]
    assert rows[0] is possible and len(header) == 6
    yield "possible", possible[5]
    yield from ((next(filter(None, cells[1:4])), cells[5]) for cells in rows[1:])


def test_canvas_gets_every_grade_that_counts_and_no_other() -> None:
    record = numbered(40)
    found = dict(canvas_reads(to_canvas_csv(record, 12345).text))
    assert found.pop("possible") == "10"
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {
            student.ids["canvas"]: student.grade
            for student in record.rows
            if student.ids and student.grade is not None and student.status == "graded"
        }
    )


def test_points_can_be_exported_without_the_base() -> None:
    found = dict(canvas_reads(to_canvas_csv(of(row("a", "A", NINE)), scale="points").text))
    assert list(found.values()) == ["9", "9"]


def test_canvas_finds_the_assignment_by_its_number_or_its_title() -> None:
    record = class_record()
    assert lines(to_canvas_csv(record, 987).text)[0][5] == f"{record.assignment_title} (987)"
    assert lines(to_canvas_csv(record, title="Lab 3").text)[0][5] == "Lab 3"


def test_nobody_is_left_out_in_silence() -> None:
    record = numbered(30)
    made = to_canvas_csv(record)
    written = {cells[1] for cells in lines(made.text)[2:]}
    left_out = [student for student in record.rows if student.ids.get("canvas") not in written]
    assert made.students == len(written) == 30 - len(left_out)
    assert sum(remark.count("(") for remark in made.remarks) >= len(left_out) == 7
    assert "Hal Missing (missing)" in told(made.remarks, "Without a grade")
    assert "Eda Partly (partly graded)" in told(made.remarks, "Without a grade")
    assert "nameless@example.org (missing)" in told(made.remarks, "by an id")


def test_an_id_that_two_students_have_is_used_for_neither() -> None:
    made = to_canvas_csv(
        of(row("a", "Ana", NINE, ids={"canvas": "7"}), row("b", "Bo", NINE, ids={"canvas": "7"}))
    )
    assert made.students == 0 and "Ana (graded), Bo (graded)" in told(made.remarks, "same Canvas id")


def test_canvas_finds_students_by_the_ids_of_the_school_too() -> None:
    by_sis = row("a", "Ana", NINE, ids={"sis": "0042", "login": "ana@example.org", "section": "B"})
    assert lines(to_canvas_csv(of(by_sis)).text)[2] == ["Ana", "", "0042", "ana@example.org", "B", "10"]


@pytest.mark.parametrize("name", ["=1+1", "a\nb", "12x", "", "-7"])
def test_an_id_that_canvas_would_not_find_is_none(name: str) -> None:
    assert to_canvas_csv(of(row("a", "Ana", NINE, ids={"canvas": name}))).students == 0


@pytest.mark.parametrize("name", ["=1+1", "+41", "a\nb", "\u202e42"])
def test_an_id_of_the_school_that_is_not_safe_is_not_written(name: str) -> None:
    student = row("a", "Ana", NINE, ids={"canvas": "7", "sis": name, "login": name})
    assert lines(to_canvas_csv(of(student)).text)[2] == ["Ana", "7", "", "", "", "10"]
    alone = student.model_copy(update={"ids": {"sis": name}})
    assert to_canvas_csv(of(alone)).students == 0


def test_a_student_called_points_possible_does_not_change_the_maximum() -> None:
    made = to_canvas_csv(of(row("a", " Points  Possible", (exercise(1, 0.0),), ids={"canvas": "7"})))
    assert dict(canvas_reads(made.text)) == {"possible": "10", "7": "1"}


def test_semicolons_in_names_do_not_change_how_canvas_splits() -> None:
    names = [row(f"k{i}", "a;b;c;d;e;f;g;h", NINE, ids={"canvas": str(i)}) for i in range(1, 4)]
    first = to_canvas_csv(of(*names), title="x;y;z;u;v;w;q").text.splitlines()[:3]
    assert len({len(next(csv.reader([line], delimiter=";"))) for line in first}) > 1


def test_canvas_gets_no_byte_order_mark() -> None:
    assert to_canvas_csv(class_record()).text.startswith("Student,ID,")


def test_a_title_that_canvas_takes_for_its_own_total_is_told() -> None:
    assert "another title" in told(
        to_canvas_csv(class_record(), title="Final Grade lab").remarks, "total of its own"
    )


# ---------------------------------------------------------------- Moodle


def moodle_reads(text: str) -> Iterator[tuple[int, str, str]]:
    """Participant, grade and comment of each line, by `assignfeedback_offline_grade_importer`."""
    headings, *rows = lines(text)
    at = {heading: column for column, heading in enumerate(headings)}
    for cells in rows:
        number = cells[at["Identifier"]][len("Participant") :]
        assert cells[at["Last modified (grade)"]] == ""
        comment = cells[at["Feedback comments"]] if "Feedback comments" in at else ""
        yield int(number), cells[at["Grade"]], comment


def test_moodle_gets_every_student_and_no_grade_that_waits() -> None:
    record = numbered(40)
    made = to_moodle_csv(record)
    found = {number: grade for number, grade, _ in moodle_reads(made.text)}
    for student in record.rows:
        if "moodle" in student.ids:
            counts = counted(student, "grade")
            assert found.pop(int(student.ids["moodle"])) == (
                "" if counts is None else f"{counts:.2f}".rstrip("0").rstrip(".")
            )
    assert not found
    assert "Eda Partly (partly graded)" in told(made.remarks, "Without a grade")
    assert "nameless@example.org" in told(made.remarks, "by an id")
    assert made.students == sum("moodle" in s.ids and counted(s, "grade") is not None for s in record.rows)


def test_comments_travel_only_where_there_are_some() -> None:
    plain, commented = row("a", "A", NINE), row("b", "B", NINE, comments=("Well done.", "See me."))
    assert "Feedback comments" not in to_moodle_csv(of(plain)).text
    assert [comment for *_, comment in moodle_reads(to_moodle_csv(of(plain, commented)).text)] == [
        "",
        "Well done. | See me.",
    ]
    assert "Well done" not in to_moodle_csv(of(commented), with_comments=False).text


@pytest.mark.parametrize(
    ("given", "number"),
    [("12345", "12345"), ("Participant 12345", "12345"), ("Teilnehmer/in12345", "12345"), ("007", "7"), ("", ""),
     ("1 2", ""), ("=1+1", ""), ("x", ""), ("٣", "")],
)  # fmt: skip
def test_participants_are_numbers_in_every_language(given: str, number: str) -> None:
    assert participant(row("a", "A", (), ids={"moodle": given})) == number


# ---------------------------------------------------------------- feedback


def moodle_unpacks(archive: bytes) -> dict[int, tuple[str, str]]:
    """Participant → name and text of the file, by `assignfeedback_file_zip_importer`."""
    found = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert files.testzip() is None
        for place in files.namelist():
            folder, name = place.split("/")
            info = folder.split("_", 4)
            assert info[2:] == ["assignfeedback", "file", ""] and not place.startswith((".", "~", "/"))
            assert len(folder.encode()) <= 255
            found[int(info[1])] = (name, files.read(place).decode())
    return found


def zipped(record: ClassRecord, **lost: str) -> tuple[bytes, tuple[str, ...]]:
    out = io.BytesIO()
    remarks = feedback_zip(
        record, lambda student: None if student.key in lost else f"<p>{student.name}</p>", out
    )
    return out.getvalue(), remarks


def test_every_student_with_a_report_and_an_id_gets_it() -> None:
    record = numbered(30)
    archive, remarks = zipped(record, raised="lost")
    expected = {
        int(student.ids["moodle"]): ("pytorch-classification.report.html", f"<p>{student.name}</p>")
        for student in record.rows
        if student.report and "moodle" in student.ids and student.key != "raised"
    }
    assert moodle_unpacks(archive) == expected
    assert "Ada Overruled" in told(remarks, "was not found")
    assert "Hal Missing" not in " ".join(remarks)


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a_99_assignfeedback_file_", "CON", ".hidden", "~x", "", "/", "..", "a\\b:c*?", "李" * 300,
     "\u202eevil", "👩🏽\u200d💻", "na\nme\x00"],
)  # fmt: skip
def test_a_name_leads_nowhere_else(name: str) -> None:
    archive, _ = zipped(of(row("a", name, NINE, ids={"moodle": "5"})))
    assert list(moodle_unpacks(archive)) == [5]
    (place,) = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    assert re.fullmatch(r"[\w .-]+_5_assignfeedback_file_/pytorch-classification\.report\.html", place)
    assert ".." not in place and not place.startswith((".", " "))


def test_the_same_class_gives_the_same_bytes() -> None:
    assert zipped(numbered(20)) == zipped(numbered(20))
    (first, *_) = zipfile.ZipFile(io.BytesIO(zipped(numbered(20))[0])).infolist()
    assert first.date_time == (1980, 1, 1, 0, 0, 0)


def test_a_class_without_moodle_gives_an_empty_zip_and_says_so() -> None:
    archive, remarks = zipped(of(row("a", "Ana", NINE, ids={}), nothing("b", "Bo", "missing", "")))
    assert moodle_unpacks(archive) == {}
    assert remarks == ("Not known to Moodle by an id, so left out: Ana (graded).",)
