"""Places of a submission as lines of its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grader.load.file_lines import file_lines
from grader.load.submission import load_submission
from grader.model.submission import Where
from tests.conftest import FILES

EXAMPLE = FILES.parents[1] / "examples" / "submission.ipynb"


def cell(source: object, kind: str = "code") -> dict[str, object]:
    return {"cell_type": kind, "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def notebook(path: Path, *cells: object, indent: int | None = 1, text: str = "") -> Path:
    whole = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}
    path.write_text(text or json.dumps(whole, indent=indent), encoding="utf-8")
    return path


def test_every_line_of_every_cell_is_found() -> None:
    raw, line_of = EXAMPLE.read_text(encoding="utf-8").splitlines(), file_lines(EXAMPLE, "notebook")
    for one in load_submission(EXAMPLE).code_cells:
        for number, line in enumerate(one.source.split("\n"), start=1):
            at = line_of(Where(cell=one.number or 0, line=number))
            assert at is not None and json.dumps(line, ensure_ascii=False)[1:-1] in raw[at - 1]


def test_text_cells_blank_cells_and_outputs_do_not_count(tmp_path: Path) -> None:
    shown = cell(["a = 1\n", "b = 2"])
    shown["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["c = 3\n", "d = 4"]}]
    path = notebook(
        tmp_path / "a.ipynb", cell(["c = 3\n"], "markdown"), cell([" \n"]), shown, cell(["c = 3\n", "d = 4"])
    )
    raw, line_of = path.read_text().splitlines(), file_lines(path, "notebook")
    at = line_of(Where(cell=2, line=2))
    assert at == max(number for number, line in enumerate(raw, start=1) if '"d = 4"' in line)
    assert line_of(Where(cell=2)) == at - 1
    assert line_of(Where(cell=3, line=1)) is line_of(Where(cell=2, line=3)) is None


def test_a_cell_that_is_one_string_points_at_that_string(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", cell("a = 1\nb = 2\nc = 3"))
    (at,) = [n for n, line in enumerate(path.read_text().splitlines(), start=1) if "b = 2" in line]
    assert {file_lines(path, "notebook")(Where(cell=1, line=line)) for line in (1, 2, 3)} == {at}


def test_a_notebook_on_one_line_is_on_line_1(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", cell(["a = 1\n", "b = 2"]), indent=None)
    assert file_lines(path, "notebook")(Where(cell=1, line=2)) == 1


def test_a_script_counts_through_its_file(tmp_path: Path) -> None:
    assert file_lines(tmp_path / "not read.py", "script")(Where(cell=3, line=41)) == 41


def test_a_line_in_two_strings_stands_where_it_began(tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", cell(["a = ", "1\n", "", "b = 2"]))
    raw, line_of = path.read_text().splitlines(), file_lines(path, "notebook")
    first, second = (line_of(Where(cell=1, line=line)) or 0 for line in (1, 2))
    assert "a = " in raw[first - 1] and "b = 2" in raw[second - 1]


def test_a_file_that_is_gone_points_nowhere(tmp_path: Path) -> None:
    assert file_lines(tmp_path / "a.ipynb", "notebook")(Where(cell=1, line=1)) is None


@pytest.mark.parametrize(
    "text", ["[]", '{"cells": 3}', '{"cells": [3, {"cell_type": "code"}]}', "{", "[" * 9000]
)
def test_a_file_that_is_no_notebook_any_more_points_nowhere(text: str, tmp_path: Path) -> None:
    path = notebook(tmp_path / "a.ipynb", text=text)
    assert file_lines(path, "notebook")(Where(cell=1, line=1)) is None
