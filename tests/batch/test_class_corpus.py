"""Forty mixed submissions, two at a time: killed three times on the way, a class ends as if nothing had happened."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from grader.model.classroom import ClassRecord
from grader.report.class_page import to_class_page
from tests.batch.faulty import Site, check_files, new_site, until
from tests.conformance.test_whole_submissions import ENDLESS, FILLED_DISK, FORK_BOMB, TWELVE_GIGABYTES
from tests.expectations import CORPUS, MUTANTS, submission_file

pytestmark = pytest.mark.corpus

CORRECT = (
    "closures-only",
    "functional-relu-full-batch",
    "hand-made-layers-einsum",
    "one-giant-cell",
    "percent-script-clamp",
    "script-with-main",
    "sequential-only",
)
LESSER = (
    "adam-in-ex4",
    "ex9-missing",
    "no-activation-in-ex6",
    "no-plots-in-ex5",
    "no-step-in-ex7",
    "two-omissions",
    "zero-grad-not-called",
)
ODD = (
    "asks-for-input",
    "bom-and-crlf-script",
    "cell-does-not-parse",
    "every-cell-raises",
    "first-cell-raises",
    "hostile-output",
    "kernel-dies-after-ex5",
    "missing-metadata",
    "script-does-not-parse",
    "stored-outputs-only",
    "sys-exit-in-the-middle",
    "thirty-megabytes-of-output",
)
REFUSED = (
    "empty-file",
    "json-but-no-notebook",
    "picture-called-ipynb",
    "truncated-notebook",
    "notebook-for-r",
)
TAMPERING = (
    "integrity-hardcoded.constant-prints",
    "integrity-tampering.backward-replaced",
    "integrity-tampering.equality-is-always-true",
    "integrity-tampering.hooks-removed",
)
HOSTILE = {
    # The longest of all begins first, so nobody waits for it at the end.
    "endless-loop": ENDLESS + "# and so on\n" * 10_000,
    "fork-bomb": "import os, signal\n" + FORK_BOMB,
    "full-disk": FILLED_DISK,
    "twelve-gigabytes": "import torch\n" + TWELVE_GIGABYTES,
    "kills-its-parents": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos.kill(-1, signal.SIGKILL)\n",
}
KILLED_AT = (8, 17, 30)
"""Results in the gradebook when the whole process group is ended."""
TIMEOUT_S = "100"
"""For a whole submission: many times what each of them needs, the endless one apart."""
PATIENCE_S = 1200.0
SUMMED_UP = "40 students: 35 graded, 5 with nothing that can be graded"


@pytest.fixture
def site() -> Iterator[Site]:
    with new_site() as site:
        for name in (*CORRECT, *LESSER, *ODD, *REFUSED):
            hand_in(site, CORPUS / name)
        for name in TAMPERING:
            hand_in(site, MUTANTS / name)
        for name, code in HOSTILE.items():
            (site.handed_in / name).mkdir()
            (site.handed_in / name / "submission.py").write_text(f"# Ex 1\nprint(1)\n# Ex 2\n{code}")
        yield site


def hand_in(site: Site, case: Path) -> None:
    (site.handed_in / case.name).mkdir()
    shutil.copy(submission_file(case), site.handed_in / case.name)


def test_forty_submissions_killed_three_times(site: Site) -> None:
    options, whole = ("--jobs", "2", "--timeout", TIMEOUT_S), site.root / "whole"
    assert len(list(site.handed_in.iterdir())) == 40
    undisturbed = site.real(*options, out=whole)
    assert undisturbed.ended(PATIENCE_S) == 2 and SUMMED_UP in undisturbed.err, undisturbed.err
    for count in KILLED_AT:
        run = site.real(*options)
        until(lambda count=count: site.results() >= count, f"{count} results", PATIENCE_S)  # type: ignore[misc]
        run.kill_group()
        site.quiet()
    last = site.real(*options)
    assert last.ended(PATIENCE_S) == 2 and SUMMED_UP in last.err, last.err
    site.quiet()
    assert list(site.temporary.iterdir()) == []
    for folder in (whole, site.out):
        check_files(folder)
    # Before anything is read with SQLite: a reader leaves files of its own.
    assert names(site.out) == names(whole)
    assert apart(kept(site.out), kept(whole)) == []
    assert (site.out / "grades.csv").read_bytes() == (whole / "grades.csv").read_bytes()
    assert timeless(record(site.out)) == timeless(record(whole))
    for folder in (whole, site.out):
        assert (folder / "class.html").read_text() == to_class_page(record(folder))


KEPT = {
    "students": "SELECT key, name, email, ids FROM students",
    "standings": "SELECT key, standing, shown, reason FROM standings JOIN students ON id = student_id",
    "attempts": """
        SELECT s.key, a.submission, a.sha256, a.report, r.status, r.points, r.digest, r.problem, r.evidence
        FROM attempts a JOIN students s ON s.id = a.student_id JOIN results r ON r.id = a.result_id""",
    "handins": """
        SELECT s.key, h.name, h.shown, h.origin, h.handed_in, h.late, h.remarks
        FROM handins h JOIN attempts a ON a.id = h.attempt_id JOIN students s ON s.id = a.student_id""",
    "results": "SELECT submission, assignment_key, seed, device, grader, turn, run, status, digest FROM results",
    "events": "SELECT s.key, e.who, e.kind, e.what, e.why FROM events e JOIN students s ON s.id = e.student_id",
}


def kept(folder: Path) -> Counter[tuple[Any, ...]]:
    """What a gradebook holds, the order and the times of its rows apart."""
    with closing(sqlite3.connect(folder / "gradebook.sqlite")) as book:
        return Counter((name, *row) for name, query in KEPT.items() for row in book.execute(query))


def apart(
    disturbed: Counter[tuple[Any, ...]], undisturbed: Counter[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """The rows that only one gradebook holds, and which."""
    sides = (("disturbed", disturbed - undisturbed), ("undisturbed", undisturbed - disturbed))
    return [(side, *row) for side, rows in sides for row in rows]


def record(folder: Path) -> ClassRecord:
    """The class, as its JSON tells it."""
    return ClassRecord.model_validate_json((folder / "class.json").read_text())


def timeless(record: ClassRecord) -> ClassRecord:
    """The class without how long each submission ran."""
    rows = tuple(row.model_copy(update={"student_s": 0.0}) for row in record.rows)
    return record.model_copy(update={"rows": rows})


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
