from __future__ import annotations

import csv
import io
import re
import time

import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.model.classroom import ClassExercise, ClassRecord, ClassRow
from grader.report.canvas_csv import to_canvas_csv
from grader.report.cells import amount, cell, several
from grader.report.class_csv import to_csv
from grader.report.moodle_csv import to_moodle_csv
from tests.report.class_sample import FORMULA, class_record, exercise, row

FORMULAS = (
    FORMULA,
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    '"=1',
    "\u200b=1",
    "\uff1d1",
    "\x1b[1m=1",
    "a;=1",
)
STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
NUMBERS = ("points", "max_points", "grade", "max_grade", *(f"ex{n}" for n in range(1, 10)))


def table(text: str) -> list[dict[str, str]]:
    headings, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    return [dict(zip(headings, cells, strict=True)) for cells in rows]


def of(*rows: ClassRow) -> ClassRecord:
    return class_record(14).model_copy(update={"rows": rows})


def one(key: str) -> dict[str, str]:
    (found,) = [line for line in table(to_csv(class_record())) if line["key"] == key]
    return found


# ---------------------------------------------------------------- what it says


def test_every_number_is_the_records() -> None:
    record = class_record(60)
    for line, student in zip(table(to_csv(record)), record.rows, strict=True):
        points = {f"ex{one.number}": one.points for one in student.exercises}
        for heading in NUMBERS:
            expected = points.get(heading) if heading.startswith("ex") else getattr(student, heading)
            assert (
                line[heading] == "" if expected is None else float(line[heading]) == pytest.approx(expected)
            )
        assert line["attempts"] == str(student.attempts)
        assert line["needs_review"] == ("yes" if student.needs_review else "no")
        assert line["late_days"] == ("" if student.late_days is None else str(student.late_days))


@pytest.mark.parametrize(
    ("key", "status", "reason"),
    [
        ("ours", "not_graded", "no space left"),
        ("broken", "refused", "holds no JSON"),
        ("absent", "missing", ""),
    ],
)
def test_what_was_not_graded_has_no_points_and_says_why(key: str, status: str, reason: str) -> None:
    line = one(key)
    assert line["status"] == status and reason in line["reason"]
    assert [line[heading] for heading in NUMBERS if not heading.startswith("max")] == [""] * 11


def test_a_zero_that_was_earned_is_a_zero() -> None:
    assert one("crashed")["points"] == "0" and one("crashed")["ex1"] == "0"


def test_what_an_instructor_set_counts_and_its_reason_is_there() -> None:
    line = one("disputed")
    assert line["ex3"] == "0.5"
    expected = 'ex3 (the machine\'s points have changed since): Discussed in the lab, "half" <agreed>.'
    assert line["overridden"] == expected


def test_codes_say_where_they_were_found() -> None:
    assert one("review")["codes"] == "integrity-hardcoded | ex9: integrity-hardcoded"


def test_ids_of_every_platform_have_a_column() -> None:
    assert {"canvas_id", "github_id", "moodle_id", "sis_id"} <= set(one("raised"))
    assert one("raised")["sis_id"] == "" and one("raised")["github_id"] == "raised-lab"


def test_excel_is_told_that_it_is_utf_8() -> None:
    assert to_csv(class_record()).encode().startswith(b"\xef\xbb\xbfkey,name,")


def test_pandas_reads_the_same_table() -> None:
    record = class_record(40)
    frame = pandas.read_csv(io.BytesIO(to_csv(record).encode()), dtype={"key": str, "name": str})
    assert frame.shape == (40, len(one("raised")))
    assert frame["points"].sum() == pytest.approx(sum(row.points or 0 for row in record.rows), abs=0.01 * 40)
    assert frame["ex4"].count() == sum(
        bool(row.exercises and row.exercises[3].points is not None) for row in record.rows
    )


def test_the_extra_exercise_has_no_column() -> None:
    student = row("a", "A", (exercise(0, 0.0), exercise(1, 1.0)))
    assert "ex0" not in to_csv(of(student))


def test_a_thousand_students_are_written_at_once() -> None:
    record = class_record(1000)
    start = time.process_time()
    to_csv(record), to_canvas_csv(record), to_moodle_csv(record)
    assert time.process_time() - start < 2


# ---------------------------------------------------------------- what a student wrote


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula(text: str) -> None:
    hostile = row(
        text, text, (exercise(1, 1.0, overridden=True, reason=text, codes=(text,)),), email=text,
        ids={"canvas": text, "moodle": text, text: text}, submission=text, codes=(text,), comments=(text, text),
        problem=text, remarks=(text,), report=text,
    )  # fmt: skip
    (line,) = table(to_csv(of(hostile)))
    for said in (*line, *line.values()):
        assert not said.startswith(STARTS) and not re.search(r";[\s\"]*[=+@-]", said), said


def test_what_looks_like_a_formula_can_still_be_read() -> None:
    assert cell("=1+1") == "'=1+1"
    assert cell("a - b = c") == "a - b = c"


def test_names_of_all_kinds_come_back() -> None:
    names = [
        'O"Hara, "Pat"',
        "李雷",
        "👩🏽\u200d💻 Zoë",
        "line\nbreak\r\nname",
        "מרים\u200f כהן",
        "semi;colon",
        "back\\slash",
    ]
    record = of(*(row(f"k{i}", name, ()) for i, name in enumerate(names)))
    found = [line["name"] for line in table(to_csv(record))]
    assert found[:3] == names[:3] and found[3] == "line break name" and found[5:] == names[5:]
    assert "\u200f" not in found[4] and found[4].startswith("מרים")


def test_what_one_text_leaves_open_does_not_swallow_the_next() -> None:
    assert several(["\x1b]0;title", "second"]) == "second"


def test_nothing_is_no_number() -> None:
    assert amount(None) == "" and amount(0.0) == "0" and amount(8.125) == "8.13"


TEXT = st.text(max_size=30) | st.sampled_from(FORMULAS)
IDS = st.builds(
    lambda given, canvas, moodle: {**given, "canvas": str(canvas), "moodle": f"Participant {moodle}"},
    st.dictionaries(TEXT | st.sampled_from(("sis", "login", "section")), TEXT, max_size=3),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
)
ROWS = st.builds(
    ClassRow,
    key=TEXT, name=TEXT, email=TEXT, ids=IDS, max_points=st.just(9.0),
    status=st.sampled_from(("graded", "partly_graded", "not_graded", "refused", "missing")),
    points=st.none() | st.floats(0, 9), grade=st.none() | st.floats(0, 10), max_grade=st.just(10.0),
    machine_points=st.none(), submission=TEXT, codes=st.tuples(TEXT), comments=st.tuples(TEXT, TEXT), problem=TEXT,
    remarks=st.tuples(TEXT), report=st.none() | TEXT,
    exercises=st.tuples(
        st.builds(
            ClassExercise, number=st.just(1), points=st.none() | st.floats(0, 1), machine_points=st.none(),
            max_points=st.just(1.0), status=TEXT, overridden=st.booleans(), reason=TEXT, codes=st.tuples(TEXT),
        )
    ),
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROWS, max_size=4), TEXT)
def test_any_text_keeps_the_shape_and_starts_no_formula(rows: list[ClassRow], title: str) -> None:
    record = of(*rows).model_copy(update={"assignment_title": title})
    canvas, moodle = to_canvas_csv(record), to_moodle_csv(record)
    for text, lines in ((to_csv(record), len(rows)), (canvas.text, canvas.students + 1), (moodle.text, None)):
        text.encode("utf-8")
        parsed = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))
        assert lines is None or len(parsed) == lines + 1
        assert len({len(cells) for cells in parsed}) == 1
        assert not [value for cells in parsed for value in cells if value.startswith(STARTS)]
        assert text.count("\n") == text.count("\r\n") == len(parsed)
