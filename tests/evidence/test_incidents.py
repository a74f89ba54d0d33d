"""What went wrong while the cells ran, told once and at its root."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from grader.evidence.incidents import incidents
from grader.model.grade import Diagnosis
from grader.model.recording import CellError, CellRun
from grader.model.submission import Submission, Where
from tests.evidence.building import notebook, script


def ran(number: int, status: Literal["ok", "timeout", "died", "not_run"] = "ok") -> CellRun:
    return CellRun(number=number, status=status)


def raised(number: int, name: str, message: str = "", line: int | None = 1, **changes: Any) -> CellRun:
    return CellRun(
        number=number, status="error", error=CellError(name=name, message=message, line=line, **changes)
    )


def unknown(number: int, name: str) -> CellRun:
    return raised(number, "NameError", f"name '{name}' is not defined")


def told(submission: Submission, *cells: CellRun) -> list[str]:
    return [incident.code for incident in incidents(submission, cells)]


def only(submission: Submission, *cells: CellRun) -> Diagnosis:
    (incident,) = incidents(submission, cells)
    return incident


THREE = notebook("data = load()\nX, y = data", "model = build(X)", "print(model, X)")


def test_nothing_went_wrong() -> None:
    assert told(THREE, ran(1), ran(2), ran(3)) == []


def test_an_error_is_told_with_its_place() -> None:
    incident = only(THREE, ran(1), raised(2, "ValueError", "bad shape", line=1))
    assert (incident.code, incident.severity, incident.where) == ("run-error", "fail", Where(cell=2, line=1))
    assert "ValueError: bad shape" in incident.message and "Cell [2]" in incident.message


def test_lines_of_a_script_count_through_the_file() -> None:
    parts = script("import torch\nx = 1\n", "a = 1\nb = boom()\n")
    assert only(parts, ran(1), raised(2, "ValueError", line=2)).where == Where(cell=2, line=4)


def test_an_error_without_a_line_has_its_cell() -> None:
    assert only(THREE, raised(1, "ValueError", line=None)).where == Where(cell=1, line=None)


@pytest.mark.parametrize(
    ("status", "code"),
    [("timeout", "run-timeout"), ("died", "run-died")],
)
def test_ends_of_another_kind(status: Literal["timeout", "died"], code: str) -> None:
    incident = only(THREE, ran(1), ran(2, status), ran(3, "not_run"))
    assert (incident.code, incident.where) == (code, Where(cell=2, line=None))


@pytest.mark.parametrize(
    ("name", "message", "code"),
    [
        ("ModuleNotFoundError", "No module named 'torchmetrics'", "run-missing-package"),
        ("ImportError", "cannot import name 'x' from 'y'", "run-error"),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'data.csv'", "run-missing-file"),
        ("IsADirectoryError", "[Errno 21] Is a directory: '.'", "run-missing-file"),
        ("URLError", "<urlopen error [Errno -3] Temporary failure>", "run-network"),
        ("ConnectionError", "HTTPSConnectionPool(host='x')", "run-network"),
        ("gaierror", "[Errno -2] Name or service not known", "run-network"),
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied", "run-error"),
        ("NameError", "name 'X' is not defined", "run-error"),
        ("SyntaxError", "invalid syntax", "run-error"),
    ],
)
def test_errors_by_what_they_need(name: str, message: str, code: str) -> None:
    assert told(notebook("print(1)"), raised(1, name, message)) == [code]


def test_the_network_is_seen_in_the_traceback_too() -> None:
    run = raised(1, "RuntimeError", "download failed", traceback="… urllib.error.URLError: <urlopen error>")
    assert told(notebook("load()"), run) == ["run-network"]


def test_a_long_message_is_cut() -> None:
    assert len(only(THREE, raised(1, "ValueError", "x" * 5000)).message) < 400


# ---------------------------------------------------------------- consequences


def test_what_an_earlier_failure_left_undefined_is_not_told_again() -> None:
    assert told(THREE, raised(1, "ValueError"), unknown(2, "X"), unknown(3, "model")) == ["run-error"]


@pytest.mark.parametrize("status", ["timeout", "died"])
def test_nor_after_a_timeout_or_a_death(status: Literal["timeout", "died"]) -> None:
    assert told(THREE, ran(1, status), unknown(2, "X")) == [f"run-{status}"]


@pytest.mark.parametrize(
    "first",
    [
        "def build(x):\n    return x\nboom()",
        "class build:\n    pass\nboom()",
        "import build",
        "from things import other as build",
        "import build.sub",
        "for build in boom(): pass",
        "with boom() as build: pass",
        "(build := boom())",
        "async def build(): pass\nboom()",
    ],
)
def test_every_way_to_make_a_name_counts(first: str) -> None:
    submission = notebook(first, "build(3)")
    assert told(submission, raised(1, "RuntimeError"), unknown(2, "build")) == ["run-error"]


def test_a_name_that_the_failed_cell_would_not_have_made_is_a_mistake_of_its_own() -> None:
    assert told(THREE, raised(1, "ValueError"), unknown(2, "build")) == ["run-error", "run-error"]


def test_a_cell_that_does_not_parse_is_told_and_its_names_are_not_known() -> None:
    submission = notebook("X = (", "print(X)")
    assert told(submission, raised(1, "SyntaxError"), unknown(2, "X")) == ["run-error", "run-error"]


def test_a_name_used_before_a_later_cell_makes_it_is_an_order() -> None:
    submission = notebook("print(model)", "x = 1", "model = 3")
    incident = only(submission, unknown(1, "model"), ran(2), ran(3))
    assert incident.code == "run-order"
    assert "`model`" in incident.message and "cell [3]" in incident.message


def test_a_name_that_its_own_cell_makes_too_late_is_an_error() -> None:
    assert told(notebook("print(model)\nmodel = 3"), unknown(1, "model")) == ["run-error"]
