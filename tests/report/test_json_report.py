from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from grader.model.grade import Curve, Grade, Pictures
from grader.report.audience import for_audience
from grader.report.json_report import finite_curve, to_json
from grader.report.schema import schema_text
from tests.report.sample import SAMPLES, excellent, exercise, grade, mixed

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", SAMPLES)
def test_every_report_obeys_the_schema_and_reads_back_as_a_grade(name: str) -> None:
    written = to_json(SAMPLES[name]())
    jsonschema.validate(json.loads(written), json.loads(schema_text()))
    assert to_json(Grade.model_validate_json(written)) == written


def test_keys_stand_in_the_schemas_order_and_the_text_ends_with_a_line() -> None:
    written = to_json(excellent())
    assert list(json.loads(written)) == list(Grade.model_fields)
    assert written.endswith("}\n")


def test_sums_of_floats_are_written_as_people_write_them() -> None:
    written = to_json(grade((), points=0.1 + 0.2, grade=1.3))
    assert '"points": 0.3,' in written


def test_a_row_of_a_grid_stands_on_one_line() -> None:
    row = json.loads(to_json(excellent()))["exercises"][6]["pictures"]["boundaries"][0]["classes"][0]
    assert f"[{', '.join(map(str, row))}]" in to_json(excellent())


def test_steps_without_a_finite_value_are_left_out() -> None:
    curve = Curve(label="loss", epochs=(0, 1, 2), values=(0.7, math.nan, math.inf))
    one = exercise(5, pictures=Pictures(curves=(curve,)))
    kept = json.loads(to_json(grade((one,))))["exercises"][0]["pictures"]["curves"][0]
    assert kept["epochs"] == [0.0] and kept["values"] == [0.7]


def test_a_curve_without_any_finite_value_is_empty() -> None:
    curve = Curve(label="loss", epochs=(0, 1), values=(math.nan, 1.0), low=(0, math.nan), high=(1, 1))
    assert finite_curve(curve) == Curve(label="loss", epochs=(), values=())


def test_a_number_that_json_cannot_write_is_an_error() -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(grade((), points=math.nan))


def test_students_are_told_of_a_review_and_not_of_its_reasons() -> None:
    written = to_json(for_audience(mixed(), "student"))
    assert "An instructor will look at this submission." in written
    assert "integrity" not in written and "does not depend on the training" not in written
    assert for_audience(mixed(), "instructor") is not None and "integrity-hardcoded" in to_json(mixed())


def test_students_without_a_review_see_the_same_grade() -> None:
    assert for_audience(excellent(), "student") == excellent()


def test_the_published_schema_is_current() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "grader.report.schema"],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    ).stdout
    assert (DOCS / "grade.schema.json").read_text(encoding="utf-8") == printed == schema_text()


def test_the_example_in_the_documentation_obeys_the_schema() -> None:
    text = (DOCS / "report-schema.md").read_text(encoding="utf-8")
    example = text.split("```json\n")[1].split("```")[0]
    jsonschema.validate(json.loads(example), json.loads(schema_text()))
    Grade.model_validate_json(example)


def test_the_documentation_names_every_field() -> None:
    text = (DOCS / "report-schema.md").read_text(encoding="utf-8")
    schema = json.loads(schema_text())
    fields = {*schema["properties"], *(f for d in schema["$defs"].values() for f in d.get("properties", ()))}
    assert not {field for field in fields if f"`{field}`" not in text}
