"""Against folders that imitate the kernel's: few machines let their tests limit memory and processes for real."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PosixPath
from typing import Any

import pytest

from grader.sandbox import cgroup
from grader.sandbox.cgroup import Cgroup

FILES = ("cgroup.procs", "cgroup.subtree_control", "pids.max", "pids.events", "cgroup.events", "cgroup.kill")
MEMORY = ("memory.max", "memory.swap.max", "memory.oom.group", "memory.events")


class Imitation(PosixPath):
    """A folder tree that makes, lists, ends and removes groups as the kernel does."""

    lacking: frozenset[str] = frozenset()
    """Files that this kernel does not offer."""

    def mkdir(self, *arguments: Any, **options: Any) -> None:
        super().mkdir(*arguments, **options)
        handed_on = (self.parent / "cgroup.subtree_control").read_text()
        (self / "cgroup.controllers").write_text(handed_on)
        for name in {*FILES, *(MEMORY if "memory" in handed_on else ())} - self.lacking:
            (self / name).touch()

    def rmdir(self) -> None:
        if (self / "cgroup.procs").read_text():
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        shutil.rmtree(self)

    def read_text(self, *arguments: Any, **options: Any) -> str:
        text = super().read_text(*arguments, **options)
        if self.name == "cgroup.procs":
            return "".join(f"{pid}\n" for pid in text.split() if pid == "0" or lives(int(pid)))
        return text


def lives(pid: int) -> bool:
    """Whether there is such a process and it has not ended: the dead that nobody asked about do not count."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def root(tmp_path: Path) -> Imitation:
    """A hierarchy as systemd makes it, with `machine.slice/grader.service` in it for us."""
    root = Imitation(tmp_path / "cgroup")
    for folder in (Path(root.parent), Path(root)):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.controllers").write_text("cpu memory pids\n")
        (folder / "cgroup.subtree_control").write_text("cpu memory pids\n")
    (root / "machine.slice").mkdir()
    (root / "machine.slice" / "cgroup.subtree_control").write_text("memory pids\n")
    (root / "machine.slice" / "grader.service").mkdir()
    return root


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("proc") / "cgroup"
    file.write_text("12:cpuset:/elsewhere\n0::/machine.slice/grader.service\n")
    return file


@pytest.fixture
def group(root: Imitation) -> Cgroup:
    return Cgroup.make(root, "grade-1", 2 << 30, 64)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for input which never comes."""
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE))
        stack.callback(process.kill)
        yield process


def written(group: Cgroup) -> dict[str, str]:
    return {file.name: file.read_text() for file in group.folder.iterdir() if file.name in (*FILES, *MEMORY)}


# ---------------------------------------------------------------- where groups may be made


def test_beside_our_own_group_first(root: Imitation, own: Path) -> None:
    before = sorted(root.rglob("*"))
    assert cgroup.find(root, own) == root / "machine.slice"
    assert cgroup.offered(root, own) == (root / "machine.slice", "")
    assert sorted(root.rglob("*")) == before


def test_at_the_top_where_the_group_around_ours_hands_nothing_on(root: Imitation, own: Path) -> None:
    (root / "machine.slice" / "cgroup.subtree_control").write_text("cpu\n")
    assert cgroup.find(root, own) == root


@pytest.mark.parametrize("groups", ["0::/\n", "0::/../outside\n", "4:memory:/a\n", ""])
def test_at_the_top_where_our_own_group_is_the_top_or_unknown(
    root: Imitation, own: Path, groups: str
) -> None:
    own.write_text(groups)
    assert cgroup.find(root, own) == root


def test_beside_version_1(root: Imitation, own: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    machine = tmp_path_factory.mktemp("hybrid")
    root.rename(machine / "unified")
    assert cgroup.find(Imitation(machine), own) == machine / "unified" / "machine.slice"


def test_no_version_2(tmp_path: Path, own: Path) -> None:
    reason = f"no control groups of version 2 at {tmp_path}"
    assert cgroup.offered(tmp_path, own) == (None, reason)


@pytest.mark.parametrize("controllers", ["", "hugetlb\n", "memory\n", "pids\n"])
def test_memory_and_pids_are_somewhere_else(root: Imitation, own: Path, controllers: str) -> None:
    (root / "cgroup.controllers").write_text(controllers)
    parent, reason = cgroup.offered(root, own)
    assert parent is None
    assert "without memory and pids" in reason


def test_nothing_is_switched_on(root: Imitation, own: Path) -> None:
    controls = [root / "cgroup.subtree_control", root / "machine.slice" / "cgroup.subtree_control"]
    for control in controls:
        control.write_text("cpu pids\n")
    parent, reason = cgroup.offered(root, own)
    assert parent is None
    assert reason.count("does not hand memory and pids on") == 2
    assert [control.read_text() for control in controls] == ["cpu pids\n"] * 2


@pytest.mark.parametrize("refused", ["mkdir", "enter"])
def test_a_refusal_is_the_reason(
    root: Imitation, own: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(*{"mkdir": (Imitation, "mkdir"), "enter": (Cgroup, "enter")}[refused], refuse)
    before = sorted(root.rglob("*"))
    parent, reason = cgroup.offered(root, own)
    assert parent is None
    assert f"{root / 'machine.slice'}: Permission denied; {root}: Permission denied" in reason
    assert "systemd-run --user --scope" in reason
    assert sorted(root.rglob("*")) == before


def test_what_this_machine_says() -> None:
    """Found for real, and either usable at once or explained."""
    parent, reason = cgroup.offered()
    assert (parent is None) == bool(reason)
    if parent is not None:
        group = Cgroup.make(parent, f"grade-test-{os.getpid()}", 1 << 26, 8)
        assert group.events() == {"oom_kill": 0, "pids_max": 0}
        group.remove()
        assert not group.folder.exists()


# ---------------------------------------------------------------- one group


def test_its_limits(group: Cgroup) -> None:
    files = written(group)
    assert files["memory.max"] == str(2 << 30)
    assert files["pids.max"] == "64"
    assert files["memory.swap.max"] == "0"
    assert files["memory.oom.group"] == "1"


def test_a_kernel_that_cannot_swap(root: Imitation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Imitation, "lacking", frozenset({"memory.swap.max"}))
    group = Cgroup.make(root, "grade-1", 1 << 20, 2)
    assert "memory.swap.max" not in written(group)
    assert written(group)["memory.max"] == str(1 << 20)


def test_half_a_group_is_taken_back(root: Imitation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Imitation, "lacking", frozenset({"pids.max"}))
    with pytest.raises(FileNotFoundError):
        Cgroup.make(root, "grade-1", 1 << 20, 2)
    assert not (root / "grade-1").exists()


def test_a_name_that_is_taken(root: Imitation, group: Cgroup) -> None:
    with pytest.raises(FileExistsError):
        Cgroup.make(root, "grade-1", 1, 1)
    assert written(group)["pids.max"] == "64"


def test_entering_and_removing(group: Cgroup, child: subprocess.Popen[bytes]) -> None:
    group.enter(child.pid)
    assert written(group)["cgroup.procs"].split() == [str(child.pid)]
    group.remove()
    assert child.wait() == -signal.SIGKILL
    assert not group.folder.exists()


def test_the_kernel_ends_all_at_once(group: Cgroup) -> None:
    group.kill()
    assert written(group)["cgroup.kill"] == "1"
    assert written(group)["pids.max"] == "64"


def test_an_older_kernel_ends_one_by_one_and_none_may_come(
    root: Imitation, monkeypatch: pytest.MonkeyPatch, child: subprocess.Popen[bytes]
) -> None:
    monkeypatch.setattr(Imitation, "lacking", frozenset({"cgroup.kill"}))
    group = Cgroup.make(root, "grade-1", 1 << 20, 2)
    group.enter(child.pid)
    group.kill()
    assert child.wait() == -signal.SIGKILL
    assert written(group)["pids.max"].startswith("0")
    assert "cgroup.kill" not in written(group)


def test_patience_ends(
    group: Cgroup, monkeypatch: pytest.MonkeyPatch, child: subprocess.Popen[bytes]
) -> None:
    monkeypatch.setattr(cgroup, "_end", lambda pids: None)
    monkeypatch.setattr(cgroup, "_PATIENCE_S", 0.05)
    group.enter(child.pid)
    with pytest.raises(OSError) as refused:
        group.remove()
    assert refused.value.errno == errno.EBUSY


def test_a_process_out_of_sight_is_not_our_own_group(group: Cgroup, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: killed.append(pid))
    monkeypatch.setattr(cgroup, "_PATIENCE_S", 0.05)
    (group.folder / "cgroup.procs").write_text("0\n")
    group.kill()
    assert killed == []


def test_gone_is_gone(group: Cgroup) -> None:
    group.remove()
    group.remove()
    group.kill()
    assert group.events() == {"oom_kill": 0, "pids_max": 0}


def test_events(group: Cgroup) -> None:
    assert group.events() == {"oom_kill": 0, "pids_max": 0}
    (group.folder / "memory.events").write_text(
        "low 0\nhigh 0\nmax 17\noom 2\noom_kill 1\noom_group_kill 1\n"
    )
    (group.folder / "pids.events").write_text("max 5\n")
    assert group.events() == {"oom_kill": 1, "pids_max": 5}
