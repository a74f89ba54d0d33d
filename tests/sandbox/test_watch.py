"""What a warden ends, and when: seen on processes that are told rather than run, and on real folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.sandbox import members
from grader.sandbox.plan import Ceiling
from grader.sandbox.watch import Watch

KERNEL = 2**30
MEGABYTE = 1024**2


class Machine:
    """Processes and what each holds, in bytes; remembers what was ended."""

    def __init__(self) -> None:
        self.held = {KERNEL: 0}
        self.ended: list[int | None] = []
        self.exact: dict[int, int] = {}

    def kill(self, of: members.Members, spared: int | None = None) -> int:
        """Stands in for `members.kill`."""
        gone = [process for process in self.held if process != spared]
        self.ended += gone
        for process in gone:
            del self.held[process]
        return len(gone)

    def field(self, process: int, file: str, *names: str) -> int:
        """Stands in for `members.field`: pages that are shared count once in the exact sum."""
        return self.held[process] if file == "status" else self.exact.get(process, self.held[process])


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    machine = Machine()
    monkeypatch.setattr("grader.sandbox.members.kill", machine.kill)
    monkeypatch.setattr("grader.sandbox.members.field", machine.field)
    monkeypatch.setattr("os.kill", lambda process, number: machine.ended.append(process))
    return machine


def watch(machine: Machine, folder: Path | None = None, before: int = 0, **ceiling: int) -> Watch:
    return Watch(lambda: list(machine.held), KERNEL, Ceiling(**ceiling), before, folder)


def test_a_quiet_sandbox_is_left_alone(machine: Machine) -> None:
    machine.held |= {1: 10, 2: 10}
    watched = watch(machine, memory=100, processes=8)
    assert [watched.look() for _ in range(30)] == [None] * 30
    assert not machine.ended


def test_a_crowd_may_be_there_for_a_moment_and_not_longer(machine: Machine) -> None:
    machine.held |= dict.fromkeys(range(1, 8), 0)
    watched = watch(machine, processes=8)
    said = [watched.look() for _ in range(7)]
    assert said[:5] == [None] * 5
    (told,) = [each for each in said if each]
    assert told.startswith("more than 6 processes")
    assert sorted(machine.held) == [KERNEL]


def test_twice_too_many_are_ended_at_once(machine: Machine) -> None:
    machine.held |= dict.fromkeys(range(1, 18), 0)
    assert watch(machine, processes=8).look() is not None
    assert sorted(machine.held) == [KERNEL]


def test_memory_is_counted_together_and_children_go_first(machine: Machine) -> None:
    machine.held = {KERNEL: 60, 1: 30, 2: 30}
    said = watch(machine, memory=100).look()
    assert said is not None and "its processes held more than" in said
    assert machine.ended == [1, 2]


def test_a_kernel_that_holds_too_much_alone_is_ended(machine: Machine) -> None:
    machine.held = {KERNEL: 101}
    said = watch(machine, memory=100).look()
    assert said is not None and "its process held more than" in said
    assert machine.ended == [KERNEL]


def test_what_was_there_before_the_submission_is_not_its_own(machine: Machine) -> None:
    machine.held = {KERNEL: 500, 1: 500, 2: 500}
    assert watch(machine, before=450, memory=200).look() is None


def test_pages_that_forked_processes_share_count_once(machine: Machine) -> None:
    machine.held = {KERNEL: 90, 1: 90, 2: 90}
    machine.exact = {KERNEL: 30, 1: 30, 2: 30}
    assert watch(machine, memory=100).look() is None


@pytest.mark.parametrize(("files", "size", "said"), [(3, 1, False), (3, 2, True), (30, 0, True)])
def test_a_folder_on_disk_is_held_to_its_room(
    machine: Machine, tmp_path: Path, files: int, size: int, said: bool
) -> None:
    (tmp_path / "inner").mkdir()
    for number in range(files):
        (tmp_path / "inner" / str(number)).write_bytes(bytes(size * MEGABYTE))
    watched = watch(machine, tmp_path, disk=4 * MEGABYTE, files=20)
    told = [watched.look() for _ in range(3)]
    assert any(each is not None and "files took more than 4 MB" in each for each in told) is said
    assert (KERNEL in machine.ended) is said
