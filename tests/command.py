"""The command as a user meets it, in this process and with a kernel that answers at once: for tests to import."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader import cli
from grader.execute.kernel import FakeKernel
from grader.model.recording import Recording
from grader.sandbox.offers import Offer
from tests.batch.here import Here


@dataclass(frozen=True)
class Ended:
    """One use of the command."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The single line that standard error holds."""
        (line,) = self.err.strip().splitlines()
        return line


Grade = Callable[..., Ended]


@pytest.fixture
def grade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Grade:
    """Runs the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["grade", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 1
        said = capsys.readouterr()
        return Ended(status, said.out, said.err)

    return run


@pytest.fixture
def with_kernel(monkeypatch: pytest.MonkeyPatch) -> Callable[[Recording], FakeKernel]:
    """Gives the command a kernel that answers every submission with one recording."""

    def install(recording: Recording) -> FakeKernel:
        kernel = FakeKernel(lambda submission, job: recording)
        offered(monkeypatch, "namespaces", "landlock", "seccomp")
        monkeypatch.setattr("grader.execute.choice.opened_kernel", lambda *_, **__: nullcontext(kernel))
        monkeypatch.setattr("grader.commands.whole_class.LocalWorkers", Here)
        monkeypatch.setattr("grader.commands.whole_class.launcher_for", lambda order: nullcontext())
        return kernel

    return install


def offered(monkeypatch: pytest.MonkeyPatch, *layers: str) -> None:
    """Makes this a machine with these layers."""
    names = ("namespaces", "landlock", "seccomp", "cgroup")
    found = tuple(Offer(name, name in layers, "" if name in layers else f"{name} is off") for name in names)
    monkeypatch.setattr("grader.sandbox.offers.offers", lambda: found)
