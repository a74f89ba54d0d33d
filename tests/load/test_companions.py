"""What travels with a submission, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.load import companions
from grader.load.submission import load_submission


@pytest.fixture
def beside(tmp_path: Path) -> Any:
    """Writes files (path → text) beside a script and gives the names that travel, and the notes."""

    def load(code: str, files: dict[str, str], name: str = "ana.py") -> tuple[list[str], tuple[str, ...]]:
        for file, text in ({name: code} | files).items():
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        submission = load_submission(tmp_path / name)
        return [path.name for path in submission.companions], submission.notes

    return load


NOTEBOOK = '{"cells": [{"cell_type": "code", "source": "%s"}]}'


def test_data_and_folders_of_data_travel(beside: Any) -> None:
    names, notes = beside("x = 1", {"rings.csv": "1,2", "data/a.txt": "a", "data/deep/b.txt": "b"})
    assert names == ["data", "rings.csv"]
    assert notes == ()


def test_modules_travel_when_imported_even_by_another_module(beside: Any) -> None:
    files = {
        "tools.py": "import deeper",
        "deeper.py": "x = 1",
        "lib/inner.py": "",
        "unused.py": "import tools",
    }
    names, _ = beside("%matplotlib inline\nfrom tools import f\nimport lib.inner\n", files)
    assert names == ["deeper.py", "lib", "tools.py"]


def test_modules_reached_by_path_travel(beside: Any) -> None:
    names, _ = beside(
        "import sys\nsys.path.append('src')\nimport helpers\n", {"src/helpers.py": "", "bob/bob.py": ""}
    )
    assert names == ["src"]


def test_modules_named_as_files_travel(beside: Any) -> None:
    names, _ = beside("exec(open('setup_lab.py').read())", {"setup_lab.py": "x = 1", "bob.py": "y = 2"})
    assert names == ["setup_lab.py"]


def test_a_class_folder_gives_only_what_the_code_names(beside: Any) -> None:
    others = {f"student{number}.ipynb": NOTEBOOK % "a = 1" for number in range(300)}
    files = others | {"rings.csv": "1", "blobs.csv": "2", "utils.py": "", "bob/bob.ipynb": NOTEBOOK % "b"}
    notebook = NOTEBOOK % "import utils\\nopen('rings.csv')"
    names, notes = beside(notebook, files, name="ana.ipynb")
    assert names == ["rings.csv", "utils.py"]
    assert notes == ("The folder holds other submissions, so only files that the code names came along.",)


def test_an_unused_module_does_not_keep_a_notebooks_data_away(beside: Any) -> None:
    names, _ = beside(NOTEBOOK % "a = 1", {"export.py": "a = 1", "rings.csv": "1"}, name="ana.ipynb")
    assert names == ["rings.csv"]


def test_hidden_files_caches_environments_and_reports_stay_unsaid(beside: Any) -> None:
    files = {
        ".env": "",
        "__pycache__/a.pyc": "",
        "node_modules/x.js": "",
        "my_venv/pyvenv.cfg": "",
        "a.csv": "1",
    }
    files |= {
        "ana.report.html": "",
        "ana.report.json": "{}",
        "ana.evidence.zip": "",
        ".git/HEAD": "",
        "venv/x": "",
    }
    assert beside("x = 1", files) == (["a.csv"], ())


def test_links_stay_and_are_said(beside: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").symlink_to("/etc/passwd")
    names, notes = beside("x = 1", {"a.csv": "1"})
    assert names == ["a.csv"]
    assert notes == ("secret.csv beside the submission stayed behind: a link.",)


def test_a_module_called_like_a_library_stays(beside: Any) -> None:
    names, notes = beside(
        "import torch\nimport random\n", {"torch.py": "", "random.py": "", "random.csv": ""}
    )
    assert names == ["random.csv"]
    assert [note.split()[0] for note in notes] == ["random.py", "torch.py"]


def test_the_cap_keeps_the_small_files(beside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "MAX_BYTES", 1000)
    names, notes = beside("x = 1", {"a_big.bin": "x" * 900, "b.csv": "x" * 200, "c.csv": "x" * 300})
    assert names == ["b.csv", "c.csv"]
    assert notes[0].startswith("a_big.bin beside the submission stayed behind: beyond the")


def test_a_folder_of_very_many_files_stays(beside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "MAX_FILES", 3)
    names, notes = beside("x = 1", {f"many/{number}": "" for number in range(5)} | {"few/1": ""})
    assert names == ["few"]
    assert "a folder of more than 3 files" in notes[0]


def test_loading_writes_nothing(beside: Any, tmp_path: Path) -> None:
    beside("import tools", {"tools.py": "x = 1"})
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["ana.py", "tools.py"]
