"""A hosted runner in small: carries out the steps of actions and workflows by the shell commands they contain."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (
    "action.yml",
    "integrations",
    "grader",
    "exercises",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "LICENSE",
)
"""What the instructor's repository holds."""
OURS = "COURSE/grader@COMMIT"
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")

Workflow = dict[Any, Any]


def read(path: Path) -> Workflow:
    """A YAML file; `on` is read as true, as YAML 1.1 has it."""
    content: Workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def reference_at(folder: Path) -> Path:
    """A checkout of the instructor's repository."""
    folder.mkdir(parents=True)
    for name in REFERENCE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    return folder


@dataclass
class Steps:
    """What became of some steps."""

    status: int = 0
    log: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each step that has an id."""

    @property
    def annotations(self) -> list[str]:
        """Commands that the runner obeys: none while a step has switched them off."""
        obeyed, waiting = [], ""
        for line in map(str.strip, self.log.splitlines()):
            if waiting:
                waiting = "" if line == f"::{waiting}::" else waiting
            elif line.startswith("::stop-commands::"):
                waiting = line.removeprefix("::stop-commands::")
            elif line.startswith("::"):
                obeyed.append(line)
        return obeyed


class Runner:
    """A machine on which a job runs, with the student's repository as it was pushed."""

    def __init__(self, folder: Path, pushed: Path, variables: Mapping[str, str] | None = None) -> None:
        self.temp, self.workspace = folder / "_temp", folder / "work" / "repo" / "repo"
        self.action, self.pushed = folder / "_actions" / "COURSE" / "grader" / "COMMIT", pushed
        self.summary = self.temp / "summary.md"
        self.artifacts: dict[str, Path] = {}
        self.signed: list[Mapping[str, str]] = []
        self.used: list[str] = []
        for made in (self.temp, self.workspace, folder / "home"):
            made.mkdir(parents=True)
        reference_at(self.action)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))},
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "class/ana",
            "GITHUB_SHA": "c0ffee",
            "RUNNER_TEMP": str(self.temp),
            **(variables or {}),
        }

    def job(self, path: Path, name: str, python: str) -> Steps:
        """A workflow's job, on a runner of one's own where `python` has the grader."""
        steps = [dict(step) for step in read(path)["jobs"][name]["steps"]]
        for step in steps:
            if step.get("uses") == OURS:
                step["with"] = {**step["with"], "python": python}
        return self._steps(steps, {"vars": {"GRADER_PYTHON": python}})

    def act(self, inputs: Mapping[str, str]) -> Steps:
        """The action, with these inputs."""
        declared = read(self.action / "action.yml")
        values = {name: told.get("default", "") for name, told in declared["inputs"].items()}
        assert inputs.keys() <= values.keys(), "an input that the action does not have"
        return self._steps(declared["runs"]["steps"], {"inputs": {**values, **inputs}})

    def _steps(self, steps: list[dict[str, Any]], contexts: dict[str, Any]) -> Steps:
        done = Steps()
        for number, step in enumerate(steps):
            known = {**self._contexts(), **contexts, "steps": _as_steps(done.outputs)}
            asked = step.get("if", "")
            if (done.status and "always()" not in asked) or not _holds(asked, known):
                continue
            fill = _filler(known)
            ran = (
                self._run(step, fill)
                if "run" in step
                else self._use(step["uses"], step.get("with", {}), fill)
            )
            done.outputs[step.get("id", f"step{number}")] = ran.outputs.get("", {})
            done.log += ran.log
            done.status = done.status or ran.status
        return done

    def _contexts(self) -> dict[str, Any]:
        github = {"action_path": str(self.action), "workspace": str(self.workspace), "action_ref": "COMMIT"}
        runner = {"temp": str(self.temp), "os": "Linux", "arch": "X64", "environment": "self-hosted"}
        return {"github": github, "runner": runner, "secrets": {"CLASSROOM_TOKEN": "s3cret"}}

    def _run(self, step: Mapping[str, Any], fill: Callable[[Any], str]) -> Steps:
        script, told = self.temp / "step.sh", self.temp / "output"
        script.write_text(fill(step["run"]))
        told.write_text("")
        variables = {name: fill(value) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace,
            env={**self.environment, **variables, "GITHUB_OUTPUT": str(told)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
        )
        pairs = (line.partition("=") for line in told.read_text().splitlines())
        return Steps(done.returncode, done.stdout, {"": {name: value for name, _, value in pairs}})

    def _use(self, action: str, asked: Mapping[str, Any], fill: Callable[[Any], str]) -> Steps:
        given = {name: fill(value) for name, value in asked.items()}
        self.used.append(action)
        name = action.partition("@")[0]
        if action == OURS:
            ran = self.act(given)
            return Steps(ran.status, ran.log, {"": self._declared_outputs(ran)})
        if name == "actions/checkout":
            shutil.copytree(
                self.pushed, self.workspace / given.get("path", "."), symlinks=True, dirs_exist_ok=True
            )
        elif name == "actions/setup-python":
            return Steps(outputs={"": {"python-path": getattr(sys, "_base_executable", sys.executable)}})
        elif name == "actions/upload-artifact":
            self.artifacts[given["name"]] = Path(given["path"])
        elif name == "actions/attest-build-provenance":
            self.signed.append(given)
        else:
            assert name == "actions/cache", f"no such action here: {action}"
        return Steps(outputs={"": {}})

    def _declared_outputs(self, ran: Steps) -> dict[str, str]:
        fill = _filler({"steps": _as_steps(ran.outputs)})
        return {
            name: fill(told["value"]) for name, told in read(self.action / "action.yml")["outputs"].items()
        }


def _as_steps(outputs: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {step: {"outputs": values} for step, values in outputs.items()}


def _filler(contexts: Mapping[str, Any]) -> Callable[[Any], str]:
    def fill(text: Any) -> str:
        return _EXPRESSION.sub(lambda found: _value(found[1], contexts), str(text))

    return fill


def _value(term: str, contexts: Mapping[str, Any]) -> str:
    for choice in term.split("||"):
        value: Any = contexts
        if choice.strip().startswith("'"):
            return choice.strip().strip("'")
        for part in choice.strip().split("."):
            value = value.get(part, {}) if isinstance(value, Mapping) else {}
        if value:
            return str(value)
    return ""


def _holds(condition: str, contexts: Mapping[str, Any]) -> bool:
    """A condition without brackets: comparisons joined by `&&`."""
    for term in filter(None, (part.strip() for part in condition.split("&&"))):
        if term == "always()":
            continue
        left, equal, right = re.split(r"\s*(==|!=)\s*", term)
        if (_value(left, contexts) == _value(right, contexts)) is not (equal == "=="):
            return False
    return True
