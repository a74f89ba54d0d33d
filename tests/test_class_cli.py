"""The commands of a class as an instructor meets them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.execute.kernel import FakeKernel
from grader.model.recording import Recording
from tests.command import Grade
from tests.conftest import Recorded

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def graded(
    grade: Grade,
    tmp_path: Path,
    example: Recorded,
    with_kernel: Callable[[Recording], FakeKernel],
) -> FakeKernel:
    """A class of two, and the kernel that ran it."""
    kernel = with_kernel(example[1])
    source = (ROOT / "examples" / "submission.ipynb").read_text()
    for number, name in enumerate(("ana", "ion")):
        folder = tmp_path / "class" / name
        folder.mkdir(parents=True)
        (folder / "lab.ipynb").write_text(source.replace("epochs", f"rounds{number}"))
    ended = grade("class")
    assert ended.status == 0, ended.err
    return kernel


def rows(folder: Path = Path("reports")) -> dict[str, dict[str, str]]:
    with (folder / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def test_a_folder_becomes_a_page_a_table_and_a_gradebook(grade: Grade, graded: FakeKernel) -> None:
    assert {key: row["points"] for key, row in rows().items()} == {"ana": "8.45", "ion": "8.45"}
    for name in ("class.html", "class.json", "gradebook.sqlite", "students/ana.report.html"):
        assert (Path("reports") / name).exists()
    assert len(list(Path("reports/evidence").iterdir())) == 2


def test_the_same_command_does_only_what_is_new(grade: Grade, graded: FakeKernel) -> None:
    ended = grade("class")
    assert ended.status == 0 and "2 known from an earlier run" in ended.err and len(graded.asked) == 2
    assert grade("class", "--force").status == 0 and len(graded.asked) == 4


def test_a_roster_shows_who_is_missing(grade: Grade, graded: FakeKernel, tmp_path: Path) -> None:
    (tmp_path / "students.csv").write_text("id,name\nana,Ana Pop\nzoe,Zoe Rus\n")
    ended = grade("class", "--roster", "students.csv", "-o", "named")
    assert ended.status == 0 and "1 handed in nothing" in ended.err
    told = rows(Path("named"))
    assert (told["ana"]["name"], told["zoe"]["status"], told["zoe"]["points"]) == ("Ana Pop", "missing", "")


def test_the_lowest_grade_that_passes_is_asked_of_everybody(grade: Grade, graded: FakeKernel) -> None:
    assert grade("class", "--pass-at", "8.4").status == 0
    assert grade("class", "--pass-at", "8.5").status == 1


def test_an_instructor_has_the_last_word(grade: Grade, graded: FakeKernel) -> None:
    assert "0.8" in grade("override", "ana", "5", "1", "--reason", "seen", "--by", "eva").out
    assert grade("comment", "ana", "Well explained", "--exercise", "3", "--by", "eva").status == 0
    assert grade("export", "--format", "html,csv,json").status == 0
    assert (rows()["ana"]["points"], rows()["ana"]["ex5"]) == ("8.65", "1")
    told = json.loads(Path("reports/students/ana.report.json").read_text())
    assert told["points"] == 8.65 and told["comments"][0]["text"] == "Well explained"
    said = grade("history", "ana").out
    assert "eva" in said and "seen" in said
    grade("override", "ana", "5", "--withdraw", "--reason", "a mistake of mine")
    grade("export")
    assert rows()["ana"]["points"] == "8.45"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("override", "nobody", "5", "1", "--reason", "r"), "nobody"),
        (("override", "ana", "5", "7", "--reason", "r"), "7"),
        (("override", "ana", "5", "1"), "reason"),
        (("override", "ana", "5", "--reason", "r"), "--withdraw"),
        (("override", "ana", "77", "1", "--reason", "r"), "77"),
        (("comment", "ana", " "), "comment"),
        (("history", "nobody"), "nobody"),
        (("export", "-o", "elsewhere"), "elsewhere"),
        (("rejudge", "-o", "elsewhere"), "elsewhere"),
        (("class", "--jobs", "many"), "--jobs many"),
        (("class", "--roster", "none.csv"), "none.csv"),
        (("class", "--gradebook", "nonsense://x", "--force"), "nonsense"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else None,
)
def test_what_cannot_be_is_one_line(
    grade: Grade,
    graded: FakeKernel,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    ended = grade(*arguments)
    assert ended.status == 2 and words in ended.complaint


def test_a_changed_rubric_is_shown_before_it_is_written(
    grade: Grade,
    graded: FakeKernel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.batch.here import Here

    monkeypatch.setattr("grader.commands.class_again.LocalWorkers", Here)
    shutil.copytree(ROOT / "exercises", tmp_path / "stricter")
    rubric = tmp_path / "stricter" / "ex5" / "rubric.toml"
    rubric.write_text(rubric.read_text().replace("weight = 0.40", "weight = 0.20", 1))
    (tmp_path / "stricter" / "assignment.toml").write_text(
        (tmp_path / "stricter" / "assignment.toml").read_text().replace("points_per_exercise = 1.0\n", "")
    )
    ended = grade("rejudge", "--assignment", "stricter", "--dry-run")
    assert ended.status == 0 and "ana: 8.45 → 8.25 points" in ended.out and "exercise 5" in ended.out
    assert rows()["ana"]["points"] == "8.45" and len(graded.asked) == 2
    assert grade("rejudge", "--assignment", "stricter").status == 0
    assert rows()["ana"]["points"] == "8.25"
