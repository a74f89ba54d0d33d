"""Prints what a job may pass on about the report in a folder: figures as `name=value`, no text of the student's."""

import hashlib
import json
import sys
from pathlib import Path

reports = sorted(Path(sys.argv[1]).glob("*.report.json"))
if len(reports) == 1:
    content = reports[0].read_bytes()
    grade = json.loads(content)
    points = grade["points"]
    print(f"result={grade['status']}")
    print(f"points={'' if points is None else float(points)}")
    print(f"max-points={float(grade['max_points'])}")
    print(f"digest=sha256:{hashlib.sha256(content).hexdigest()}")
