"""The published schema of the JSON report: `python -m grader.report.schema` prints it."""

from __future__ import annotations

import json
import sys

from grader.model.grade import Grade


def schema_text() -> str:
    """JSON Schema (draft 2020-12) of `Grade`, as `docs/grade.schema.json` holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    schema |= Grade.model_json_schema(mode="serialization")
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
