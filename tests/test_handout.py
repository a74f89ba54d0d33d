"""The handout: whole, the same each time, marked, and free of what only the grader should know."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from grader import handout
from grader.errors import UsageError
from grader.handout import handout_cells, write_handout
from grader.load.assignment import default_assignment_folder, load_assignment
from grader.load.submission import load_submission
from grader.model.assignment import Assignment, CheckSpec, ExerciseSpec

CHECK = CheckSpec(id="ex1.secret", use="model.module", weight=1.0, title="Rubric title", hint="Rubric hint")


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    support = tmp_path / "support" / "helpers.py"
    support.parent.mkdir()
    support.write_text("x = 1\n")
    exercises = (
        ExerciseSpec(
            number=1, title="Look", statement="## Ex 1\nLook.", starter="%pip list\nx = 1\n", checks=(CHECK,)
        ),
        ExerciseSpec(number=0, title="More", statement="Play.", graded=False),
    )
    return Assignment(
        id="small", title="Small", version="1", introduction="# Hi\n", exercises=exercises, support=(support,)
    )


def test_the_notebook_is_valid_and_marked(assignment: Assignment, tmp_path: Path) -> None:
    paths = write_handout(assignment, tmp_path / "new" / "out")
    assert [path.name for path in paths] == ["small.ipynb", "small.py", "helpers.py"]
    notebook = nbformat.read(paths[0], as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    shown = [
        (cell.id, cell.source, cell.metadata.get("grader", {}).get("exercise")) for cell in notebook.cells
    ]
    assert shown == [
        ("introduction", "# Hi", None),
        ("ex1-markdown", "## Ex 1\nLook.", 1),
        ("ex1-code", "%pip list\nx = 1", 1),
        ("ex0-markdown", "## Extra · More\n\nPlay.", 0),
        ("ex0-code", "# Extra", 0),
    ]
    assert notebook.cells[1].metadata.grader.assignment == "small"
    assert paths[2].read_text() == "x = 1\n"


def test_notebook_and_script_load_as_the_same_cells(assignment: Assignment, tmp_path: Path) -> None:
    notebook, script, _ = write_handout(assignment, tmp_path / "out")
    from_notebook, from_script = load_submission(notebook), load_submission(script)
    keys = ("kind", "source", "number", "exercise")
    for key in keys:
        left = [getattr(cell, key) for cell in from_notebook.cells]
        assert left == [getattr(cell, key) for cell in from_script.cells]
    assert [cell.source for cell in from_notebook.cells] == [
        cell.source for cell in handout_cells(assignment)
    ]


def test_the_script_does_not_name_the_tool_that_wrote_it(assignment: Assignment, tmp_path: Path) -> None:
    _, script, _ = write_handout(assignment, tmp_path / "out")
    assert script.read_text().startswith("# %% [markdown]\n# # Hi\n")


def test_the_rubric_stays_out(tmp_path: Path) -> None:
    assignment = load_assignment(default_assignment_folder())
    paths = write_handout(assignment, tmp_path / "out")
    given = "\n".join(path.read_text() for path in paths)
    for check in (check for exercise in assignment.exercises for check in exercise.checks):
        assert check.id not in given
        assert check.hint not in given


def test_two_handouts_are_the_same_bytes(assignment: Assignment, tmp_path: Path) -> None:
    first, second = (write_handout(assignment, tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_standing_file_is_kept_unless_overwriting_is_allowed(
    assignment: Assignment, tmp_path: Path
) -> None:
    (tmp_path / "helpers.py").write_text("mine")
    with pytest.raises(UsageError, match=r"helpers.py is there already"):
        write_handout(assignment, tmp_path)
    assert (tmp_path / "helpers.py").read_text() == "mine"
    assert not (tmp_path / "small.ipynb").exists()
    write_handout(assignment, tmp_path, overwrite=True)
    assert (tmp_path / "helpers.py").read_text() == "x = 1\n"


def test_an_interrupted_write_leaves_the_old_file_whole(
    assignment: Assignment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write_handout(assignment, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(handout.Path, "replace", full)
    with pytest.raises(UsageError, match="No space left"):
        write_handout(assignment, out, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_said(assignment: Assignment, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_handout(assignment, tmp_path / "file" / "out")


def test_a_support_file_may_not_take_the_handouts_name(assignment: Assignment, tmp_path: Path) -> None:
    clashing = assignment.model_copy(update={"id": "helpers"})
    with pytest.raises(UsageError, match=r"helpers\.py has the name of the handout"):
        write_handout(clashing, tmp_path / "out")
