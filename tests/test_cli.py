"""The command as a user meets it: arguments, exit status, one line for each mistake, files that it leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import grader
from grader import cli
from grader.check import judge as judging
from grader.execute.bundle import write_bundle
from grader.execute.kernel import FakeKernel
from grader.model.assignment import Assignment
from grader.model.recording import Recording
from grader.pipeline import rejudge
from tests.command import Grade, offered
from tests.conftest import FILES, Recorded

ROOT = Path(__file__).resolve().parents[1]
UNLUCKY = FILES / "unlucky.evidence.zip"


def report(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    told.pop("timing")
    return told


def points_of(recorded: Recorded, assignment: Assignment) -> float:
    """What a recording is worth; the tests of checks say why."""
    points = rejudge(recorded[0], assignment, recorded[1]).points
    assert points
    return points


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def notebook(path: Path) -> Path:
    """The example under another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "examples" / "submission.ipynb", path)
    return path


# ---------------------------------------------------------------- help and versions


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in cli.COMMANDS)], ids=lambda c: c[0] if c else "grade"
)
def test_each_command_explains_itself(grade: Grade, command: tuple[str, ...]) -> None:
    for flag in ("--help", "-h"):
        ended = grade(*command, flag)
        assert ended.status == 0 and "Usage: grade" in ended.out and ended.err == ""


def test_the_help_names_every_exit_status(grade: Grade) -> None:
    told = " ".join(grade("--help").out.split())
    for part in ("0 graded", "1 graded below --pass-at", "2 wrong usage", "3 not graded"):
        assert part in told


def test_version(grade: Grade) -> None:
    assert grade("--version").out.strip() == grader.__version__


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, grader.cli; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ---------------------------------------------------------------- wrong usage, unreadable submissions


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.ipynb", b"", "empty"),
        ("cut.ipynb", b'{"cells": [', "JSON"),
        ("other.ipynb", b'{"name": 3}', "notebook"),
        ("notes.txt", b"hello", "notes.txt"),
    ],
)
def test_a_file_that_is_no_submission(
    grade: Grade, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    ended = grade(path)
    assert ended.status == 2 and words in ended.complaint and ended.out == ""
    assert files(tmp_path) == {name}


def test_a_path_that_does_not_exist(grade: Grade, tmp_path: Path) -> None:
    ended = grade(tmp_path / "nobody.ipynb")
    assert ended.status == 2 and "nobody.ipynb" in ended.complaint
    assert files(tmp_path) == set()


def test_a_folder_without_submissions(grade: Grade, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = grade(tmp_path / "empty")
    assert ended.status == 2 and "without any notebook or script" in ended.complaint


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "pdf"),
        ("--format", ","),
        ("--assignment", "nowhere"),
        ("--device", "cuda", "--sandbox", "none"),
    ],
    ids=" ".join,
)
def test_an_option_that_cannot_be(grade: Grade, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    if "cuda" in arguments:
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has the device")
    path = notebook(tmp_path / "ana.ipynb")
    ended = grade(path, *arguments)
    assert ended.status == 2 and ended.complaint.startswith("grade: ")
    assert files(tmp_path) == {"ana.ipynb"}


@pytest.mark.parametrize(
    "arguments", [("--seed", "-1"), ("--timeout", "0"), ("--device", "tpu"), ("--nonsense",)]
)
def test_a_value_that_the_option_does_not_take(
    grade: Grade, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    ended = grade(notebook(tmp_path / "ana.ipynb"), *arguments)
    assert ended.status == 2 and "Traceback" not in ended.err
    assert files(tmp_path) == {"ana.ipynb"}


def test_markup_in_a_name_is_shown_as_it_is(grade: Grade, tmp_path: Path) -> None:
    ended = grade(tmp_path / "[bold]x.ipynb")
    assert "[bold]x.ipynb" in ended.complaint


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 junk"])
def test_a_bundle_that_is_none(grade: Grade, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ana.evidence.zip"
    path.write_bytes(content)
    for command in ((), ("rejudge",)):
        ended = grade(*command, path)
        assert ended.status == 2 and "ana.evidence.zip" in ended.complaint


def test_rejudge_takes_bundles_only(grade: Grade, tmp_path: Path) -> None:
    ended = grade("rejudge", notebook(tmp_path / "ana.ipynb"))
    assert ended.status == 2 and "not an evidence bundle" in ended.complaint


def test_a_folder_that_cannot_be_written_to(grade: Grade, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = grade(UNLUCKY, "--out", tmp_path / "file")
    assert ended.status == 2 and "cannot be written" in ended.complaint
    assert files(tmp_path) == {"file"}


# ---------------------------------------------------------------- what is written, and the status


def test_reports_lie_beside_a_single_submission(
    grade: Grade,
    tmp_path: Path,
    example: Recorded,
    nine: Assignment,
    with_kernel: Callable[[Recording], FakeKernel],
) -> None:
    with_kernel(example[1])
    ended = grade(notebook(tmp_path / "work" / "ana.ipynb"))
    assert ended.status == 0 and f"{points_of(example, nine):g} of 9" in ended.out
    assert files(tmp_path) == {"work/ana.ipynb", "work/ana.report.html", "work/ana.report.json"}
    assert "ana.report.html" in ended.out


def test_run_is_the_same_as_no_command(
    grade: Grade, tmp_path: Path, example: Recorded, with_kernel: Callable[[Recording], FakeKernel]
) -> None:
    with_kernel(example[1])
    path = notebook(tmp_path / "ana.ipynb")
    grade(path, "-o", "plain")
    grade("run", path, "-o", "named")
    assert report(tmp_path / "plain" / "ana.report.json") == report(tmp_path / "named" / "ana.report.json")


def test_out_and_format(grade: Grade, tmp_path: Path) -> None:
    ended = grade(UNLUCKY, "--out", "deep/er", "--format", "json")
    assert ended.status == 0
    assert files(tmp_path) == {"deep/er/unlucky.report.json"}


def test_options_reach_the_kernel(
    grade: Grade, tmp_path: Path, example: Recorded, with_kernel: Callable[[Recording], FakeKernel]
) -> None:
    kernel = with_kernel(example[1])
    grade(notebook(tmp_path / "ana.ipynb"), "--seed", "7", "--timeout", "30", "--device", "mps")
    ((_, job),) = kernel.asked
    assert (job.seed, job.device) == (7, "mps")
    assert (job.limits.submission_s, job.limits.cell_s) == (30.0, 30.0)


@pytest.mark.parametrize(("above", "status"), [(-1.0, 0), (0.0, 0), (0.01, 1), (5.0, 1)])
def test_pass_at(grade: Grade, unlucky: Recorded, nine: Assignment, above: float, status: int) -> None:
    goal = points_of(unlucky, nine) + above
    assert grade(UNLUCKY, "-o", "r", "--format", "json", "--pass-at", goal).status == status


def test_a_fault_of_ours_has_a_status_of_its_own(
    grade: Grade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(case: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(judging, "VOCABULARY", {**judging.VOCABULARY, "model.maps": broken})
    ended = grade(UNLUCKY, "-o", "r", "--format", "json", "--pass-at", "9")
    told = report(tmp_path / "r" / "unlucky.report.json")
    assert ended.status == 3 and told["status"] == "partly_graded"
    module = next(check for e in told["exercises"] for check in e["checks"] if check["id"] == "ex6.module")
    assert (module["status"], module["points"]) == ("not_graded", None)


def test_another_assignment(grade: Grade, tmp_path: Path) -> None:
    ended = grade(UNLUCKY, "-o", "r", "--format", "json", "--assignment", ROOT / "examples" / "tutorial")
    assert ended.status == 0
    assert report(tmp_path / "r" / "unlucky.report.json")["assignment"]["id"] == "linear-circles-tutorial"


def test_the_audience_decides_what_the_page_shows(grade: Grade, tmp_path: Path, unlucky: Recorded) -> None:
    submission, recording = unlucky
    bundle = tmp_path / "odd.evidence.zip"
    write_bundle(bundle, submission, replace(recording, problems=("event 4 is no JSON",)))
    for reader in ("student", "instructor"):
        grade(bundle, "-o", reader, "--format", "html", "--audience", reader)
    student, instructor = (
        (tmp_path / reader / "odd.report.html").read_text() for reader in ("student", "instructor")
    )
    promise = "An instructor will look at this submission."
    assert student.count(promise) > instructor.count(promise), (
        "students are told what instructors see in full"
    )


def test_several_submissions_are_a_class(
    grade: Grade,
    tmp_path: Path,
    example: Recorded,
    nine: Assignment,
    with_kernel: Callable[[Recording], FakeKernel],
) -> None:
    with_kernel(example[1])
    paths = [notebook(tmp_path / f"{name}.ipynb") for name in ("ana", "ion")]
    paths[1].write_text(paths[1].read_text().replace("epochs", "rounds"))
    (tmp_path / "bad.ipynb").write_text("no notebook")
    ended = grade(paths[0], tmp_path / "bad.ipynb", paths[1], "--format", "json")
    assert ended.status == 2 and "bad.ipynb" in ended.err
    students = {path for path in files(tmp_path / "reports") if path.startswith("students/")}
    assert students == {"students/ana.report.json", "students/ion.report.json"}
    assert {"class.json", "gradebook.sqlite"} <= files(tmp_path / "reports")
    assert ended.out.count(f"{points_of(example, nine):g} of 9 points") == 2


# ---------------------------------------------------------------- what holds submissions


def test_what_the_sandbox_lacks_is_one_line_on_standard_error(
    grade: Grade,
    tmp_path: Path,
    example: Recorded,
    with_kernel: Callable[[Recording], FakeKernel],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_kernel(example[1])
    path = notebook(tmp_path / "ana.ipynb")
    assert grade(path, "-o", "r").err == ""
    offered(monkeypatch, "landlock")
    ended = grade(path, "-o", "r")
    assert ended.status == 0 and ended.complaint.startswith("grade: warning: no namespaces")
    for part in ("no seccomp", "seccomp is off", "`grade doctor`"):
        assert part in ended.complaint
    assert "cgroup" not in ended.complaint
    assert grade(path, "-o", "r", "--sandbox", "none").err == ""


def test_a_machine_without_a_sandbox_is_refused_once(
    grade: Grade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(monkeypatch, "seccomp")
    paths = [notebook(tmp_path / f"{name}.ipynb") for name in ("ana", "ion")]
    ended = grade(*paths)
    assert ended.status == 2 and "--sandbox none" in ended.complaint
    offered(monkeypatch, "landlock", "seccomp")
    assert "--sandbox strict needs" in grade(*paths, "--sandbox", "strict").complaint
    assert files(tmp_path) == {"ana.ipynb", "ion.ipynb"}


def test_stored_evidence_needs_no_sandbox(
    grade: Grade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered(monkeypatch)
    monkeypatch.setattr("grader.execute.choice.opened_kernel", None)
    ended = grade(UNLUCKY, "-o", "r", "--format", "json")
    assert (ended.status, ended.err) == (0, "")


def test_a_card_in_a_sandbox_is_refused(grade: Grade, tmp_path: Path) -> None:
    ended = grade(notebook(tmp_path / "ana.ipynb"), "--device", "cuda")
    assert ended.status == 2 and "out of a sandbox's reach" in ended.complaint


# ---------------------------------------------------------------- kept evidence


def test_kept_evidence_is_judged_the_same(
    grade: Grade, tmp_path: Path, example: Recorded, with_kernel: Callable[[Recording], FakeKernel]
) -> None:
    kernel = with_kernel(example[1])
    grade(notebook(tmp_path / "ana.ipynb"), "--keep-evidence")
    first = report(tmp_path / "ana.report.json")
    for number, command in enumerate((("rejudge",), ())):
        ended = grade(*command, tmp_path / "ana.evidence.zip", "-o", f"again{number}")
        assert ended.status == 0
        assert report(tmp_path / f"again{number}" / "ana.report.json") == first
    assert len(kernel.asked) == 1, "stored evidence was run"


def test_review_is_asked_for_where_the_recording_is_damaged(
    grade: Grade, tmp_path: Path, unlucky: Recorded
) -> None:
    submission, recording = unlucky
    bundle = tmp_path / "odd.evidence.zip"
    write_bundle(bundle, submission, replace(recording, problems=("event 4 is no JSON",)))
    assert grade("rejudge", bundle, "--format", "json").status == 0
    assert report(tmp_path / "odd.report.json")["needs_review"] is True


def test_a_real_submission_is_run_and_judged_again(tmp_path: Path) -> None:
    """The whole way, in processes of their own: the example is executed, kept and judged again."""
    path = notebook(tmp_path / "ana.ipynb")
    command = [sys.executable, "-c", "from grader.cli import main; main()"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "120"}

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr

    before = path.read_bytes()
    run("ana.ipynb", "--keep-evidence")
    run("rejudge", "ana.evidence.zip", "-o", "again")
    assert path.read_bytes() == before
    assert report(tmp_path / "ana.report.json") == report(tmp_path / "again" / "ana.report.json")
    assert report(tmp_path / "ana.report.json")["points"] == 8.45
    reports = {"ana.report.html", "ana.report.json"}
    assert files(tmp_path) == {"ana.ipynb", "ana.evidence.zip", *reports, *(f"again/{n}" for n in reports)}


# ---------------------------------------------------------------- handouts


def test_handout_is_written_once(grade: Grade, tmp_path: Path) -> None:
    ended = grade("handout", "lab")
    assert ended.status == 0
    written = {"pytorch-classification.ipynb", "pytorch-classification.py", "utils.py", "helper_functions.py"}
    assert files(tmp_path / "lab") == written
    again = grade("handout", "lab")
    assert again.status == 2 and "is there already" in again.complaint
    assert grade("handout", "lab", "--force").status == 0


def test_a_handout_of_another_assignment(grade: Grade, tmp_path: Path) -> None:
    assert grade("handout", "lab", "--assignment", ROOT / "examples" / "tutorial").status == 0
    assert "linear-circles-tutorial.ipynb" in files(tmp_path / "lab")
