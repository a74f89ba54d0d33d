"""Files that are no submission, and the promise that nothing but a refusal ever comes out of them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import UnreadableSubmission
from grader.load import content, submission
from grader.load.submission import load_submission
from grader.model.submission import Submission

few = settings(max_examples=60, deadline=None)


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableSubmission) as caught:
        load_submission(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "ana.ipynb") == "ana.ipynb does not exist: check the path."


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ana.ipynb")
    assert "is not an ordinary file" in refusal(tmp_path / "ana.ipynb")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ana.py"
    path.write_text("a = 1")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # Root, as whom tests may run, is denied nothing.
    assert "may not be read" in refusal(path)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ana.R"
    path.write_text("a <- 1")
    assert "neither a notebook (.ipynb) nor a script (.py)" in refusal(path)


def test_names_that_no_terminal_could_show_are_made_harmless(tmp_path: Path) -> None:
    path = tmp_path / "an\na\x1b[31m.py"
    path.write_text("a = 1")
    assert load_submission(path).name == "an?a?[31m.py"
    path.write_text("")
    assert refusal(path).startswith("an?a?[31m.py is empty")


def test_too_much_source_is_refused_but_outputs_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "MAX_SOURCE_BYTES", 1000)
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 5000}
    cell = {"cell_type": "code", "source": "a = 1", "outputs": [output]}
    path = tmp_path / "ana.ipynb"
    path.write_text(json.dumps({"cells": [cell]}))
    assert load_submission(path).code_cells
    path.write_text(json.dumps({"cells": [cell | {"source": "#" * 600}] * 2}))
    assert "of source" in refusal(path)
    script = tmp_path / "ana.py"
    script.write_text("a = 1 #" + "ă" * 600)
    assert "of source" in refusal(script)


def test_a_giant_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_FILE_BYTES", 1000)
    path = tmp_path / "ana.py"
    path.write_text("#" * 1000)
    assert "no code" in refusal(path)
    path.write_text("#" * 1001)
    assert "larger than" in refusal(path)


def test_a_notebook_called_py_is_read_as_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "ana.py"
    path.write_text(json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "a = 1"}]}))
    loaded = load_submission(path)
    assert (loaded.kind, loaded.cells[0].source) == ("notebook", "a = 1")
    assert "was read as a notebook" in loaded.notes[0]


def load_bytes(data: bytes, suffix: str) -> Submission:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"ana{suffix}")
        path.write_bytes(data)
        return load_submission(path)


def loads_or_refuses(data: bytes, suffix: str) -> None:
    """Any other exception passes through and fails the test."""
    try:
        loaded = load_bytes(data, suffix)
    except UnreadableSubmission as error:
        assert "\n" not in str(error)
    else:
        assert [cell.number for cell in loaded.code_cells] == list(range(1, len(loaded.code_cells) + 1))
        "".join(cell.source for cell in loaded.cells).encode()


@few
@given(st.binary(max_size=300), st.sampled_from([".py", ".ipynb"]))
def test_arbitrary_bytes_load_or_are_refused(data: bytes, suffix: str) -> None:
    loads_or_refuses(data, suffix)


@few
@given(st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_arbitrary_text_with_percent_marks_loads_or_is_refused(data: bytes) -> None:
    loads_or_refuses(b"# %% [markdown] a={\n" + data + b"\n# %% " + data + b"\nx = 1", ".py")


WORDS = """cells worksheets cell_type code heading source input metadata grader exercise kernelspec
language_info name language nbformat nbformat_minor level outputs"""
words = st.sampled_from(WORDS.split())
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=25,
)
lists_of_cells = st.fixed_dictionaries({"cells": st.lists(values, max_size=4)}) | st.fixed_dictionaries(
    {"nbformat": values, "worksheets": st.lists(st.fixed_dictionaries({"cells": values}), max_size=2)}
)


@few
@given(values | lists_of_cells)
def test_arbitrary_json_loads_or_is_refused(value: Any) -> None:
    loads_or_refuses(json.dumps(value).encode(), ".ipynb")


sources = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=60)
kinds = st.sampled_from(["code", "markdown", "raw"])
code_with_something = st.just(("code", "x = 1"))
cell_lists = st.tuples(st.lists(st.tuples(kinds, sources), max_size=6), code_with_something).map(
    lambda parts: [*parts[0], parts[1]]
)


def pairs(loaded: Submission) -> list[tuple[str, str]]:
    return [(cell.kind, cell.source) for cell in loaded.cells]


@few
@given(cell_lists)
def test_cells_written_as_version_4_come_back(cells: list[tuple[str, str]]) -> None:
    make = {
        "code": nbformat.v4.new_code_cell,
        "markdown": nbformat.v4.new_markdown_cell,
        "raw": nbformat.v4.new_raw_cell,
    }
    notebook = nbformat.v4.new_notebook(cells=[make[kind](source) for kind, source in cells])
    assert pairs(load_bytes(nbformat.writes(notebook).encode(), ".ipynb")) == cells


@few
@given(cell_lists)
def test_cells_written_as_version_3_come_back(cells: list[tuple[str, str]]) -> None:
    v3 = nbformat.v3
    written = [
        v3.new_code_cell(input=source) if kind == "code" else v3.new_text_cell(kind, source=source)
        for kind, source in cells
    ]
    notebook = v3.new_notebook(worksheets=[v3.new_worksheet(cells=written)])
    assert pairs(load_bytes(v3.writes_json(notebook).encode(), ".ipynb")) == cells


code_blocks = st.lists(
    st.sampled_from(
        [
            "x = 1",
            "def f(a):\n    # %% not a mark\n\n    return a",
            'text = """\n# %% no mark either\n"""',
            "%matplotlib inline",
            "!pip install torch",
            "# Ex 3: the model",
            "# a comment",
            "if x:\n    y = 'ă'\nelse:\n    y = 2",
        ]
    ),
    min_size=1,
    max_size=4,
).map("\n".join)
prose = st.lists(st.sampled_from(["# Ex 1", "Some *text*.", "- a list", "", "ă î ț"]), max_size=4).map(
    lambda lines: "\n".join(["Prose", *lines, "end"])
)
percent_cells = st.lists(
    st.tuples(st.just("code"), code_blocks) | st.tuples(st.just("markdown"), prose), min_size=1, max_size=6
).map(lambda cells: [*cells, ("code", "last = 1")])


@few
@given(percent_cells)
def test_cells_written_as_percent_script_come_back(cells: list[tuple[str, str]]) -> None:
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    notebook = nbformat.v4.new_notebook(cells=[make[kind](source) for kind, source in cells])
    text = jupytext.writes(notebook, fmt="py:percent")
    loaded = load_bytes(text.encode(), ".py")
    assert pairs(loaded) == cells
    lines = text.split("\n")
    for cell in loaded.cells:
        begin = cell.source.split("\n")[0]
        assert lines[cell.first_line - 1].removeprefix("# ") == begin.removeprefix("# ")
