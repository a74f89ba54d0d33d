from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from grader.model.classroom import ClassRecord
from grader.report.class_csv import to_csv
from grader.report.class_json import to_class_json
from grader.report.class_schema import class_schema_text
from tests.report.class_sample import class_record, exercise, row

DOCS = Path(__file__).parents[2] / "docs"


def test_a_class_obeys_the_schema_and_reads_back_the_same() -> None:
    record = class_record(40)
    written = to_class_json(record)
    jsonschema.validate(json.loads(written), json.loads(class_schema_text()))
    assert ClassRecord.model_validate_json(written) == record
    assert to_class_json(ClassRecord.model_validate_json(written)) == written


def test_keys_stand_in_the_schemas_order_and_the_text_ends_with_a_line() -> None:
    assert list(json.loads(to_class_json(class_record()))) == list(ClassRecord.model_fields)
    assert to_class_json(class_record()).endswith("}\n")


def test_numbers_are_written_as_people_write_them() -> None:
    student = row("a", "A", (exercise(1, 0.1 + 0.2),), points=0.1 + 0.2, machine_points=-0.0)
    written = to_class_json(class_record().model_copy(update={"rows": (student,)}))
    assert '"points": 0.3,' in written and '"machine_points": 0.0,' in written


def test_a_number_that_json_cannot_write_is_an_error() -> None:
    student = row("a", "A", (), points=math.nan)
    with pytest.raises(ValueError, match="JSON"):
        to_class_json(class_record().model_copy(update={"rows": (student,)}))


def test_what_was_not_graded_is_null() -> None:
    rows = {one["key"]: one for one in json.loads(to_class_json(class_record()))["rows"]}
    assert [rows[key]["points"] for key in ("ours", "broken", "absent")] == [None] * 3


def test_the_published_schema_is_current() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "grader.report.class_schema"],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    ).stdout
    assert (DOCS / "class.schema.json").read_text(encoding="utf-8") == printed == class_schema_text()


def test_the_documentation_names_every_field() -> None:
    text = (DOCS / "exports.md").read_text(encoding="utf-8")
    schema = json.loads(class_schema_text())
    fields = {*schema["properties"], *(f for d in schema["$defs"].values() for f in d.get("properties", ()))}
    assert not {field for field in fields if f"`{field}`" not in text}


def test_the_documentation_names_every_column() -> None:
    text = (DOCS / "exports.md").read_text(encoding="utf-8")
    columns = to_csv(class_record()).removeprefix("\ufeff").splitlines()[0].split(",")
    fixed = {name for name in columns if not name.startswith("ex") and not name.endswith("_id")}
    assert not {name for name in fixed if f"`{name}`" not in text}
