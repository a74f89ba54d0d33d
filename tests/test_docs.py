"""The documentation names every command, option, word and field that there is, and nothing that is not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from grader import cli
from grader.batch.order import EXPORTS, REPORTS
from grader.check.case import Options
from grader.check.vocabulary import VOCABULARY
from grader.model.assignment import Assignment, CheckSpec, DatasetSpec, ExerciseSpec, TaskSpec
from grader.model.recording import Limits

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ASSIGNMENTS = (ROOT / "docs" / "assignments.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_group(cli.app).commands  # type: ignore[attr-defined]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def options() -> list[tuple[str, str]]:
    """Each command with each of its long options."""
    return [
        (name, flag)
        for name, command in COMMANDS.items()
        for parameter in command.params
        for flag in parameter.opts
        if flag.startswith("--")
    ]


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    after = text.split(f"{heading}\n", 1)[1]
    return re.split(r"^#+ ", after, maxsplit=1, flags=re.M)[0]


def first_column(text: str) -> set[str]:
    """The code in the first column of every table row."""
    return set(re.findall(r"^\| `([^`]+)`", text, flags=re.M))


# ---------------------------------------------------------------- the command line


HEADINGS = {
    "run": "### grade PATH…",
    "rejudge": "### grade rejudge [BUNDLE…]",
    "export": "### grade export",
    "override": "### grade override STUDENT EXERCISE POINTS",
    "comment": "### grade comment STUDENT TEXT",
    "history": "### grade history",
    "watch": "### grade watch FILE",
    "handout": "### grade handout DIR",
    "gradescope-zip": "### grade gradescope-zip OUT.zip",
    "doctor": "### grade doctor",
}


def test_the_readme_documents_every_command() -> None:
    assert set(HEADINGS) == set(COMMANDS)


@pytest.mark.parametrize("command", HEADINGS)
def test_the_readme_documents_each_option_and_no_other(command: str) -> None:
    rows = re.findall(r"^\| (?:`-\w`, )?`(--[a-z-]+)", section(README, HEADINGS[command]), flags=re.M)
    assert sorted(rows) == sorted(flag for name, flag in options() if name == command)


def test_the_formats_are_those_that_are_written() -> None:
    (row,) = [line for line in section(README, HEADINGS["run"]).splitlines() if "`--format" in line]
    assert set(re.findall(r"`([a-z]+)`", row)) == {*REPORTS, *EXPORTS}


def test_the_readme_names_every_exit_status() -> None:
    told = section(README, "### Exit status")
    assert set(re.findall(r"^\| (\d) \|", told, flags=re.M)) == {"0", "1", "2", "3"}


# ---------------------------------------------------------------- assignments


def test_every_word_of_the_vocabulary_is_explained() -> None:
    assert first_column(section(ASSIGNMENTS, "## The check vocabulary")) == set(VOCABULARY)


def test_every_option_of_a_check_is_explained() -> None:
    table = section(ASSIGNMENTS, "## The check vocabulary")
    for kind in Options.__subclasses__():
        rows = [row for row in table.splitlines() if all(f"`{name}`" in row for name in kind.model_fields)]
        assert rows, f"no row names all of {sorted(kind.model_fields)}"


def test_the_rubrics_options_are_those_of_the_table() -> None:
    rows = {
        match[1]: row
        for row in section(ASSIGNMENTS, "## The check vocabulary").splitlines()
        if (match := re.match(r"\| `([^`]+)`", row))
    }
    for rubric in (ROOT / "exercises").glob("*/rubric.toml"):
        for check in tomllib.loads(rubric.read_text(encoding="utf-8")).get("check", []):
            for option in check.get("options", {}):
                assert f"`{option}`" in rows[check["use"]], f"{check['id']}: {option}"


FROM_FILES = {"introduction", "exercises", "support", "statement", "starter", "bands"}
SPELT = {"datasets": "[[dataset]]", "tasks": "[[task]]", "limits": "[limits]", "checks": "[[check]]"}


@pytest.mark.parametrize(
    ("heading", "record"),
    [
        ("### assignment.toml", Assignment),
        ("### [limits]", Limits),
        ("### [[dataset]]", DatasetSpec),
        ("### [[task]]", TaskSpec),
        ("### rubric.toml", ExerciseSpec),
        ("### [[check]]", CheckSpec),
    ],
)
def test_every_field_is_explained(heading: str, record: type[BaseModel]) -> None:
    fields = {SPELT.get(name, name) for name in record.model_fields} - FROM_FILES
    assert first_column(section(ASSIGNMENTS, heading)) == fields


# ---------------------------------------------------------------- the pages themselves


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    for name in re.findall(
        r"`((?:grader|tests|docs|exercises|reference|examples|benchmarks)/[\w./-]*\w)`", page.read_text()
    ):
        assert (ROOT / name).exists(), name


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs" / "images" / "report.png").stat().st_size < 200_000


def test_the_readmes_commands_do_their_own_set_up() -> None:
    lines = re.findall(r"^python3 -m venv .*$", README, flags=re.M)
    assert len(lines) == 2
    assert all("-c constraints.txt" in line and " && " in line for line in lines)
    assert "examples/submission.ipynb" in lines[0] and "pytest" in lines[1]
