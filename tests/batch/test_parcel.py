"""What travels to another machine: files by value, and nothing outside their folder."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from grader.batch.desk import GradingDesk, JudgingDesk
from grader.batch.order import Order
from grader.batch.parcel import Parcel, packed, packed_desk
from grader.errors import GradingFailed, UnreadableSubmission
from grader.load.submission import load_submission
from grader.model.assignment import Assignment


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    folder = tmp_path / "ana"
    (folder / "data" / "empty").mkdir(parents=True)
    (folder / "data" / "rows.csv").write_bytes(b"1,2\n")
    (folder / "data" / "outside").symlink_to("/etc")
    (folder / "helper.py").write_text("x = 1\n", encoding="utf-8")
    (folder / "lab.py").write_text("import helper\nopen('data/rows.csv')\n", encoding="utf-8")
    return folder / "lab.py"


def test_a_submission_is_the_same_where_it_is_unpacked(lab: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    sent: Parcel = pickle.loads(pickle.dumps(packed(lab)))
    here, arrived = load_submission(lab), load_submission(sent.unpacked(there))
    assert (arrived.name, arrived.sha256, arrived.cells) == (here.name, here.sha256, here.cells)
    assert [path.name for path in arrived.companions] == [path.name for path in here.companions]
    assert (there / "data" / "rows.csv").read_bytes() == b"1,2\n"
    assert (there / "data" / "empty").is_dir() and not (there / "data" / "outside").exists()


def test_stored_evidence_travels_alone(lab: Path) -> None:
    bundle = lab.with_name("ana.evidence.zip")
    bundle.write_bytes(b"PK")
    assert packed(bundle) == Parcel("ana.evidence.zip", {"ana.evidence.zip": b"PK"})


def test_what_is_no_submission_is_not_packed(lab: Path) -> None:
    with pytest.raises(UnreadableSubmission):
        packed(lab.with_name("absent.py"))


@pytest.mark.parametrize("name", ["../beside", "/etc/passwd", "data/../../beside"])
def test_no_path_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for parcel in (Parcel("a.py", {name: b"x"}), Parcel("a.py", {}, (name,))):
        with pytest.raises(GradingFailed, match="leads out of its folder"):
            parcel.unpacked(folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_desk_brings_the_assignments_helper_files(nine: Assignment, tmp_path: Path) -> None:
    sent = pickle.loads(pickle.dumps(packed_desk(GradingDesk(Order(nine)))))
    desk = sent.unpacked(tmp_path)
    assert isinstance(desk, GradingDesk)
    support = desk.order.assignment.support
    assert support and {path.parent for path in support} == {tmp_path}
    assert [path.read_bytes() for path in support] == [path.read_bytes() for path in nine.support]


def test_a_desk_brings_the_catalogue_of_an_instructor(nine: Assignment, tmp_path: Path) -> None:
    own = tmp_path / "de.po"
    own.write_bytes(b'msgid ""\nmsgstr "Language: de\\n"\n')
    (there := tmp_path / "there").mkdir()
    sent = pickle.loads(pickle.dumps(packed_desk(JudgingDesk(Order(nine, language=str(own))))))
    desk = sent.unpacked(there)
    assert isinstance(desk, JudgingDesk)
    assert Path(desk.order.language).parent == there
    assert Path(desk.order.language).read_bytes() == own.read_bytes()
