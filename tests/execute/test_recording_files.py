"""Reads a recorder's folder that the student's code may have tampered with."""

from __future__ import annotations

import os
import socket
import stat
import tracemalloc
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.errors import UntrustedData
from grader.execute import recording_files
from grader.execute.recording_files import read_recording_folder, read_regular_file
from grader.execute.tensor_file import pack

CAP = 10_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound recording: two events, two arrays in two files."""
    (tmp_path / "events.jsonl").write_text('{"kind": "cell", "cell": 1}\n{"kind": "end", "loss": NaN}\n')
    (tmp_path / "tensors-0.safetensors").write_bytes(pack({"a0": np.ones(3)}))
    (tmp_path / "tensors-1.safetensors").write_bytes(pack({"a1": np.zeros(2)}))
    return tmp_path


def test_a_sound_folder(folder: Path) -> None:
    events, tensors, problems = read_recording_folder(folder, CAP)
    assert [event["kind"] for event in events] == ["cell", "end"]
    assert {name: array.tolist() for name, array in tensors.items()} == {"a0": [1, 1, 1], "a1": [0, 0]}
    assert problems == ()


def test_nothing_was_written(tmp_path: Path) -> None:
    assert read_recording_folder(tmp_path, CAP) == ((), {}, ())


@pytest.mark.parametrize(
    "line", ["not json", "[1]", '"text"', "[" * 100_000, "\x00", '{"cut": "o', "1" * 5000]
)
def test_junk_among_events_is_a_problem_and_costs_nothing_else(folder: Path, line: str) -> None:
    with (folder / "events.jsonl").open("a") as file:
        file.write(f'{line}\n{{"kind": "after"}}\n')
    events, _, problems = read_recording_folder(folder, 10**6)
    assert [event["kind"] for event in events] == ["cell", "end", "after"]
    assert problems == ("events.jsonl: line 3 is no event",)


def test_many_problems_are_summed_up(folder: Path) -> None:
    (folder / "events.jsonl").write_text("junk\n" * 50)
    problems = read_recording_folder(folder, CAP)[2]
    assert len(problems) == 21
    assert problems[-1] == "and 30 more"


def test_what_exceeds_the_cap_is_not_read(folder: Path) -> None:
    (folder / "tensors-0.safetensors").write_bytes(pack({"huge": np.zeros(CAP)}))
    events, tensors, problems = read_recording_folder(folder, CAP)
    assert len(events) == 2
    assert list(tensors) == ["a1"]
    assert len(problems) == 1
    assert "larger" in problems[0]


def test_events_past_the_cap_are_cut_off(folder: Path) -> None:
    (folder / "events.jsonl").write_text('{"kind": "cell"}\n' * 1000)
    events, tensors, problems = read_recording_folder(folder, 170)
    assert len(events) == 10
    assert tensors == {}
    assert any("the rest was not read" in problem for problem in problems)


@pytest.mark.parametrize("name", ["events.jsonl", "tensors-0.safetensors"])
@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_only_regular_files_are_read(folder: Path, tmp_path_factory, name: str, what: str) -> None:
    path = folder / name
    elsewhere = tmp_path_factory.mktemp("elsewhere") / name
    path.rename(elsewhere)
    match what:
        case "link":
            path.symlink_to(elsewhere)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
    events, tensors, problems = read_recording_folder(folder, CAP)
    assert (len(events), len(tensors)) == ((0, 2) if name == "events.jsonl" else (2, 1))
    assert len(problems) == 1
    assert problems[0].startswith(name)


def test_a_damaged_tensor_file_costs_only_itself(folder: Path) -> None:
    (folder / "tensors-0.safetensors").write_bytes(b"\x80\x04pickle")
    _, tensors, problems = read_recording_folder(folder, CAP)
    assert list(tensors) == ["a1"]
    assert len(problems) == 1


def test_a_folder_that_became_a_link_is_not_read(folder: Path, tmp_path_factory) -> None:
    link = tmp_path_factory.mktemp("other") / "record"
    link.symlink_to(folder)
    events, tensors, problems = read_recording_folder(link, CAP)
    assert (events, tensors) == ((), {})
    assert len(problems) == 1


# ---------------------------------------------------------------- what a hostile folder may hold


@pytest.fixture
def scratch(folder: Path) -> Iterator[Path]:
    """The sound recording as `record` in a folder that is known by its descriptor alone."""
    root = folder / "scratch"
    root.mkdir()
    (root / "record").mkdir()
    for path in list(folder.iterdir()):
        if path != root:
            path.rename(root / "record" / path.name)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    # As the folder of another process, which no path leads to.
    root.rename(folder / "moved")
    yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    os.close(descriptor)


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no descriptors in /proc")


def descriptors() -> set[str]:
    """Those that are open here."""
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - its own descriptor is in the list as well


@needs_proc
def test_a_folder_below_a_descriptor_is_read(scratch: Path) -> None:
    before = len(descriptors())
    events, tensors, problems = read_recording_folder(scratch / "record", CAP)
    assert (len(events), set(tensors), problems) == (2, {"a0", "a1"}, ())
    assert len(descriptors()) == before


@needs_proc
def test_the_descriptor_itself_can_be_the_folder(scratch: Path) -> None:
    (scratch / "events.jsonl").write_text('{"kind": "here"}\n')
    assert [event["kind"] for event in read_recording_folder(scratch, CAP)[0]] == ["here"]


@needs_proc
@pytest.mark.parametrize("depth", [1, 2], ids=["the-folder", "its-parent"])
@pytest.mark.parametrize("target", ["absolute", "relative", "file", "pipe"])
def test_nothing_is_followed_below_a_descriptor(scratch: Path, depth: int, target: str) -> None:
    wanted = scratch / "record" if depth == 1 else scratch / "record" / "deeper"
    (scratch / "sound" / "deeper").mkdir(parents=True)
    for name in ("sound", "sound/deeper"):
        (scratch / name / "events.jsonl").write_text('{"kind": "elsewhere"}\n')
    (scratch / "record").rename(scratch / "old")
    match target:
        case "absolute":
            (scratch / "record").symlink_to((scratch / "sound").resolve())
        case "relative":
            (scratch / "record").symlink_to("sound")
        case "file":
            (scratch / "record").write_text("x")
        case "pipe":
            os.mkfifo(scratch / "record")
    before = len(descriptors())
    events, tensors, problems = read_recording_folder(wanted, CAP)
    assert (events, tensors) == ((), {})
    assert len(problems) == 1 and "nothing was read" in problems[0]
    assert len(descriptors()) == before


@needs_proc
@pytest.mark.parametrize("name", ["events.jsonl", "tensors-0.safetensors"])
@pytest.mark.parametrize("target", ["../outside", "/proc/self/environ", "/dev/zero", "tensors-1.safetensors"])
def test_no_file_is_a_link_below_a_descriptor(scratch: Path, name: str, target: str) -> None:
    (scratch / "outside").write_text('{"kind": "secret"}\n')
    (scratch / "record" / name).unlink()
    (scratch / "record" / name).symlink_to(target)
    events, _, problems = read_recording_folder(scratch / "record", CAP)
    assert "secret" not in [event["kind"] for event in events]
    assert problems == (f"{name}: is no regular file",)


def test_a_socket_is_refused(folder: Path) -> None:
    (folder / "events.jsonl").unlink()
    with socket.socket(socket.AF_UNIX) as server, chdir(folder):
        server.bind("events.jsonl")
    assert read_recording_folder(folder, CAP)[2] == ("events.jsonl: is no regular file",)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_refused_unopened(folder: Path) -> None:
    (folder / "events.jsonl").unlink()
    # 1:5 is /dev/zero, which never ends.
    os.mknod(folder / "events.jsonl", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    assert read_recording_folder(folder, CAP)[2] == ("events.jsonl: is no regular file",)


@pytest.mark.parametrize("what", ["link", "pipe"])
def test_a_file_exchanged_after_it_was_asked_about(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    ask, path = os.stat, folder / "events.jsonl"

    def asked(name: str, **options: Any) -> os.stat_result:
        status = ask(name, **options)
        if name == path.name:
            path.rename(folder / "sound")
            path.symlink_to("sound") if what == "link" else os.mkfifo(path)
        return status

    monkeypatch.setattr(os, "stat", asked)
    events, _, problems = read_recording_folder(folder, CAP)
    assert events == ()
    assert len(problems) == 1 and problems[0].startswith("events.jsonl: ")


@pytest.mark.parametrize("name", ["events.jsonl", "tensors-0.safetensors"])
def test_a_giant_without_content_takes_no_memory(folder: Path, name: str) -> None:
    os.truncate(folder / name, 2**40)
    tracemalloc.start()
    try:
        problems = read_recording_folder(folder, CAP)[2]
        assert tracemalloc.get_traced_memory()[1] < 100 * CAP
    finally:
        tracemalloc.stop()
    assert any(problem.startswith(f"{name}: larger than") for problem in problems)


def test_a_small_file_reserves_little(folder: Path) -> None:
    tracemalloc.start()
    try:
        assert len(read_recording_folder(folder, 10**9)[0]) == 2
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_names_are_never_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lie there, and whatever they are called."""
    for number in range(300):
        (folder / f"tensors--{number}.safetensors").touch()
    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, lambda *given: pytest.fail("the folder was listed"))
    events, tensors, problems = read_recording_folder(folder, CAP)
    assert (len(events), set(tensors), problems) == (2, {"a0", "a1"}, ())


def test_a_missing_number_hides_no_later_file(folder: Path) -> None:
    (folder / "tensors-1.safetensors").rename(folder / "tensors-300.safetensors")
    assert set(read_recording_folder(folder, CAP)[1]) == {"a0", "a1"}


def test_millions_of_short_lines_are_not_taken_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_files, "_MOST_EVENTS", 100)
    (folder / "events.jsonl").write_bytes(b"11\n" * 1_000_000)
    tracemalloc.start()
    try:
        problems = read_recording_folder(folder, 10**7)[2]
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()
    assert problems[0] == "events.jsonl: more than 100 events; the rest was not read"


def test_a_line_that_would_take_gigabytes_is_not_parsed(folder: Path) -> None:
    with (folder / "events.jsonl").open("w") as file:
        file.write('{"kind": "cell"}\n[' + "[]," * 1_000_000 + '[]]\n{"kind": "end"}\n')
    tracemalloc.start()
    try:
        events, _, problems = read_recording_folder(folder, 64 * 1024**2)
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()
    assert [event["kind"] for event in events] == ["cell", "end"]
    assert problems == ("events.jsonl: line 2 is no event",)


def test_events_are_bounded_as_a_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_files, "_MOST_EVENT_BYTES", 40)
    events, tensors, problems = read_recording_folder(folder, CAP)
    assert [event["kind"] for event in events] == ["cell"]
    assert set(tensors) == {"a0", "a1"}
    assert "rest was not read" in problems[0]


def test_a_folder_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert read_recording_folder(tmp_path / "record", CAP) == ((), {}, ())


# ---------------------------------------------------------------- one file


def test_one_regular_file(tmp_path: Path) -> None:
    (tmp_path / "hello.json").write_bytes(b"12345")
    assert read_regular_file(tmp_path / "hello.json", 5) == b"12345"


@pytest.mark.parametrize("what", ["missing", "large", "link", "pipe", "folder", "linked-folder"])
def test_one_file_that_is_something_else(tmp_path: Path, what: str) -> None:
    path = tmp_path / "record" / "hello.json"
    path.parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "hello.json").write_bytes(b"123")
    match what:
        case "large":
            path.write_bytes(b"123456")
        case "link":
            path.symlink_to(tmp_path / "elsewhere" / "hello.json")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "linked-folder":
            path.parent.rmdir()
            path.parent.symlink_to("elsewhere")
    with pytest.raises(UntrustedData):
        read_regular_file(path, 5)
