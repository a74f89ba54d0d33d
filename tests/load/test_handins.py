"""What counts as handed in, by whom, and that everything else is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from grader.errors import UnreadableSubmission
from grader.load import archives, listing
from grader.load.handins import find_handins
from grader.model.classroom import Handin, Refused, Roll
from tests.load.handing_in import WORK, files_below, notebook, tarred, write, zip_bytes, zipped

Find = Callable[..., Roll]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Calls the roll of paths, unpacking into a folder of its own each time."""
    numbers = iter(range(100))

    def call(*paths: Path, roster: str = "", handout: str = "") -> Roll:
        unpacked = tmp_path / f"unpacked{next(numbers)}"
        unpacked.mkdir()
        table = None
        if roster:
            table = tmp_path / "roster.csv"
            table.write_text(roster, encoding="utf-8")
        return find_handins(list(paths), unpacked, table, handout)

    return call


def keys(roll: Roll) -> dict[str, str]:
    """Key of each student → name of the file that is graded."""
    return {handin.student.key: handin.path.name for handin in roll.handins}


def reasons(roll: Roll) -> dict[str, str]:
    """Key, or what is shown, of each refusal → why."""
    return {one.student.key if one.student else one.shown: one.reason for one in roll.refused}


def only(roll: Roll) -> Handin:
    (handin,) = roll.handins
    return handin


def refusal(roll: Roll) -> Refused:
    (refused,) = roll.refused
    return refused


# ---------------------------------------------------------------- plain folders


def test_the_notebooks_of_a_folder_are_students_and_scripts_are_helpers(find: Find, tmp_path: Path) -> None:
    roll = find(write(tmp_path / "class", "b.ipynb a.ipynb tools.py .hidden.ipynb notes.txt"))
    assert keys(roll) == {"a": "a.ipynb", "b": "b.ipynb"}
    assert any("notes.txt and tools.py" in remark for remark in roll.remarks)
    assert any(remark.startswith("1 file or folder") for remark in roll.remarks)


def test_scripts_are_students_where_there_is_no_notebook(find: Find, tmp_path: Path) -> None:
    assert keys(find(write(tmp_path / "class", "ion.py ana.py"))) == {"ana": "ana.py", "ion": "ion.py"}


def test_bundles_are_students_where_there_is_nothing_else(find: Find, tmp_path: Path) -> None:
    assert keys(find(write(tmp_path / "class", "ana.evidence.zip ana.report.json"))) == {
        "ana": "ana.evidence.zip"
    }


def test_each_folder_is_a_student(find: Find, tmp_path: Path) -> None:
    files = "ana/lab.ipynb ana/tools.py ion/deep/main.py dan/lab.pdf ana/.ipynb_checkpoints/lab.ipynb"
    folder = write(tmp_path / "class", files)
    (folder / "eva").mkdir()
    roll = find(folder)
    assert keys(roll) == {"ana": "lab.ipynb", "ion": "main.py"}
    assert {handin.origin for handin in roll.handins} == {"folder"}
    assert set(reasons(roll)) == {"dan", "eva"}
    assert "only lab.pdf, which cannot be run" in reasons(roll)["dan"]
    assert reasons(roll)["eva"] == "There is no file at all."


def test_files_and_folders_may_be_mixed_and_that_is_said(find: Find, tmp_path: Path) -> None:
    roll = find(write(tmp_path / "class", "a.ipynb b/lab.ipynb data/rings.csv src/tools.py"))
    assert keys(roll) == {"a": "a.ipynb", "b": "lab.ipynb"}
    assert any("data (a folder) and src (a folder)" in remark for remark in roll.remarks)
    assert any("both were taken" in remark for remark in roll.remarks)


def test_a_folder_around_the_class_says_nothing(find: Find, tmp_path: Path) -> None:
    write(tmp_path / "class", "week_3/ana/lab.ipynb week_3/ion/lab.ipynb")
    assert set(keys(find(tmp_path / "class"))) == {"ana", "ion"}


def test_what_a_class_was_graded_into_is_not_handed_in(find: Find, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "class", "ana/lab.ipynb reports/gradebook.sqlite reports/evidence/a.evidence.zip"
    )
    assert set(keys(find(folder))) == {"ana"}


def test_environments_and_caches_are_passed_over(find: Find, tmp_path: Path) -> None:
    needless = "my/pyvenv.cfg my/x.py __pycache__/y.py node_modules/z.py venv/v.py __MACOSX/._lab.ipynb"
    folder = write(tmp_path / "class", {f"ana/{name}": b"1" for name in needless.split()})
    roll = find(write(folder, {"ana/lab.py": b"1"}))
    assert only(roll).remarks == ()
    assert roll.remarks == (
        "5 files and folders that systems and tools make (hidden ones, caches, environments) were passed over.",
    )


def test_links_inside_folders_are_not_followed(find: Find, tmp_path: Path) -> None:
    folder = write(tmp_path / "class", "ana/lab.py ion/x.txt")
    (folder / "ion" / "lab.py").symlink_to(folder / "ana" / "lab.py")
    roll = find(folder)
    assert set(keys(roll)) == {"ana"}
    assert reasons(roll) == {"ion": "lab.py is a link, which is not followed."}


@pytest.mark.parametrize("files", ["notes.txt", "lab.pdf", "sub/.hidden.py"])
def test_a_folder_or_an_archive_without_submissions_is_refused(
    files: str, find: Find, tmp_path: Path
) -> None:
    for path in (write(tmp_path / "class", files), zipped(tmp_path / "class.zip", files)):
        with pytest.raises(UnreadableSubmission, match="without any notebook or script"):
            find(path)


def test_what_does_not_exist_is_refused(find: Find, tmp_path: Path) -> None:
    with pytest.raises(UnreadableSubmission, match="does not exist"):
        find(tmp_path / "gone.ipynb")


# ---------------------------------------------------------------- files that are named


def test_a_file_that_is_named_twice_is_graded_once(find: Find, tmp_path: Path) -> None:
    folder = write(tmp_path / "class", "lab.py")
    assert keys(find(folder / "lab.py", folder, tmp_path / "class" / ".." / "class" / "lab.py")) == {
        "lab": "lab.py"
    }


def test_a_file_inside_a_folder_that_is_named_too_is_graded_once(find: Find, tmp_path: Path) -> None:
    folder = write(tmp_path / "class", "ana/lab.py ion/lab.py")
    assert set(keys(find(folder / "ana" / "lab.py", folder))) == {"ana", "ion"}


def test_equal_names_are_told_apart_by_their_folders(find: Find, tmp_path: Path) -> None:
    write(tmp_path, "a/lab.py b/lab.py b/other/lab.py")
    paths = [tmp_path / "a" / "lab.py", tmp_path / "b" / "lab.py", tmp_path / "b" / "other" / "lab.py"]
    expected = {"a-lab", "b-lab", "other-lab"}
    assert set(keys(find(*paths))) == expected
    assert set(keys(find(*reversed(paths)))) == expected


def test_keys_differ_in_more_than_case(find: Find, tmp_path: Path) -> None:
    write(tmp_path, "x/a/lab.py y/x/a/LAB.py")
    roll = find(tmp_path / "x" / "a" / "lab.py", tmp_path / "y" / "x" / "a" / "LAB.py")
    assert len({handin.student.key.casefold() for handin in roll.handins}) == 2


# ---------------------------------------------------------------- which of several


def of_ana(roll: Roll) -> Handin:
    return next(handin for handin in roll.handins if handin.student.key == "ana")


@pytest.mark.parametrize(
    ("files", "handout", "taken", "because"),
    [
        ({"a.ipynb": notebook("x = 1"), "b.ipynb": notebook("x = 1")}, "", "a.ipynb", "each content counts once"),
        ({"a.ipynb": notebook("x"), "z.ipynb": notebook("y" * 90, "z")}, "", "z.ipynb", "holds the most code"),
        ({"a.ipynb": notebook("x" * 90), "Lab.ipynb": notebook("y")}, "lab", "Lab.ipynb", "like the handout"),
        ({"a.ipynb": notebook("x" * 90), "b.ipynb": notebook("y", exercise=3)}, "", "b.ipynb", "from the handout"),
        ({"a.ipynb": notebook(), "b.ipynb": notebook("y")}, "", "b.ipynb", "alone holds code"),
        ({"a.ipynb": b"junk" * 99, "b.ipynb": notebook("y")}, "", "b.ipynb", "alone holds code"),
        ({"a.py": b"x = 1" * 99, "main.py": b"import a"}, "", "main.py", "no other one imports it"),
        ({"a.ipynb": notebook("x = 1"), "b.ipynb": notebook("x = 2")}, "", "a.ipynb", "its name comes first"),
        ({"deep/a.ipynb": notebook("x"), "b.ipynb": notebook("y")}, "", "b.ipynb", "its name comes first"),
        ({"a.py": b"x = 1" * 99, "b.ipynb": WORK}, "", "b.ipynb", ""),
    ],
)  # fmt: skip
def test_one_of_several_is_taken_by_rules_that_are_told(
    files: dict[str, bytes], handout: str, taken: str, because: str, find: Find, tmp_path: Path
) -> None:
    folder = write(tmp_path / "class", {f"ana/{name}": data for name, data in files.items()})
    handin = of_ana(find(write(folder, "ion/lab.py"), handout=handout))
    assert handin.path.name == taken
    assert len(handin.remarks) == bool(because)
    assert all(because in remark and "Left aside: " in remark for remark in handin.remarks)


def test_of_very_many_only_some_are_looked_at(find: Find, tmp_path: Path) -> None:
    files = {f"ana/{number:02}.ipynb": notebook("x" * number) for number in range(1, 61)}
    handin = of_ana(find(write(tmp_path / "class", {**files, "ion/lab.py": b"1"})))
    assert handin.path.name == "50.ipynb"
    assert handin.remarks[0].startswith(
        "Of 60 notebooks 50.ipynb was taken: only 50 were looked at, it holds"
    )
    assert handin.remarks[0].endswith("and 54 more.")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("lab.ipynb.txt", "call it lab.ipynb"),
        ("lab.rar", "pack the files as a zip"),
        ("lab.html", "ask for the notebook itself"),
        ("lab.docx", "only lab.docx."),
        ("lab.zip", "lab.zip is damaged"),
    ],
)
def test_what_cannot_be_opened_says_so(name: str, reason: str, find: Find, tmp_path: Path) -> None:
    roll = find(write(tmp_path / "class", {f"ana/{name}": b"x", "ion/lab.py": b"1"}))
    assert reason in reasons(roll)["ana"]


def test_the_same_bytes_from_two_students_count_for_both_with_a_remark(find: Find, tmp_path: Path) -> None:
    roll = find(write(tmp_path / "class", {"ana.py": b"x = 1", "ion.py": b"x = 1", "eva.py": b"x = 2"}))
    remarks = {handin.student.key: handin.remarks for handin in roll.handins}
    assert remarks["ana"] == ("The same file, byte for byte, as that of ion.",)
    assert remarks["ion"] == ("The same file, byte for byte, as that of ana.",)
    assert remarks["eva"] == ()


# ---------------------------------------------------------------- archives


def test_an_archive_may_be_one_students(find: Find, tmp_path: Path) -> None:
    handin = only(find(zipped(tmp_path / "ana.zip", "lab/lab.ipynb lab/tools.py")))
    assert (handin.student.key, handin.path.name, handin.remarks) == ("ana", "lab.ipynb", ())
    assert handin.shown.endswith("ana.zip: lab/lab.ipynb")
    assert files_below(handin.path.parent) == ["lab.ipynb", "tools.py"]
    scripts = find(zipped(tmp_path / "ion.zip", {"main.py": b"import tools", "tools.py": b"x = 1"}))
    assert keys(scripts) == {"ion": "main.py"}


def test_an_archive_may_be_a_class(find: Find, tmp_path: Path) -> None:
    assert set(keys(find(zipped(tmp_path / "a.zip", "class/ana.ipynb class/ion.ipynb")))) == {"ana", "ion"}
    files = {"ana/lab.py": b"1", "ion/lab.py": b"2"}
    assert set(keys(find(tarred(tmp_path / "b.tar.gz", files)))) == {"ana", "ion"}


def test_archives_in_a_folder_are_students(find: Find, tmp_path: Path) -> None:
    folder = write(tmp_path / "class", {"ana.zip": zip_bytes("lab.py"), "ion.zip": b"junk"})
    roll = find(folder)
    assert keys(roll) == {"ana": "lab.py"}
    assert "damaged" in reasons(roll)["ion"]


def test_archives_are_opened_two_deep_and_no_deeper(find: Find, tmp_path: Path) -> None:
    inner = zip_bytes("lab.py")
    ok = find(zipped(tmp_path / "ok.zip", {"ana/hw.zip": inner, "ion/hw.zip": inner}))
    assert keys(ok) == {"ana": "lab.py", "ion": "lab.py"}
    deep = zip_bytes({"more.zip": zip_bytes({"most.zip": inner})})
    roll = find(zipped(tmp_path / "deep.zip", {"ana/hw.zip": deep, "ion/lab.py": b"1"}))
    assert "archive inside archives" in reasons(roll)["ana"]


def test_a_damaged_archive_among_others_is_told_and_alone_it_is_an_error(find: Find, tmp_path: Path) -> None:
    bad = write(tmp_path, {"bad.zip": b"junk"}) / "bad.zip"
    roll = find(bad, write(tmp_path / "x", "lab.py") / "lab.py")
    assert set(keys(roll)) == {"lab"}
    assert "damaged" in reasons(roll)["bad"]
    with pytest.raises(UnreadableSubmission, match="damaged"):
        find(bad)


def test_a_students_bomb_costs_nobody_else(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = archives.Limits(total=100_000, file=100_000, members=50)
    monkeypatch.setattr(listing.Opener.open, "__defaults__", (small,))
    bomb = zip_bytes({"lab.py": bytes(100_001)})
    roll = find(zipped(tmp_path / "class.zip", {"ana/hw.zip": bomb, "ion/hw.zip": zip_bytes("lab.py")}))
    assert set(keys(roll)) == {"ion"}
    assert "unpacks to more than" in reasons(roll)["ana"]


def test_members_with_names_that_lead_out_are_told(find: Find, tmp_path: Path) -> None:
    roll = find(zipped(tmp_path / "class.zip", {"../evil.py": b"1", "ana/lab.py": b"1", "ion/lab.py": b"2"}))
    assert set(keys(roll)) == {"ana", "ion"}
    assert "leads out of the archive" in refusal(roll).reason
    assert not (tmp_path / "evil.py").exists()


# ---------------------------------------------------------------- platforms


def test_a_moodle_download(find: Find, tmp_path: Path) -> None:
    files = {
        "Ana Pop_12_assignsubmission_file_/lab.ipynb": WORK,
        "Ion Dă_13_assignsubmission_file_/hw.zip": zip_bytes("lab.ipynb tools.py"),
        "Ion Dă_13_assignsubmission_onlinetext_/onlinetext.html": b"text",
        "Eva_14_assignsubmission_onlinetext_/onlinetext.html": b"text",
        "Dan_15_assignsubmission_file_/lab.pdf": b"pdf",
        "Grades.csv": b"Identifier",
    }
    roll = find(zipped(tmp_path / "class.zip", files))
    assert keys(roll) == {"12": "lab.ipynb", "13": "lab.ipynb"}
    ana, ion = roll.handins
    assert (ana.student.name, ana.student.ids, ana.origin) == ("Ana Pop", {"moodle": "12"}, "moodle")
    assert ion.shown.endswith("class.zip: Ion Dă_13_assignsubmission_file_/hw.zip: lab.ipynb")
    assert ion.remarks == ("The text typed into the platform was left aside.",)
    assert reasons(roll)["14"] == "There is no file, only text typed into the platform."
    assert "only lab.pdf" in reasons(roll)["15"]
    assert any("Grades.csv" in remark for remark in roll.remarks)


def test_a_flat_moodle_download_keeps_each_students_files_together(find: Find, tmp_path: Path) -> None:
    files = "Ana_12_assignsubmission_file_lab.py Ana_12_assignsubmission_file_tools.py"
    roll = find(write(tmp_path / "class", {
        **dict.fromkeys(files.split(), b""),
        files.split()[0]: b"import tools",
        "Ion_13_assignsubmission_file_lab.py": b"x = 1",
    }))  # fmt: skip
    ana, ion = roll.handins
    assert files_below(ana.path.parent) == ["lab.py", "tools.py"]
    assert ion.path == tmp_path / "class" / "Ion_13_assignsubmission_file_lab.py"


def test_a_canvas_download(find: Find, tmp_path: Path) -> None:
    names = "popana_12_99_lab.ipynb ion_LATE_13_98_lab-1.ipynb ion_LATE_13_97_lab.ipynb ion_LATE_13_96_t-2.py"
    roll = find(zipped(tmp_path / "c.zip", f"{names} eva_14_text.html"))
    ana, ion = roll.handins
    assert (ana.student.key, ana.student.ids, ana.late) == ("12", {"canvas": "12"}, False)
    assert (ion.student.key, ion.late, ion.origin) == ("13", True, "canvas")
    assert ion.path.name == "lab-1.ipynb"
    assert "handed in last under its name" in ion.remarks[0]
    assert "t.py" in files_below(ion.path.parent)
    assert set(reasons(roll)) == {"14"}


def test_names_that_look_like_canvass_by_chance_are_left_alone(find: Find, tmp_path: Path) -> None:
    assert set(keys(find(write(tmp_path / "class", "lab_1_2_ana.py lab_1_2_ion.py")))) == {
        "lab_1_2_ana",
        "lab_1_2_ion",
    }


def test_one_name_like_canvass_among_others_is_left_alone(find: Find, tmp_path: Path) -> None:
    assert set(keys(find(write(tmp_path / "class", "ana_1_2_lab.py eva.py ion.py")))) == {
        "ana_1_2_lab",
        "eva",
        "ion",
    }


@pytest.mark.parametrize(
    ("files", "key"),
    [
        ("class/Ana_12_assignsubmission_file_/lab.py", "12"),
        ("lab-submissions/lab-ana/lab.py lab-submissions/lab-ana/.git/HEAD", "ana"),
    ],
)
def test_a_download_may_hold_one_student(files: str, key: str, find: Find, tmp_path: Path) -> None:
    assert set(keys(find(zipped(tmp_path / "x.zip", files)))) == {key}


def test_a_gradescope_export(find: Find, tmp_path: Path) -> None:
    table = """\
submission_1:
  :submitters:
  - :name: Ana
    :sid: '100'
    :email: ana@example.org
  - :name: Ion
    :sid: '101'
  :created_at: 2021-10-05 02:04:05 Z
submission_2:
  :submitters:
  - :name: Eva
    :sid: '102'
"""
    files = {"a_1_export/submission_metadata.yml": table.encode(), "a_1_export/submission_1/lab.ipynb": WORK}
    roll = find(zipped(tmp_path / "g.zip", files))
    ana, ion = roll.handins
    assert ana.student.ids == {"gradescope": "1", "sis": "100"}
    assert ana.handed_in == datetime(2021, 10, 5, 2, 4, 5, tzinfo=UTC)
    assert (ana.remarks, ion.remarks) == (
        ("Handed in together with Ion.",),
        ("Handed in together with Ana.",),
    )
    assert ana.path == ion.path
    assert reasons(roll) == {"102": "There is no file at all."}


def test_a_github_classroom(find: Find, tmp_path: Path) -> None:
    names = "lab-3-ana-pop/lab.py lab-3-ana-pop/.git/HEAD lab-3-ana/lab.py lab-3-ana/.git/HEAD"
    for path in (write(tmp_path / "lab-3-submissions", names), zipped(tmp_path / "x.zip", names)):
        roll = find(path)
        assert [handin.student.ids for handin in roll.handins] == [{"github": "ana"}, {"github": "ana-pop"}]
        assert {handin.origin for handin in roll.handins} == {"github"}


def test_a_student_cannot_hand_in_as_somebody_else(find: Find, tmp_path: Path) -> None:
    table = b"submission_1:\n  :submitters:\n  - :sid: '13'\n"
    files = {
        "Ana_12_assignsubmission_file_/Ion_13_assignsubmission_file_/lab.py": b"1",
        "Eva_14_assignsubmission_file_/submission_metadata.yml": table,
        "Eva_14_assignsubmission_file_/submission_1/lab.py": b"2",
        "Dan_15_assignsubmission_file_/x.zip": zip_bytes("Ion_13_assignsubmission_file_/lab.py"),
    }
    assert set(keys(find(zipped(tmp_path / "class.zip", files)))) == {"12", "14", "15"}
    plain = {
        "ana/Ion_13_assignsubmission_file_/lab.py": b"1",
        "eva/submission_metadata.yml": table,
        "eva/l.py": b"",
    }
    assert set(keys(find(write(tmp_path / "class", plain)))) == {"ana", "eva"}


# ---------------------------------------------------------------- with a roster

ROSTER = (
    "id,name,email\n1100,Ana Pop,ana@example.org\n1101,Ion Dă,ion@example.org\n1102,Eva,eva@example.org\n"
)


def test_a_roster_tells_who_is_who_and_who_is_missing(find: Find, tmp_path: Path) -> None:
    files = {f"{name}_assignsubmission_file_/lab.py": name.encode() for name in ("Pop Ana_12", "Dan_13")}
    roll = find(zipped(tmp_path / "class.zip", files), roster=ROSTER)
    ana, dan = roll.handins
    assert ana.student.key == "1100"
    assert ana.student.email == "ana@example.org"
    assert ana.student.ids == {"sis": "1100", "moodle": "12"}
    assert (dan.student.key, dan.remarks) == ("13", ("Nobody on the roster has this name, email or id.",))
    assert [student.key for student in roll.missing] == ["1101", "1102"]
    assert "Not on the roster, or not to be told for sure: 13." in roll.remarks


def test_two_hand_ins_of_one_name_are_nobodys(find: Find, tmp_path: Path) -> None:
    files = {f"Ana Pop_{number}_assignsubmission_file_/lab.py": b"%d" % number for number in (12, 13)}
    roll = find(zipped(tmp_path / "class.zip", files), roster=ROSTER)
    assert set(keys(roll)) == {"12", "13"}
    assert all("Several hand-ins bear this name" in handin.remarks[0] for handin in roll.handins)
    assert len(roll.missing) == 3


def test_what_one_student_handed_in_at_two_places_is_put_together(find: Find, tmp_path: Path) -> None:
    write(tmp_path, {"one/1100.ipynb": notebook("x"), "two/1100_lab.ipynb": notebook("y" * 90)})
    handin = only(find(tmp_path / "one", tmp_path / "two", roster=ROSTER))
    assert (handin.student.key, handin.path.name) == ("1100", "1100_lab.ipynb")


def test_a_document_is_somebodys_only_if_the_roster_knows_the_name(find: Find, tmp_path: Path) -> None:
    folder = write(tmp_path / "class", "ion@example.org.py statement.pdf 1100.pdf")
    roll = find(folder, roster=ROSTER)
    assert set(keys(roll)) == {"1101"}
    assert {refused.student.key if refused.student else None for refused in roll.refused} == {"1100", None}


# ---------------------------------------------------------------- names


def test_names_of_files_are_data(find: Find, tmp_path: Path) -> None:
    folder = write(tmp_path / "class", {"a\x1b[2J\n/lab.py": b"1", "b/l\u202eab.py": b"2", "b/c.py": b""})
    roll = find(folder)
    texts = [handin.student.key + handin.shown + "".join(handin.remarks) for handin in roll.handins]
    assert len(texts) == 2
    assert all(text.isprintable() for text in texts)
