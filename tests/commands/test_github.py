"""What GitHub Actions is told by a run, and what a student cannot tell it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from grader.commands import github
from grader.execute.kernel import FakeKernel
from grader.model.grade import Grade as Verdict
from grader.model.recording import Recording
from tests.command import Ended, Grade
from tests.conftest import FILES, Recorded
from tests.report.sample import mixed

Kernels = Callable[[Recording], FakeKernel]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A job of GitHub Actions whose checkout is `tmp_path`."""
    summary = tmp_path / "outside" / "summary.md"
    summary.parent.mkdir()
    summary.write_text("before\n", encoding="utf-8")
    values = {
        "ACTIONS": "true",
        "STEP_SUMMARY": str(summary),
        "WORKSPACE": str(tmp_path),
        "SERVER_URL": "https://github.com",
        "REPOSITORY": "class/ana",
        "SHA": "0af3",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    return SimpleNamespace(summary=summary)


def obeyed(out: str) -> list[str]:
    """The commands that the runner obeys: those not between `stop-commands` and its token."""
    token, found = "", []
    for line in map(str.strip, out.splitlines()):
        if token:
            token = "" if line == f"::{token}::" else token
        elif line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
        elif line.startswith("::") or "##[" in line:
            found.append(line)
    assert not token, "commands were never switched on again"
    return found


def graded(grade: Grade, *options: object) -> Ended:
    lab = Path("lab 4")
    lab.mkdir()
    shutil.copy(FILES.parents[1] / "examples" / "submission.ipynb", lab / "ana.ipynb")
    return grade(lab / "ana.ipynb", "--format", "github", *options)


def test_annotations_name_the_files_lines_and_the_summary_links_to_them(
    grade: Grade, with_kernel: Kernels, example: Recorded, runner: SimpleNamespace
) -> None:
    with_kernel(example[1])
    done = graded(grade)
    (rate,) = [line for line in obeyed(done.out) if "optimizer-wrong-rate" in line]
    matched = re.match(r"::error file=lab 4/ana\.ipynb,line=(\d+),title=Ex 4%3A optimizer-wrong-rate", rate)
    assert matched
    raw = Path("lab 4/ana.ipynb").read_text(encoding="utf-8").splitlines()
    assert "SGD" in raw[int(matched[1]) - 1]
    summary = runner.summary.read_text(encoding="utf-8")
    assert summary.startswith("before\n## Grade")
    address = f"https://github.com/class/ana/blob/0af3/lab%204/ana.ipynb?plain=1#L{matched[1]}"
    assert f"[cell 5, line 2]({address})" in summary
    assert Path("lab 4/ana.report.github.md").read_text(encoding="utf-8").startswith("## Grade")


def test_the_rest_of_what_is_printed_is_no_command(
    grade: Grade, with_kernel: Kernels, example: Recorded, runner: SimpleNamespace
) -> None:
    with_kernel(example[1])
    done = graded(grade)
    assert done.out.startswith("::stop-commands::") and "wrote" in done.out
    assert {line.split()[0] for line in obeyed(done.out)} == {"::notice", "::error", "::warning"}


def test_tokens_cannot_be_guessed(runner: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with github.commands_off():
            print("##[error]x")
    first, second = re.findall(r"^::stop-commands::([0-9a-f]{32})$", capsys.readouterr().out, flags=re.M)
    assert first != second


def test_commands_are_on_again_after_a_failure(
    runner: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyError), github.commands_off():
        raise KeyError
    assert obeyed(capsys.readouterr().out) == []


def test_a_file_name_in_a_complaint_is_no_command(
    grade: Grade, runner: SimpleNamespace, tmp_path: Path
) -> None:
    nasty = tmp_path / "##[error]a.txt"
    nasty.write_text("no submission")
    done = grade(nasty)
    assert done.status == 2 and done.out.startswith("::stop-commands::") and obeyed(done.out) == []


def test_without_github_nothing_of_this_is_printed(
    grade: Grade, with_kernel: Kernels, example: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    with_kernel(example[1])
    done = graded(grade)
    assert "stop-commands" not in done.out and "::error file=" in done.out


def test_annotations_are_printed_only_where_they_are_asked_for(
    grade: Grade, with_kernel: Kernels, example: Recorded, runner: SimpleNamespace
) -> None:
    with_kernel(example[1])
    assert obeyed(graded(grade, "--format", "text").out) == []
    assert runner.summary.read_text(encoding="utf-8") == "before\n"


def test_stored_evidence_points_at_no_file_of_the_repository(grade: Grade, runner: SimpleNamespace) -> None:
    done = grade("rejudge", FILES / "example.evidence.zip", "-o", ".", "--format", "github")
    assert all("file=submission.ipynb,title=" in line for line in obeyed(done.out))
    assert "](" not in runner.summary.read_text(encoding="utf-8")


def test_a_log_for_students_keeps_integrity_to_itself(
    grade: Grade, monkeypatch: pytest.MonkeyPatch, runner: SimpleNamespace
) -> None:
    verdict: Verdict = mixed()
    answer = SimpleNamespace(grade=verdict, submission=None, recording=None)
    monkeypatch.setattr("grader.batch.single.graded", lambda *_: answer)
    options = (
        "rejudge",
        FILES / "example.evidence.zip",
        "-o",
        ".",
        "--format",
        "github,json,junit,text,classroom",
    )
    assert "integrity" in grade(*options).out
    runner.summary.write_text("")
    assert "integrity" not in grade(*options, "--audience", "student").out
    texts = [path.read_text(encoding="utf-8") for path in (runner.summary, *Path().glob("*.report.*"))]
    assert len(texts) == 6 and not [text for text in texts if "integrity" in text]
    assert json.loads(Path("example.report.json").read_text(encoding="utf-8"))["needs_review"]


def test_a_summary_that_cannot_be_written_is_said_and_stops_nothing(
    grade: Grade, runner: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    done = grade("rejudge", FILES / "example.evidence.zip", "-o", ".", "--format", "github")
    assert done.status == 0 and "the job summary cannot be written" in done.err
