"""The published schema of the JSON of a class: `python -m grader.report.class_schema` prints it."""

from __future__ import annotations

import json
import sys

from grader.model.classroom import ClassRecord


def class_schema_text() -> str:
    """JSON Schema (draft 2020-12) of `ClassRecord`, as `docs/class.schema.json` holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= ClassRecord.model_json_schema(mode="serialization")
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(class_schema_text())
