"""`grade doctor` on machines that have everything, something and nothing; and once, really, on this one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from grader import cli, doctor
from grader.doctor import Row, examine, show
from grader.errors import GradingFailed
from grader.execute.kernel import FakeKernel
from grader.model.recording import CellError, CellRun, Recording
from grader.sandbox.offers import Offer
from grader.sandbox.plan import Readable

NAMES = ("namespaces", "landlock", "seccomp", "cgroup", "rlimits")
ALL = {"namespaces", "landlock", "seccomp"}


def recording(**fields: Any) -> Recording:
    plain: dict[str, Any] = {
        "cells": (CellRun(number=1, status="ok"),), "events": (), "tensors": {}, "seed": 42,
        "device": "cpu", "versions": {}, "kernel": "warm", "sandbox": ("landlock",),
    }  # fmt: skip
    return Recording(**{**plain, **fields})


class Machine:
    """What a machine has, and what was asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.opened: list[tuple[Any, ...]] = []
        self.answers: Callable[..., Recording] = lambda submission, job: recording(device=job.device)
        monkeypatch.setattr(doctor, "opened_kernel", self._open)
        monkeypatch.setattr(doctor, "launcher_environment", lambda *_: {"MPLCONFIGDIR": "/fonts"})
        monkeypatch.setattr(doctor, "python_files", lambda: Readable((Path("/usr/lib"),)))
        self.has(*ALL)
        self.cuda(None)

    def has(self, *layers: str) -> None:
        found = tuple(
            Offer(name, name in layers, "" if name in layers else f"{name} is off") for name in NAMES
        )
        self._patch.setattr("grader.sandbox.offers.offers", lambda: found)
        self._patch.setattr(doctor, "offers", lambda: found)

    def cuda(self, name: str | None) -> None:
        self._patch.setattr("torch.cuda.is_available", lambda: name is not None)
        self._patch.setattr("torch.cuda.get_device_name", lambda: name)

    @contextmanager
    def _open(self, *arguments: object) -> Iterator[FakeKernel]:
        self.opened.append(arguments[1:])
        yield FakeKernel(self.answers)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def problems(rows: list[Row]) -> list[str]:
    return [row.problem for row in rows if row.problem]


def advice(rows: list[Row]) -> list[str]:
    return [row.advice for row in rows if row.advice]


def row(rows: list[Row], what: str) -> Row:
    (found,) = [row for row in rows if row.what == what]
    return found


def told(rows: list[Row], width: int = 100) -> str:
    file = io.StringIO()
    show(rows, Console(file=file, width=width))
    return file.getvalue()


# ---------------------------------------------------------------- the sandbox


def test_a_machine_with_everything_is_sound(machine: Machine) -> None:
    rows = list(examine())
    assert (problems(rows), advice(rows)) == ([], [])
    assert machine.opened == [("cpu", "auto")]
    assert row(rows, "warm start").there and row(rows, "sandbox").there
    assert "untrusted submissions can be graded here" in told(rows)


def test_a_machine_with_nothing_says_so_once_and_starts_nothing(machine: Machine) -> None:
    machine.has()
    rows = list(examine())
    (problem,) = problems(rows)
    assert "namespaces is off" in problem and "landlock is off" in problem and "--sandbox none" in problem
    assert machine.opened == [] and row(rows, "warm start").there is None
    assert "cannot be graded here" in told(rows)


def test_landlock_alone_will_do_and_the_rest_is_advised(machine: Machine) -> None:
    machine.has("landlock")
    rows = list(examine())
    assert problems(rows) == []
    assert [line.split(",")[0] for line in advice(rows)] == ["no namespaces", "no seccomp"]
    assert machine.opened == [("cpu", "auto")]


def test_strict_is_refused_where_seccomp_is_missing(machine: Machine) -> None:
    machine.has("namespaces", "landlock")
    (problem,) = problems(list(examine("strict")))
    assert "--sandbox strict needs" in problem and "seccomp is off" in problem


@pytest.mark.parametrize(
    ("user", "layers", "barred"),
    [
        (0, ("landlock",), True),
        (0, ("namespaces",), False),
        (1000, ("landlock",), False),
    ],
)
def test_a_python_in_a_folder_of_roots(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, layers, barred: bool
) -> None:
    machine.has(*layers)
    monkeypatch.setattr(doctor, "python_files", lambda: Readable((tmp_path / "own" / "lib",)))
    monkeypatch.setattr(doctor.os, "geteuid", lambda: user)
    (tmp_path / "own").mkdir(mode=0o700)
    found = problems(list(examine()))
    assert [f"may not enter {tmp_path / 'own'}" in problem for problem in found] == [True] * barred
    assert bool(machine.opened) is not barred


@pytest.mark.parametrize("layers", [(), ALL])
def test_without_a_sandbox_a_kernel_starts_and_nobody_is_to_be_trusted(machine: Machine, layers) -> None:
    machine.has(*layers)
    rows = list(examine("none"))
    (problem,) = problems(rows)
    assert "without a sandbox" in problem and "cannot be graded here" in told(rows)
    assert machine.opened == [("cpu", "none")] and row(rows, "warm start").there


def test_a_system_that_forks_no_kernels(machine: Machine) -> None:
    machine.has()
    machine.answers = lambda submission, job: recording(kernel="cold", sandbox=())
    start = row(list(examine("none")), "warm start")
    assert start.there is None and "forks no kernels" in start.told and " s" in start.told


# ---------------------------------------------------------------- PyTorch and devices


def test_a_pytorch_that_cannot_be_imported(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    rows = list(examine())
    (problem,) = problems(rows)
    assert "pip install" in problem and not row(rows, "PyTorch").there and machine.opened == []


def test_a_device_that_nobody_asked_for_is_no_problem(machine: Machine) -> None:
    assert row(list(examine()), "device cuda").there is None
    machine.cuda("A Card")
    rows = list(examine())
    assert row(rows, "device cuda").told == "A Card" and problems(rows) == []


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_device_that_is_not_there(machine: Machine, sandbox: Any) -> None:
    rows = list(examine(sandbox, "cuda"))
    assert "--device cuda: PyTorch finds none" in row(rows, "device cuda").problem
    assert machine.opened == []


def test_a_card_is_out_of_a_sandboxs_reach(machine: Machine) -> None:
    machine.cuda("A Card")
    (problem,) = problems(list(examine("auto", "cuda")))
    assert "out of a sandbox's reach" in problem and "--sandbox none" in problem
    assert machine.opened == []
    list(examine("none", "cuda"))
    assert machine.opened == [("cuda", "none")]


# ---------------------------------------------------------------- the start of a kernel


def test_a_kernel_that_does_not_come_up(machine: Machine) -> None:
    def broken(*_: object) -> Recording:
        raise GradingFailed("no sandboxed kernel could be started: Operation not permitted")

    machine.answers = broken
    rows = list(examine())
    assert problems(rows) == [
        "no submission can be run: no sandboxed kernel could be started: Operation not permitted"
    ]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (
            CellRun(
                number=1,
                status="error",
                error=CellError(name="ImportError", message="libtorch.so is missing"),
            ),
            "ImportError: libtorch.so is missing",
        ),
        (CellRun(number=1, status="died", note="ended by SIGSYS"), "ended by SIGSYS"),
    ],
)
def test_a_kernel_in_which_torch_does_not_work(machine: Machine, cell: CellRun, words: str) -> None:
    machine.answers = lambda submission, job: recording(cells=(cell,))
    (problem,) = problems(list(examine()))
    assert "`import torch`" in problem and words in problem


def test_a_font_list_that_cannot_be_kept_is_only_slow(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "launcher_environment", lambda home, device: {"MPLCONFIGDIR": str(home)})
    rows = list(examine())
    (line,) = advice(rows)
    assert "XDG_CACHE_HOME" in line and problems(rows) == []


# ---------------------------------------------------------------- what is shown


def test_each_problem_is_a_line_with_what_to_do_and_markup_does_nothing() -> None:
    rows = [
        Row("a", True, "[red]fine[/red]"),
        Row("b", False, "gone", problem="b is gone; fetch it"),
        Row("c", None, "slow", advice="c is slow; oil it"),
    ]
    lines = told(rows).splitlines()
    assert any("[red]fine[/red]" in line and "yes" in line for line in lines)
    assert "Problem: b is gone; fetch it" in lines and "Advice: c is slow; oil it" in lines
    assert lines[-1].startswith("Verdict: ") and "cannot" in lines[-1]


@pytest.mark.parametrize(("layers", "status"), [(ALL, 0), ((), 1)])
def test_the_exit_status_says_whether_untrusted_work_can_be_graded(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], layers, status: int
) -> None:
    machine.has(*layers)
    monkeypatch.setattr(sys, "argv", ["grade", "doctor"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert (left.value.code or 0) == status
    assert "Verdict" in capsys.readouterr().out


# ---------------------------------------------------------------- this machine


@pytest.mark.corpus
def test_this_machine_is_examined_for_real(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from grader.cli import main; main()", "doctor"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    verdict = "can" if done.returncode == 0 else "cannot"
    assert f"untrusted submissions {verdict} be graded here" in done.stdout, done.stderr
    assert ("ready after" in done.stdout) == (done.returncode == 0)
    assert "Traceback" not in done.stderr and list(tmp_path.iterdir()) == []
