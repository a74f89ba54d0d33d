"""The table of named mistakes: complete, and the page made from it is the one in `docs/`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import grader
from grader.diagnose.codes import codes, with_lessons
from grader.diagnose.document import page
from tests.report import sample

PACKAGE = Path(grader.__file__).parent
DOCS = PACKAGE.parent / "docs" / "diagnoses.md"
CODE = re.compile(r"(data|model|loss|optimizer|loop|metric|plot|run|integrity)-[a-z0-9]+(-[a-z0-9]+)*")
NO_CODES = {"loss-kinds", "run-id"}


def _strings_of(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_whatever_is_named_stands_in_the_table() -> None:
    files = [*(PACKAGE / "diagnose").glob("*.py"), PACKAGE / "evidence" / "incidents.py"]
    named = {text for file in files for text in _strings_of(file) if CODE.fullmatch(text)} - NO_CODES
    assert len(named) > 60
    assert named <= set(codes())


def test_the_page_is_the_tables() -> None:
    assert DOCS.read_text(encoding="utf-8") == page()


def test_every_example_is_python_or_a_piece_of_it() -> None:
    for name, code in codes().items():
        text = code.example.replace("better:", "better")
        lines = [line for line in text.strip().splitlines() if line.strip()]
        assert lines, name
        wrapped = "def method(self, x):\n" + "\n".join(f"    {line}" for line in lines)
        ast.parse(wrapped)


def test_a_warning_costs_nothing_and_all_else_says_what_it_costs() -> None:
    for name, code in codes().items():
        assert bool(code.costs) == (code.severity != "warn"), name


def test_a_grade_holds_the_paragraphs_of_the_codes_it_names_and_no_others() -> None:
    grade = with_lessons(sample.mixed())
    named = {d.code for part in (grade, *grade.exercises) for d in part.diagnoses}
    assert [lesson.code for lesson in grade.lessons] == [code for code in codes() if code in named]
    assert "loop-no-zero-grad" in named and "run-error" in named
    assert grade.lessons[0].mend == codes()[grade.lessons[0].code].mend
    assert with_lessons(sample.excellent()).lessons == ()
