"""Reads a recorder's folder that the student's code may have tampered with."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from grader.execute.recording_files import read_recording_folder
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
