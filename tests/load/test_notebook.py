"""Notebooks as tools really write them: one test per odd habit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from grader.errors import UnreadableSubmission
from grader.load.submission import load_submission


def code(source: object, **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    } | more


def markdown(source: object) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def notebook(*cells: object, **metadata: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """Writes JSON or bytes to `ana.ipynb` and gives its path."""

    def write(content: object) -> Path:
        path = tmp_path / "ana.ipynb"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return write


def test_code_cells_that_are_not_blank_are_counted_from_one(written: Any) -> None:
    path = written(notebook(markdown("# Lab"), code("a = 1"), code(" \n"), code(""), code("b = 2")))
    loaded = load_submission(path)
    assert [cell.number for cell in loaded.cells] == [None, 1, None, None, 2]
    assert [cell.source for cell in loaded.code_cells] == ["a = 1", "b = 2"]
    assert (loaded.name, loaded.kind, loaded.path) == ("ana.ipynb", "notebook", path)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {cell.first_line for cell in loaded.cells} == {1}


def test_sources_may_be_strings_or_lists(written: Any) -> None:
    loaded = load_submission(written(notebook(code(["a = 1\n", "b = 2"]), code("c = 3"))))
    assert [cell.source for cell in loaded.cells] == ["a = 1\nb = 2", "c = 3"]


def test_windows_line_ends_become_plain(written: Any) -> None:
    loaded = load_submission(written(notebook(code(["a = 1\r\n", "b = 2\r"]))))
    assert loaded.cells[0].source == "a = 1\nb = 2\n"


def test_a_file_with_windows_line_ends_is_read(written: Any) -> None:
    text = json.dumps(notebook(code("a = 1")), indent=1).replace("\n", "\r\n")
    assert load_submission(written(text.encode())).cells[0].source == "a = 1"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_any_unicode_encoding_is_read(written: Any, encoding: str) -> None:
    text = json.dumps(notebook(code("pierdere = 'învățare'")), ensure_ascii=False)
    loaded = load_submission(written(text.encode(encoding)))
    assert loaded.cells[0].source == "pierdere = 'învățare'"
    assert loaded.notes == ()


def test_latin_1_is_read_and_said(written: Any) -> None:
    text = json.dumps(notebook(code("# épochs")), ensure_ascii=False)
    loaded = load_submission(written(text.encode("latin-1")))
    assert loaded.cells[0].source == "# épochs"
    assert "Latin-1" in loaded.notes[0]


def test_lone_surrogates_become_speakable(written: Any) -> None:
    loaded = load_submission(written(rb'{"cells": [{"cell_type": "code", "source": "x = \"\ud83d\""}]}'))
    assert loaded.cells[0].source == 'x = "\ufffd"'


def test_missing_ids_metadata_and_version_do_not_matter(written: Any) -> None:
    loaded = load_submission(written({"cells": [{"cell_type": "code", "source": "a = 1"}]}))
    assert loaded.cells[0].source == "a = 1"


def test_duplicate_ids_do_not_matter(written: Any) -> None:
    loaded = load_submission(written(notebook(code("a = 1", id="x"), code("b = 2", id="x"))))
    assert [cell.source for cell in loaded.cells] == ["a = 1", "b = 2"]


def test_version_3_is_upgraded(written: Any) -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Ex 1"]},
        {"cell_type": "code", "input": ["a = 1\n", "b"], "language": "python", "outputs": [{"junk": 1}]},
        {"cell_type": "code", "input": "c = 3"},
        {"cell_type": "markdown", "source": "text"},
    ]
    loaded = load_submission(written({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}))
    assert [cell.source for cell in loaded.cells] == ["## Ex 1", "a = 1\nb", "c = 3", "text"]
    assert [cell.number for cell in loaded.cells] == [None, 1, 2, None]


def test_damaged_cells_are_passed_over_and_said(written: Any) -> None:
    loaded = load_submission(written(notebook(code("a = 1"), None, "cell", code("b = 2"))))
    assert [cell.source for cell in loaded.cells] == ["a = 1", "b = 2"]
    assert loaded.notes == ("2 damaged cells could not be read and were passed over.",)


def test_colab_habits_are_accepted(written: Any) -> None:
    colab = {
        "colab": {"provenance": [], "gpuType": "T4"},
        "accelerator": "GPU",
        "kernelspec": {"name": "python3"},
    }
    form = code("#@title Data\nx = 1 #@param", metadata={"cellView": "form", "id": "Xy", "outputId": "17"})
    loaded = load_submission(written(notebook(form, **colab)))
    assert loaded.code_cells[0].source == "#@title Data\nx = 1 #@param"


def test_vs_code_habits_are_accepted(written: Any) -> None:
    cell = {"cell_type": "code", "metadata": {"vscode": {"languageId": "python"}}, "source": ["a = 1"]}
    content = {"cells": [cell], "metadata": {"language_info": {"name": "python"}, "orig_nbformat": 4}}
    assert load_submission(written(content)).code_cells[0].source == "a = 1"


def test_attachments_and_outputs_are_ignored(written: Any) -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "A" * 2_000_000}, "metadata": {}}
    cells = [
        code("a = 1", outputs=[picture]),
        markdown("![x](attachment:x.png)") | {"attachments": {"x.png": {}}},
    ]
    loaded = load_submission(written(notebook(*cells)))
    assert [cell.source for cell in loaded.cells] == ["a = 1", "![x](attachment:x.png)"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "python310", "display_name": "Python 3.10", "language": "python"}},
        {"kernelspec": {"name": "conda-env-x-py", "display_name": "Python [conda env:x]"}},
        {"kernelspec": {"name": "anything", "display_name": "Python 3 (ipykernel)"}},
        {"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "python"}},
        {"kernelspec": "python3", "language_info": 3},
    ],
)
def test_python_by_any_name_is_accepted(written: Any, metadata: dict[str, Any]) -> None:
    assert load_submission(written(notebook(code("a = 1"), **metadata))).code_cells


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"kernelspec": {"name": "ir", "language": "R"}}, "R"),
        ({"kernelspec": {"name": "julia-1.9"}}, "julia-1.9"),
        ({"kernelspec": {"name": "x"}, "language_info": {"name": "julia"}}, "julia"),
    ],
)
def test_another_language_is_refused(written: Any, metadata: dict[str, Any], language: str) -> None:
    with pytest.raises(UnreadableSubmission, match=f"notebook for {language}: hand in"):
        load_submission(written(notebook(code("a <- 1"), **metadata)))


def test_an_old_notebook_of_another_language_is_refused(written: Any) -> None:
    cells = [{"cell_type": "code", "input": "a", "language": "julia"}]
    with pytest.raises(UnreadableSubmission, match="notebook for julia"):
        load_submission(written({"nbformat": 3, "worksheets": [{"cells": cells}]}))


def test_the_handouts_metadata_names_the_exercise(written: Any) -> None:
    values = [3, 0, "3", True, -1, None]
    cells = [code("a = 1", metadata={"grader": {"assignment": "x", "exercise": value}}) for value in values]
    loaded = load_submission(written(notebook(*cells, code("b", metadata={"grader": 3}))))
    assert [cell.exercise for cell in loaded.cells] == [3, 0, None, None, None, None, None]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"import torch\n", "is not JSON"),
        (b'{"cells": [', "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b"[1, 2]", "is JSON but not a notebook"),
        (b'{"name": "x"}', "is JSON but not a notebook"),
        (b'{"cells": 3}', "is JSON but not a notebook"),
        (b'{"cells": []}', "holds no code"),
        (b'{"nbformat": 3, "worksheets": 3}', "holds no code"),
        (b'{"cells": [{"cell_type": "markdown", "source": "only text"}]}', "holds no code"),
        (b'{\n<<<<<<< HEAD\n"cells": []\n=======\n>>>>>>> x\n}', "git conflict"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "does not hold text"),
        (b"PK\x03\x04 and so on", "is a zip archive"),
        (b"\n<!DOCTYPE html><html>", "is a web page"),
    ],
)
def test_what_is_no_notebook_is_refused_in_one_line(written: Any, content: bytes, says: str) -> None:
    path = written(content)
    with pytest.raises(UnreadableSubmission, match=says) as refusal:
        load_submission(path)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith("ana.ipynb ")
    assert [entry.name for entry in path.parent.iterdir()] == ["ana.ipynb"]
