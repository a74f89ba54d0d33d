"""How many submissions run side by side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grader.batch import jobs
from grader.errors import UsageError
from grader.model.recording import Limits

GB = 1024**3

Machine = Callable[[int, float], None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes this a machine with so many cores and gigabytes."""

    def have(cores: int, memory_gb: float) -> None:
        monkeypatch.setattr("joblib.cpu_count", lambda: cores)
        monkeypatch.setattr(jobs, "_available", lambda: int(memory_gb * GB))

    return have


def test_one_for_each_core(machine: Machine) -> None:
    machine(4, 64)
    assert jobs.jobs_for("auto", 300, Limits()) == 4


def test_no_more_than_there_are_submissions(machine: Machine) -> None:
    machine(16, 64)
    assert jobs.jobs_for("auto", 3, Limits()) == 3
    assert jobs.jobs_for("9", 3, Limits()) == 3


def test_memory_holds_them_back_but_one_always_runs(machine: Machine) -> None:
    machine(8, 4)
    assert jobs.jobs_for("auto", 300, Limits(memory_bytes=2 * GB)) == 2
    machine(8, 0.5)
    assert jobs.jobs_for("auto", 300, Limits()) == 1


def test_what_is_asked_for_is_done(machine: Machine) -> None:
    machine(2, 1)
    assert jobs.jobs_for("5", 300, Limits()) == 5


@pytest.mark.parametrize("asked", ["0", "-1", "many", "", "2.5", "9999"])
def test_what_is_no_number_of_jobs(asked: str) -> None:
    with pytest.raises(UsageError, match="give a number from 1, or auto"):
        jobs.jobs_for(asked, 3, Limits())


def test_room_for_one_more(machine: Machine) -> None:
    machine(2, 3.2)
    assert jobs.has_room(Limits(memory_bytes=2 * GB))
    assert not jobs.has_room(Limits(memory_bytes=3 * GB))
