"""A Gradescope autograder: the zip, and its two scripts in a folder tree as Gradescope lays it out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from grader.commands.gradescope.packing import write_autograder
from grader.commands.gradescope.run import grade_there
from grader.commands.options import Sandbox
from grader.errors import GradingFailed, UsageError
from grader.execute.kernel import FakeKernel
from tests.conftest import Recorded
from tests.integrations.handed_in import KINDS, arm, repository
from tests.integrations.hosted import ROOT

METADATA = {"id": 123456, "created_at": "2026-11-21T14:22:32.365935-07:00", "users": [{"name": "Ana"}]}


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("autograder") / "autograder.zip"
    write_autograder(path, None, Sandbox.auto, overwrite=False)
    return path


def laid_out(root: Path, zipped: Path) -> Path:
    """What Gradescope makes of the zip: everything in `source`, the program above it."""
    (root / "submission").mkdir(parents=True)
    (root / "results").mkdir()
    subprocess.run(["unzip", "-q", str(zipped), "-d", str(root / "source")], check=True)
    shutil.copy(root / "source" / "run_autograder", root / "run_autograder")
    (root / "submission_metadata.json").write_text(json.dumps(METADATA))
    return root


def run(root: Path, script: str, **given: str) -> subprocess.CompletedProcess[str]:
    """A script as Gradescope starts it, with variables that point into the submission."""
    own = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    misled = {"PYTHONPATH": str(root / "submission"), "PYTHONSTARTUP": str(root / "submission/conftest.py")}
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "AUTOGRADER_ROOT": str(root),
        **own,
        **misled,
        **given,
    }
    return subprocess.run(
        [str(root / script)], cwd=root, env=environment, capture_output=True, text=True, timeout=900
    )


def results(root: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((root / "results" / "results.json").read_text())
    return told


# ---------------------------------------------------------------- the zip


def test_it_holds_what_is_needed_and_nothing_that_solves(zipped: Path) -> None:
    with zipfile.ZipFile(zipped) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
        constraints = archive.read("constraints.txt").decode().splitlines()
        version = archive.read("python-version").decode()
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert "assignment/ex9/rubric.toml" in modes and "sandbox" in modes
    assert not [name for name in modes if "solution" in name or "reference" in name or "__pycache__" in name]
    assert any(line.startswith("torch==") for line in constraints)
    assert all(line.count("==") == 1 and "+" not in line for line in constraints)
    assert version == f"3.{sys.version_info.minor}\n"


def test_the_same_grader_gives_the_same_zip(zipped: Path, tmp_path: Path) -> None:
    write_autograder(tmp_path / "again.zip", None, Sandbox.auto, overwrite=False)
    assert (tmp_path / "again.zip").read_bytes() == zipped.read_bytes()


def test_its_wheel_is_one(zipped: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(zipped) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".whl")]
        wheel = Path(archive.extract(name, tmp_path))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*command, str(tmp_path / "site"), str(wheel)], check=True)
    (info,) = (tmp_path / "site").glob("*.dist-info")
    assert "grade = grader.cli:main" in (info / "entry_points.txt").read_text()
    assert (tmp_path / "site" / "grader" / "commands" / "gradescope" / "setup.sh").exists()
    assert not (tmp_path / "site" / "grader" / "assignments").exists(), "the assignment lies beside it"


def test_a_zip_that_is_there_is_kept(zipped: Path) -> None:
    with pytest.raises(UsageError, match="--force"):
        write_autograder(zipped, None, Sandbox.auto, overwrite=False)


# ---------------------------------------------------------------- one submission, without running it


def prepared(root: Path, monkeypatch: pytest.MonkeyPatch, answer: Any) -> Path:
    """The tree, with a kernel that gives one answer."""
    from grader.load.assignment import default_assignment_folder

    for name in ("source", "submission", "results"):
        (root / name).mkdir()
    (root / "source" / "assignment").symlink_to(default_assignment_folder())
    (root / "results" / "results.json").write_text("{}")
    monkeypatch.setattr(
        "grader.execute.choice.opened_kernel", lambda *_, **__: nullcontext(FakeKernel(answer))
    )
    return root


def test_results_are_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: Recorded) -> None:
    root = prepared(tmp_path, monkeypatch, lambda *_: example[1])
    shutil.copy(ROOT / "examples" / "submission.ipynb", root / "submission" / "lab.ipynb")
    assert grade_there(root, Sandbox.auto) == 0
    told = results(root)
    assert told["score"] == 8.45 and told["tests"] and told["stdout_visibility"] == "hidden"


def test_the_file_called_like_the_handout_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: Recorded
) -> None:
    root = prepared(tmp_path, monkeypatch, lambda *_: example[1])
    shutil.copy(ROOT / "examples" / "submission.ipynb", root / "submission" / "pytorch-classification.ipynb")
    (root / "submission" / "scratch.ipynb").write_text("{}")
    assert grade_there(root, Sandbox.auto) == 0
    assert results(root)["score"] == 8.45


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "neither a notebook nor a script"),
        (["a.ipynb", "b.ipynb"], "a.ipynb, b.ipynb"),
        (["cut.ipynb"], "JSON"),
        (["link.ipynb"], "is a link"),
    ],
)
def test_what_cannot_be_graded_is_told_to_the_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], words: str
) -> None:
    root = prepared(tmp_path, monkeypatch, ())
    for name in names:
        path = root / "submission" / name
        path.symlink_to("/etc/passwd") if name == "link.ipynb" else path.write_text('{"cells": [')
    assert grade_there(root, Sandbox.auto) == 0
    told = results(root)
    assert told["score"] == 0 and words in told["output"] and told["visibility"] == "visible"


def test_a_fault_of_ours_is_no_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise GradingFailed("the kernel never came up")

    root = prepared(tmp_path, monkeypatch, broken)
    repository(tmp_path / "ana", KINDS["correct"].case)
    shutil.copy(tmp_path / "ana" / "submission.ipynb", root / "submission")
    assert grade_there(root, Sandbox.auto) == 3
    assert not (root / "results" / "results.json").exists() and "never came up" in capsys.readouterr().err


def test_a_container_without_a_sandbox_is_no_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(sandbox: str) -> None:
        raise UsageError("this machine offers no sandbox")

    root = prepared(tmp_path, monkeypatch, ())
    repository(tmp_path / "ana", KINDS["correct"].case)
    shutil.copy(tmp_path / "ana" / "submission.ipynb", root / "submission")
    monkeypatch.setattr("grader.commands.gradescope.run.check_sandbox", refuse)
    assert grade_there(root, Sandbox.auto) == 2
    assert not (root / "results" / "results.json").exists()


# ---------------------------------------------------------------- both scripts, whole submissions


@pytest.mark.corpus
@pytest.mark.parametrize("kind", KINDS)
def test_a_submission_is_graded_in_gradescopes_tree(tmp_path: Path, zipped: Path, kind: str) -> None:
    expected = KINDS[kind]
    root = laid_out(tmp_path / "autograder", zipped)
    built = run(root, "source/setup.sh", GRADER_PYTHON=sys.executable)
    assert built.returncode == 0 and "sandbox" in built.stdout, built.stderr
    assert (root / "source").stat().st_mode & 0o077 == 0
    repository(tmp_path / "ana", expected.case)
    stolen = arm(tmp_path / "ana") if kind == "wrong" else None
    shutil.rmtree(root / "submission")
    shutil.copytree(tmp_path / "ana", root / "submission")
    done = run(root, "run_autograder")
    assert done.returncode == 0, done.stderr
    told = results(root)
    assert expected.lowest <= told["score"] <= expected.highest
    assert sum(test.get("score", 0) for test in told["tests"]) == pytest.approx(told["score"])
    assert stolen is None or not stolen.exists()
    if kind == "tampering":
        hidden = [test for test in told["tests"] if test["visibility"] == "hidden"]
        assert "integrity-tampering" in str(hidden)
        assert "integrity-tampering" not in str([test for test in told["tests"] if test not in hidden])


@pytest.mark.release
def test_setup_installs_the_grader_from_the_zip(tmp_path: Path, zipped: Path) -> None:
    root = laid_out(tmp_path / "autograder", zipped)
    built = run(root, "source/setup.sh", TORCH_INDEX="file:///nowhere")
    assert built.returncode == 0, built.stderr
    python = Path((root / "source" / "python").read_text().strip())
    assert python == root / "environment" / "bin" / "python"
    repository(tmp_path / "ana", KINDS["wrong"].case)
    shutil.copy(tmp_path / "ana" / "submission.ipynb", root / "submission")
    done = run(root, "run_autograder")
    assert done.returncode == 0 and results(root)["score"] == pytest.approx(8.6), done.stderr
