"""The GitHub Action and its workflows, carried out by the shell commands they contain."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.integrations.handed_in import KINDS, arm, repository, stored
from tests.integrations.hosted import ROOT, Runner, Steps, read

HERE = {"python": sys.executable}
BUNDLE = {**HERE, "path": "submission.evidence.zip"}
GITHUB = ROOT / "integrations" / "github"
WORKFLOWS = sorted(GITHUB.glob("*.yml"))


def pushed(runner: Runner) -> Runner:
    """The job's first step has been done."""
    runner._use("actions/checkout@x", {}, str)
    return runner


def report(runner: Runner) -> dict[str, Any]:
    (path,) = runner.artifacts["grade"].glob("*.report.json")
    told: dict[str, Any] = json.loads(path.read_text())
    return told


def agree(runner: Runner, ran: Steps) -> None:
    """Outputs, summary, JUnit and page say what the JSON report says."""
    told, given = report(runner), ran.outputs["grade"]
    (path,) = runner.artifacts["grade"].glob("*.report.json")
    assert given["digest"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert (float(given["points"]), given["result"]) == (told["points"], told["status"])
    assert f"{told['points']:g}" in runner.summary.read_text()
    (junit,) = runner.artifacts["grade"].glob("*.report.junit.xml")
    checks = [check for exercise in told["exercises"] for check in exercise["checks"]]
    assert len(list(ElementTree.parse(junit).getroot().iter("testcase"))) >= len(checks)
    (page,) = runner.artifacts["grade"].glob("*.report.html")
    assert "<html" in page.read_text()


# ---------------------------------------------------------------- the action, on stored evidence


def test_the_action_reports(tmp_path: Path) -> None:
    runner = pushed(Runner(tmp_path / "machine", stored(tmp_path / "ana")))
    ran = runner.act({**BUNDLE, "pass-at": "8.5"})
    assert ran.status == 1 and ran.outputs["grade"]["status"] == "1", ran.log
    assert report(runner)["points"] == 8.45
    agree(runner, ran)
    assert any(line.startswith(("::error ", "::warning ")) for line in ran.annotations)
    assert all("file=submission" in line for line in ran.annotations)
    assert pushed(runner).act({**BUNDLE, "pass-at": "8.4"}).status == 0


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"path": "nothing.ipynb"}, "does not exist"),
        ({"path": "../../../../_temp"}, "not in the student's checkout"),
        ({"path": "."}, "neither a notebook nor a script"),
        ({"assignment": "{workspace}/exercises"}, "could change it"),
    ],
)
def test_what_is_refused_is_an_annotation_and_no_grade(
    tmp_path: Path, inputs: dict[str, str], words: str
) -> None:
    runner = pushed(Runner(tmp_path / "machine", stored(tmp_path / "ana")))
    given = {name: value.replace("{workspace}", str(runner.workspace)) for name, value in inputs.items()}
    ran = runner.act({**BUNDLE, **given})
    assert ran.status != 0 and words in ran.log, ran.log
    assert ran.outputs["grade"] == {"status": "2", "reports": str(runner.temp / "grade-reports")}
    assert [line.split("::")[1] for line in ran.annotations] == ["error title=Not graded"]
    assert words in runner.summary.read_text()


def test_values_become_no_commands(tmp_path: Path) -> None:
    runner = pushed(Runner(tmp_path / "machine", stored(tmp_path / "ana")))
    broken = f"$(touch {tmp_path}/a)`touch {tmp_path}/b`;touch {tmp_path}/c\n::set-output name=points::9"
    ran = runner.act({**BUNDLE, "path": broken, "artifact": ""})
    assert ran.status == 2 and not {"a", "b", "c"} & {path.name for path in tmp_path.iterdir()}
    assert [line.split(" ")[0] for line in ran.annotations] == ["::error"] and not runner.artifacts


def test_a_hostile_checkout_changes_nothing(tmp_path: Path) -> None:
    folder = stored(tmp_path / "ana")
    stolen = arm(folder)
    given = {
        "PYTHONPATH": str(tmp_path / "machine/work/repo/repo"),
        "PYTHONSTARTUP": str(folder / "conftest.py"),
        "MATPLOTLIBRC": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder),
    }
    runner = pushed(Runner(tmp_path / "machine", folder, given))
    ran = runner.act(BUNDLE)
    assert ran.status == 0, ran.log
    assert report(runner)["points"] == 8.45 and not stolen.exists()
    agree(runner, ran)


# ---------------------------------------------------------------- the workflows as they are written


def steps_of(path: Path) -> list[dict[str, Any]]:
    content = read(path)
    jobs = content.get("jobs", {"": content.get("runs")})
    return [step for job in jobs.values() for step in job["steps"]]


@pytest.mark.parametrize("path", [ROOT / "action.yml", *WORKFLOWS], ids=lambda path: path.name)
def test_shell_commands_hold_no_expressions_and_actions_are_pinned(path: Path) -> None:
    for step in steps_of(path):
        assert "${{" not in step.get("run", ""), "a value could become a command"
        if "uses" in step:
            assert re.fullmatch(r"[\w/.-]+@([0-9a-f]{40}|COMMIT)", step["uses"]), step["uses"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_read_and_no_more(path: Path) -> None:
    content = read(path)
    triggers = content[True]
    assert "pull_request_target" not in triggers and "workflow_run" not in triggers
    assert content["permissions"] in ({}, {"contents": "read"})
    for job in content["jobs"].values():
        runs_students_code = any("grade" in str(step) and "attest" not in str(step) for step in job["steps"])
        if runs_students_code:
            assert job.get("permissions", {"contents": "read"}) == {"contents": "read"}
    for step in steps_of(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_secrets_are_in_a_step_that_runs_nothing_of_the_students() -> None:
    with_secrets = [step for path in WORKFLOWS for step in steps_of(path) if "secrets." in str(step)]
    assert [step["name"] for step in with_secrets] == ["Clone what was handed in"]
    assert "grader.cli" not in with_secrets[0]["run"]


def test_what_counts_takes_nothing_from_the_caller() -> None:
    content = read(GITHUB / "counted.yml")
    assert content[True] == {"workflow_call": None}
    (step,) = [step for step in steps_of(GITHUB / "counted.yml") if step.get("id") == "grade"]
    assert step["with"]["cache"] == "false" and step["with"]["sandbox"] == "strict"
    assert "${{" not in str(step["with"])


# ---------------------------------------------------------------- whole submissions


@pytest.mark.corpus
@pytest.mark.parametrize("kind", KINDS)
def test_a_push_is_graded(tmp_path: Path, kind: str) -> None:
    expected = KINDS[kind]
    runner = Runner(tmp_path / "machine", repository(tmp_path / "ana", expected.case))
    ran = runner.job(GITHUB / "student.yml", "grade", sys.executable)
    assert ran.status == 0, ran.log
    told = report(runner)
    assert expected.lowest <= told["points"] <= expected.highest
    (page,) = runner.artifacts["grade"].glob("*.report.html")
    assert expected.words in page.read_text() and f"{told['points']:g}" in runner.summary.read_text()
    assert any("Grade" in line and "points" in line for line in ran.annotations)
    assert (kind == "correct") is not any(line.startswith("::error") for line in ran.annotations)
    if kind == "tampering":
        assert told["needs_review"] and "integrity-tampering" not in ran.log + page.read_text()


@pytest.mark.corpus
def test_what_counts_is_graded_and_signed_whatever_lies_in_the_repository(tmp_path: Path) -> None:
    folder = repository(tmp_path / "ana", KINDS["wrong"].case)
    stolen = arm(folder)
    for path in (folder / "torch.py", folder / "matplotlib.py", folder / "json.py"):
        assert path.exists()
    runner = Runner(tmp_path / "machine", folder)
    ran = runner.job(GITHUB / "counted.yml", "grade", sys.executable)
    assert ran.status == 0 and not stolen.exists(), ran.log
    (path,) = runner.artifacts["counted-grade"].glob("*.report.json")
    assert json.loads(path.read_text())["points"] == pytest.approx(8.6)
    digest = ran.outputs["grade"]["digest"]
    assert digest == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    signed = runner._steps(
        read(GITHUB / "counted.yml")["jobs"]["sign"]["steps"],
        {"needs": {"grade": {"outputs": {"digest": digest}}}},
    )
    assert signed.status == 0 and runner.signed == [{"subject-name": "report.json", "subject-digest": digest}]


@pytest.mark.release
def test_the_action_installs_the_grader_from_its_own_checkout(tmp_path: Path) -> None:
    runner = pushed(Runner(tmp_path / "machine", stored(tmp_path / "ana")))
    ran = runner.act(
        {"path": "submission.evidence.zip", "python-version": "3.11", "torch-index": "file:///nowhere"}
    )
    assert ran.status == 0, ran.log
    assert ran.outputs["install"]["python"].startswith(str(runner.temp))
    assert report(runner)["points"] == 8.45
    agree(runner, ran)
