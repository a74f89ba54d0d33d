"""Scripts: percent cells, cuts at exercise comments, plain code, and code that does not parse."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.compilerop import CachingCompiler

from grader.errors import UnreadableSubmission
from grader.load.python_source import imported_names, parsed
from grader.load.script import read_script
from grader.load.submission import load_submission
from grader.model.submission import Submission


@pytest.fixture
def loaded(tmp_path: Path) -> Any:
    """Writes text or bytes to `ana.py` and loads it."""

    def load(content: str | bytes) -> Submission:
        path = tmp_path / "ana.py"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_submission(path)

    return load


def lines_agree(text: str, cells: tuple[Any, ...]) -> bool:
    """Whether each code cell stands, line for line, where `first_line` says."""
    lines = text.split("\n")
    code = [cell for cell in cells if cell.kind == "code"]
    return all(
        lines[cell.first_line - 1 : cell.first_line + cell.source.count("\n")] == cell.source.split("\n")
        for cell in code
    )


PERCENT = '''#!/usr/bin/env python
# ---
# jupyter:
#   kernelspec: {name: python3}
# ---
"""The lab."""

#%% imports
import torch


# %% [markdown] grader={"assignment": "x", "exercise": 1}
# ## Ex 1
# Prose.

# %% grader={"assignment": "x", "exercise": 1}

text = """
# %% inside a string
"""
def f():
    # %% inside a function
    return 1

# %%
# In[7]:
x = 1
'''


def test_percent_cells(loaded: Any) -> None:
    submission = loaded(PERCENT)
    shown = [
        (cell.kind, cell.source.strip().split("\n")[0], cell.exercise, cell.number)
        for cell in submission.cells
    ]
    assert shown == [
        ("code", '"""The lab."""', None, 1),
        ("code", "import torch", None, 2),
        ("markdown", "## Ex 1", 1, None),
        ("code", 'text = """', 1, 3),
        ("code", "", None, None),
        ("code", "x = 1", None, 4),
    ]
    assert submission.kind == "script"
    assert lines_agree(PERCENT, submission.code_cells)
    assert [cell.first_line for cell in submission.code_cells] == [6, 9, 17, 27]


def test_magics_that_jupytext_commented_out_run_again(loaded: Any) -> None:
    submission = loaded(
        "# %%\n# %matplotlib inline\nx = 1\ndef f():\n    # %% here\n    pass\n# !pip install x\n"
    )
    assert submission.cells[0].source.split("\n")[0] == "%matplotlib inline"
    assert submission.cells[0].source.split("\n")[-1] == "!pip install x"
    assert submission.cells[0].first_line == 2


def test_quoted_prose_begins_below_its_quotes(loaded: Any) -> None:
    submission = loaded('# %% [markdown]\n"""\n## Ex 1\nProse\n"""\n# %%\nx = 1\n')
    assert [(cell.source, cell.first_line) for cell in submission.cells] == [
        ("## Ex 1\nProse", 3),
        ("x = 1", 7),
    ]


def test_percent_cells_stay_apart_where_one_does_not_parse(loaded: Any) -> None:
    submission = loaded("# %%\nx = 1\n# %%\nx = = 2\n# %%\ny = 3\n")
    assert [cell.source for cell in submission.code_cells] == ["x = 1", "x = = 2", "y = 3"]


@pytest.mark.parametrize(
    "mark",
    [
        "# Ex 3",
        "# Exercise 3",
        "# EX3:",
        "#ex 3",
        "## Ex. 3 - model",
        "# ==== Ex 3 ====",
        "# Exercițiul 3",
        "# Extra",
    ],
)
def test_exercise_comments_cut(mark: str) -> None:
    cells = read_script(f"import torch\n\n{mark}\nx = 1\n")
    assert [cell.source for cell in cells] == ["import torch", f"{mark}\nx = 1"]
    assert [cell.first_line for cell in cells] == [1, 3]


@pytest.mark.parametrize(
    "mark", ["# Example 3", "# expected 3", "# exercise", "x = 1  # Ex 3", "# ex 3000", "#extract 3"]
)
def test_other_comments_do_not_cut(mark: str) -> None:
    assert len(read_script(f"import torch\n{mark}\nx = 1\n")) == 1


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    x = 1\n# Ex 3\n    return x",
        "if x:\n    pass\n# Ex 3\nelse:\n    pass",
        "@wraps\n# Ex 3\ndef f(): pass",
        "text = '''\n# Ex 3\n'''",
        "call(1,\n# Ex 3\n2)",
        "def f():\n    # Ex 3\n    return 1",
    ],
)
def test_no_cut_is_made_inside_a_statement(code: str) -> None:
    assert [cell.source for cell in read_script(code)] == [code]


def test_a_plain_script_is_one_cell_and_its_main_guard_stays(loaded: Any) -> None:
    text = 'def main():\n    print(1)\n\n\nif __name__ == "__main__":\n    main()\n'
    submission = loaded(text)
    assert [(cell.source, cell.number, cell.first_line) for cell in submission.cells] == [
        (text.rstrip("\n"), 1, 1)
    ]


def test_a_syntax_error_leaves_one_cell(loaded: Any) -> None:
    text = "# Ex 1\nx = 1\n# Ex 2\nx = = 2"
    assert [cell.source for cell in loaded(text).code_cells] == [text]


def test_magics_do_not_hinder_cuts() -> None:
    text = "%matplotlib inline\n!pip install torch\nfiles = !ls\ntorch.nn?\n# Ex 1\nx = 1"
    assert len(read_script(text)) == 2


def test_future_imports_hold_for_all_that_follows_a_cut() -> None:
    cells = read_script(
        '"""Lab."""\n# Ex 1\nfrom __future__ import annotations\n# Ex 2\ndef f(x: undefined): pass\n'
    )
    assert len(cells) == 3
    compiler, names = CachingCompiler(), {}
    for cell in cells:
        exec(compiler(cell.source, "cell", "exec"), names)
    assert names["f"].__annotations__ == {"x": "undefined"}


def test_a_byte_order_mark_and_windows_line_ends_are_read(loaded: Any) -> None:
    submission = loaded("\ufeffx = 'ă'\r\n# Ex 1\r\ny = 2\r\n".encode())
    assert [cell.source for cell in submission.cells] == ["x = 'ă'", "# Ex 1\ny = 2"]


def test_a_declared_encoding_is_obeyed(loaded: Any) -> None:
    submission = loaded("# -*- coding: iso-8859-2 -*-\nx = 'ă'\n".encode("iso-8859-2"))
    assert submission.cells[0].source.endswith("x = 'ă'")
    assert submission.notes == ()


@pytest.mark.parametrize("text", ["# only\n# comments\n", "# %% [markdown]\n# Ex 1\n\n# %%\n# my answer\n"])
def test_comments_alone_are_no_submission(loaded: Any, text: str) -> None:
    with pytest.raises(UnreadableSubmission, match="no code"):
        loaded(text)


def test_binary_junk_is_no_script(loaded: Any) -> None:
    with pytest.raises(UnreadableSubmission, match="does not hold text"):
        loaded(bytes(range(128, 256)) + bytes(range(1, 9)) * 20)


def test_imports_are_found_anywhere_and_despite_magics() -> None:
    source = "%pip install x\nimport a.b, c as d\ndef f():\n    from e.f import g\n    from . import h\n"
    assert imported_names(source) == {"a", "c", "e", "h"}
    assert imported_names("import a\nx = = 1") == set()


statements = st.sampled_from(
    [
        "x = 1",
        "def f():\n    # Ex 7\n    return 1",
        "# Ex 3",
        "# Exercise 4: loss",
        "",
        "s = '''\n# Ex 5\n'''",
        "#",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(statements, min_size=1, max_size=12).map("\n".join))
def test_cuts_lose_no_line_and_leave_every_part_parseable(text: str) -> None:
    cells = read_script(text)
    assert all(parsed(cell.source) is not None for cell in cells)
    assert lines_agree(text, cells)
    squeezed = re.sub(r"\n+", "\n", text).strip("\n")
    assert re.sub(r"\n+", "\n", "\n".join(cell.source for cell in cells)).strip("\n") == squeezed
