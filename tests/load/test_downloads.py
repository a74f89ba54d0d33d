"""The names that platforms give, and Gradescope's list."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.errors import UnreadableSubmission
from grader.load import downloads
from grader.load.downloads import (
    CanvasName,
    MoodleName,
    Submitter,
    canvas_name,
    moodle_name,
    read_gradescope,
    repository_prefix,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana Pop_12_assignsubmission_file_", MoodleName("Ana Pop", "12", "file", "")),
        ("Ana Pop_12_assignsubmission_file", MoodleName("Ana Pop", "12", "file", "")),
        ("Ana_12_assignsubmission_file_lab_3.ipynb", MoodleName("Ana", "12", "file", "lab_3.ipynb")),
        ("Participant_7_assignsubmission_onlinetext_", MoodleName("Participant", "7", "onlinetext", "")),
        ("Default group_assignsubmission_file_", MoodleName("Default group", "", "file", "")),
        ("Ion_assignment_12_lab.ipynb", None),
        ("lab.ipynb", None),
    ],
)
def test_moodles_names(text: str, expected: MoodleName | None) -> None:
    assert moodle_name(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("popana_12_67_lab.ipynb", CanvasName("popana", "12", False, "67", "lab.ipynb", False)),
        ("popana_LATE_12_67_lab-1.ipynb", CanvasName("popana", "12", True, "67", "lab-1.ipynb", False)),
        ("popănă_12_67_a_1_2_b.py", CanvasName("popănă", "12", False, "67", "a_1_2_b.py", False)),
        ("anon_aB3xY_67_lab.ipynb", CanvasName("", "anon_aB3xY", False, "67", "lab.ipynb", False)),
        ("LATE_anon_aB3xY_67_lab.ipynb", CanvasName("", "anon_aB3xY", True, "67", "lab.ipynb", False)),
        ("popana_12_text.html", CanvasName("popana", "12", False, "", "", True)),
        ("popana_LATE_12_link.html", CanvasName("popana", "12", True, "", "", True)),
        ("Ana_12_67_lab.ipynb", None),
        ("lab_12.ipynb", None),
        ("_12_67_lab.ipynb", None),
    ],
)
def test_canvass_names(text: str, expected: CanvasName | None) -> None:
    assert canvas_name(text) == expected


@pytest.mark.parametrize(
    ("folder", "names", "expected"),
    [
        ("lab-3-submissions", ["lab-3-ana-pop", "lab-3-ana-ion"], "lab-3-"),
        ("clones", ["lab-3-ana", "lab-3-anton"], "lab-3-"),
        ("clones", ["lab-3-ana", "lab-3-ana-2"], "lab-3-"),
        ("clones", ["ana", "ion"], ""),
        ("clones", ["lab-3-ana"], ""),
        ("clones", [], ""),
    ],
)
def test_what_repositories_have_in_common(folder: str, names: list[str], expected: str) -> None:
    assert repository_prefix(folder, names) == expected


LIST = """\
submission_1:
  :submitters:
  - :name: Ana Pop
    :sid: '0100'
    :email: ana@example.org
  - :name: Ion
  :created_at: 2021-10-05 02:04:05.123456000 Z
  :score: 1.0
  :history:
  - &1
    :id: 5
  - *1
submission_2:
  :submitters:
  - :name: "Dan\\e[2J"
    :sid: 102
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2018-09-13 05:13:58 Z
    zone: !ruby/object:ActiveSupport::TimeZone
      name: Etc/UTC
submission_3:
  :created_at: nonsense
"""


def test_gradescopes_list(tmp_path: Path) -> None:
    (tmp_path / "list.yml").write_text(LIST)
    first, second, third = read_gradescope(tmp_path / "list.yml")
    assert first.submitters == (Submitter("Ana Pop", "0100", "ana@example.org"), Submitter("Ion", "", ""))
    assert first.handed_in == datetime(2021, 10, 5, 2, 4, 5, 123456, tzinfo=UTC)
    assert second.submitters == (Submitter("Dan?[2J", "102", ""),)
    assert second.handed_in == datetime(2018, 9, 13, 5, 13, 58, tzinfo=UTC)
    assert (third.submitters, third.handed_in) == ((), None)


JUNK = ["a: [", "- 1\n- 2", "!!python/object/apply:os.system ['touch {}']", "[" * 5000, "\x00", "a: *b", ""]


@pytest.mark.parametrize("text", JUNK, ids=range(len(JUNK)))
def test_junk_is_no_list(text: str, tmp_path: Path) -> None:
    (tmp_path / "list.yml").write_text(text.format(tmp_path / "pwned"))
    with pytest.raises(UnreadableSubmission, match="download the export"):
        read_gradescope(tmp_path / "list.yml")
    assert not (tmp_path / "pwned").exists()


def test_a_list_beyond_all_measure_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MAX_LIST_BYTES", 10)
    (tmp_path / "list.yml").write_text(f"a: {{}}\n#{'x' * 50}\n")
    with pytest.raises(UnreadableSubmission):
        read_gradescope(tmp_path / "list.yml")
