"""Which saves count: those that change what a file says, however an editor writes it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from grader.commands.watching.content import first_difference
from grader.commands.watching.saves import Saves
from grader.errors import UnreadableSubmission
from grader.load.submission import load_submission
from grader.model.submission import Submission

SOON_S = 20.0


def notebook(*sources: str, output: str = "") -> str:
    outputs = [{"output_type": "stream", "name": "stdout", "text": output}] if output else []
    code = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": outputs}
    cells: list[dict[str, Any]] = [{**code, "source": source} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ana.ipynb"
    path.write_text(notebook("a = 1", "b = 2"))
    return path


@pytest.fixture
def told() -> Queue[Submission | UnreadableSubmission]:
    return Queue()


def saves(file: Path, told: Queue[Submission | UnreadableSubmission]) -> Saves:
    return Saves(file, load_submission(file), told.put)


def sources(found: Submission | UnreadableSubmission) -> list[str]:
    assert isinstance(found, Submission)
    return [cell.source for cell in found.code_cells]


def test_new_outputs_are_no_change(file: Path, told: Queue[Submission | UnreadableSubmission]) -> None:
    watching = saves(file, told)
    file.write_text(notebook("a = 1", "b = 2", output="hello"))
    watching.look()
    assert told.empty()
    file.write_text(notebook("a = 1", "b = 3", output="hello"))
    watching.look()
    watching.look()
    assert sources(told.get_nowait()) == ["a = 1", "b = 3"] and told.empty()


def test_data_beside_it_is_a_change(file: Path, told: Queue[Submission | UnreadableSubmission]) -> None:
    helper = file.with_name("data.csv")
    helper.write_text("1")
    watching = saves(file, told)
    helper.write_text("1, 2")
    watching.look()
    assert sources(told.get_nowait()) == ["a = 1", "b = 2"]


def test_what_is_half_written_is_told_once(
    file: Path, told: Queue[Submission | UnreadableSubmission]
) -> None:
    watching = saves(file, told)
    whole = notebook("a = 1", "b = 3")
    for length in (0, 10, len(whole) - 2):
        file.write_text(whole[:length])
        watching.look()
    assert isinstance(told.get_nowait(), UnreadableSubmission) and told.empty()
    file.write_text(whole)
    watching.look()
    assert sources(told.get_nowait()) == ["a = 1", "b = 3"]


def test_reports_in_a_folder_beside_it_are_no_change(
    file: Path, told: Queue[Submission | UnreadableSubmission]
) -> None:
    watching = saves(file, told)
    folder = file.with_name("out")
    folder.mkdir()
    for text in ("{1}", "{2}"):
        (folder / "new").write_text(text)
        (folder / "new").replace(folder / "ana.report.json")
    watching.look()
    assert told.empty()


@pytest.mark.parametrize("atomically", [True, False])
def test_a_save_is_noticed(
    file: Path, told: Queue[Submission | UnreadableSubmission], atomically: bool
) -> None:
    with saves(file, told):
        target = file.with_name(".new") if atomically else file
        target.write_text(notebook("a = 1", "b = 4"))
        if atomically:
            os.replace(target, file)  # noqa: PTH105 - what editors call
        assert sources(told.get(timeout=SOON_S)) == ["a = 1", "b = 4"]


def test_reports_beside_it_wake_nobody(file: Path, told: Queue[Submission | UnreadableSubmission]) -> None:
    with saves(file, told):
        file.with_name("ana.report.html").write_text("<p>")
        file.write_text(notebook("a = 1", "b = 5"))
        assert sources(told.get(timeout=SOON_S)) == ["a = 1", "b = 5"]
    with pytest.raises(Empty):
        told.get_nowait()


def test_the_first_difference(file: Path) -> None:
    before = load_submission(file)

    def place(*sources: str) -> int:
        file.write_text(notebook(*sources))
        return first_difference(before, load_submission(file))

    assert place("a = 1", "b = 3") == 2
    assert place("a = 2", "b = 2") == 1
    assert place("a = 1", "b = 2", "c = 3") == 3
    assert place("a = 1") == 2
    assert place("a = 1", "", "b = 2") == 3
