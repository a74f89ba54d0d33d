"""Archives from strangers: what is unpacked, what is refused, and that nothing ever lies outside."""

from __future__ import annotations

import gzip
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.errors import UnreadableSubmission, UsageError
from grader.load.archives import STUDENT_LIMITS, Unpacked, unpack
from grader.load.packing import Limits
from tests.load.handing_in import files_below, tar_bytes, tarred, zip_bytes, zipped

SMALL = Limits(total=200_000, file=100_000, members=20, depth=5, ratio=20, ratio_from=50_000)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "unpacked").mkdir()
    return tmp_path / "unpacked" / "1"


def problems(result: Unpacked) -> dict[str, str]:
    return {left.name: left.problem for left in result.left}


def special(path: Path, name: str, mode: int, content: bytes = b"/etc/passwd") -> Path:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, content)
    return path


# ---------------------------------------------------------------- what is well


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_files_are_unpacked_however_they_are_compressed(tmp_path: Path, target: Path, mode: str) -> None:
    files = {"ana/lab.ipynb": b"1", "ion/lab.ipynb": b"2"}
    result = unpack(tarred(tmp_path / "class.tar.gz", files, mode), target, SMALL)
    assert files_below(target) == sorted(files)
    assert (target / "ion" / "lab.ipynb").read_bytes() == b"2"
    assert result == Unpacked((), (), 2)


def test_zip_files_are_unpacked_and_empty_folders_are_kept(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "class.zip", {"ana/lab.ipynb": b"1", "eva/": b""})
    assert unpack(archive, target, SMALL).left == ()
    assert files_below(target) == ["ana/lab.ipynb"]
    assert (target / "eva").is_dir()


def test_what_is_skipped_takes_no_room(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {".git/big": b"x" * 500_000, "lab.py": b"1"}, zipfile.ZIP_STORED)
    result = unpack(archive, target, SMALL, lambda parts: parts[0] == ".git")
    assert (result.skipped, result.written) == (((".git", "big"),), 1)


def test_backslashes_separate_folders(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"ana/lab.py": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"ana/lab.py", b"ana\\lab.py"))
    unpack(archive, target, SMALL)
    assert files_below(target) == ["ana/lab.py"]


def test_names_in_utf_8_that_do_not_say_so_are_read_as_such(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"XXXXX.py": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"XXXXX", "Ănți"[:3].encode()))
    unpack(archive, target, SMALL)
    assert files_below(target) == ["Ănț.py"]


def test_names_in_latin_1_keep_their_accents(tmp_path: Path, target: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("José.py"))
    unpack(tmp_path / "a.tar", target, SMALL)
    assert files_below(target) == ["José.py"]


# ---------------------------------------------------------------- names that lead elsewhere

EVIL = {
    "../up.py": "leads out",
    "a/../../up.py": "leads out",
    "..\\up.py": "leads out",
    "/root.py": "root of a disk",
    "C:/windows.py": "root of a disk",
    "C:\\windows.py": "root of a disk",
    "\\\\server\\share.py": "root of a disk",
    "line\nbreak.py": "control characters",
    "esc\x1b[2J.py": "control characters",
    "x" * 300 + ".py": "too long",
    "1/2/3/4/5/6.py": "deeper",
}


@pytest.mark.parametrize("name", EVIL)
def test_a_name_that_leads_elsewhere_is_refused_and_the_rest_is_not(
    name: str, tmp_path: Path, target: Path
) -> None:
    files = {name: b"evil", "lab.py": b"1"}
    for number, archive in enumerate((zipped(tmp_path / "a.zip", files), tarred(tmp_path / "a.tgz", files))):
        (left,) = unpack(archive, target.with_name(str(number)), SMALL).left
        assert EVIL[name] in left.problem
        assert left.name.isprintable()
    assert files_below(tmp_path) == ["a.tgz", "a.zip", "unpacked/0/lab.py", "unpacked/1/lab.py"]


def test_a_member_without_a_name_is_told(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"X": b"1", "lab.py": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"X", b"."))
    assert problems(unpack(archive, target, SMALL)) == {".": "has no name"}


def test_links_are_not_followed_and_never_made(tmp_path: Path, target: Path) -> None:
    zipfile_ = special(zipped(tmp_path / "a.zip", {"lab.py": b"1"}), "link.py", stat.S_IFLNK)
    assert problems(unpack(zipfile_, target, SMALL)) == {"link.py": "is a link"}
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for kind, name in ((tarfile.SYMTYPE, "sym"), (tarfile.LNKTYPE, "hard"), (tarfile.FIFOTYPE, "fifo")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "../../../etc/passwd"
            archive.addfile(info)
        inside = tarfile.TarInfo("sym/lab.py")
        archive.addfile(inside)
    found = problems(unpack(tmp_path / "a.tar", target.with_name("2"), SMALL))
    assert found == {"sym": "is a link", "hard": "is a link", "fifo": "is a device or the like"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_devices_are_not_made(tmp_path: Path, target: Path) -> None:
    archive = special(zipped(tmp_path / "a.zip", {"lab.py": b"1"}), "null", stat.S_IFCHR)
    assert problems(unpack(archive, target, SMALL)) == {"null": "is a device or the like"}


def test_the_first_of_two_names_is_kept(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name, data in (("lab.py", "1"), ("lab.py", "2"), ("LAB.py", "3"), ("lab.py/x.py", "4")):
            archive.writestr(name, data)
        archive.writestr("ana/lab.py", "5")
        archive.writestr("Ana/other.py", "6")
        archive.writestr("ana", "7")
    assert [left.problem.partition(" ")[2] for left in unpack(path, target, SMALL).left] == [
        "there twice, and the first was taken",
        "a name that differs from another one in upper and lower case alone",
        "there twice, and the first was taken",
        "a name that differs from another one in upper and lower case alone",
        "the name of a folder",
    ]
    assert files_below(target) == ["ana/lab.py", "lab.py"]
    assert (target / "lab.py").read_text() == "1"


NAMES = st.one_of(
    st.text(min_size=1, max_size=30),
    st.lists(
        st.sampled_from(["..", ".", "/", "\\", "a", "A", "lab.py", "C:", "é", "e\u0301", ""]), max_size=6
    ).map("/".join),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAMES.filter(bool), min_size=1, max_size=6))
def test_whatever_names_an_archive_holds_nothing_lies_outside(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    place = tmp_path_factory.mktemp("place")
    inside = place / "unpacked"
    inside.mkdir()
    files = dict.fromkeys(names, b"x")
    for number, make in enumerate((zip_bytes, tar_bytes)):
        archive = place / f"a.{'tar' if number else 'zip'}"
        try:
            archive.write_bytes(make(files))
        except (UnicodeError, ValueError):
            continue  # the library itself cannot write such a name
        try:
            result = unpack(archive, inside / str(number), SMALL)
        except UnreadableSubmission:
            continue
        written = files_below(inside / str(number))
        assert len(written) + len(result.left) <= len(files)
    outside = [path for path in place.rglob("*") if inside not in (path, *path.parents)]
    assert all(path.name in ("a.zip", "a.tar") and path.parent == place for path in outside)
    assert not any(path.is_symlink() for path in place.rglob("*"))


# ---------------------------------------------------------------- bombs


def refused(archive: Path, target: Path, limits: Limits = SMALL) -> str:
    """Why an archive is refused as a whole; nothing of it is left."""
    with pytest.raises(UnreadableSubmission) as caught:
        unpack(archive, target, limits)
    assert not target.exists()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_member_that_grows_too_much_is_refused_alone(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"bomb.py": bytes(90_000), "lab.py": b"1"})
    assert problems(unpack(archive, target, SMALL)) == {
        "bomb.py": "unpacks to more than 20 times its size, which is not done"
    }
    assert files_below(target) == ["lab.py"]


def test_a_member_that_is_too_large_is_refused_alone(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"big.py": os.urandom(100_001), "lab.py": b"1"})
    assert "more than 97.7 kB" in problems(unpack(archive, target, SMALL))["big.py"]
    assert files_below(target) == ["lab.py"]


def test_too_many_bytes_together_are_refused(tmp_path: Path, target: Path) -> None:
    files = {f"{number}.py": os.urandom(90_000) for number in range(3)}
    assert "more than 195 kB" in refused(zipped(tmp_path / "a.zip", files), target)
    assert "more than 195 kB" in refused(tarred(tmp_path / "a.tgz", files), target)


def test_a_header_that_lies_about_the_size_gains_nothing(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"bomb.py": bytes(90_000)})
    data = archive.read_bytes().replace(struct.pack("<L", 90_000), struct.pack("<L", 9))
    archive.write_bytes(data)
    assert len(unpack(archive, target, SMALL).left) == 1
    assert files_below(target) == []


def test_a_compressed_tar_of_zeros_is_refused_before_it_fills_the_disk(tmp_path: Path, target: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(bytes(3_000_000)))
    assert "more than 20 times" in refused(tmp_path / "a.tar.gz", target)


def test_too_many_members_are_refused(tmp_path: Path, target: Path) -> None:
    files = {f"{number}/": b"" for number in range(21)}
    assert "more than 20 files" in refused(zipped(tmp_path / "a.zip", files), target)
    assert "more than 20 files" in refused(tarred(tmp_path / "a.tgz", files), target)


def test_a_directory_of_millions_is_not_read(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {})
    end = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 65535, 65535, 2_000_000, 0, 0)
    archive.write_bytes(bytes(2_000_000) + end)
    assert "headers beyond all measure" in refused(archive, target)


def test_a_header_of_megabytes_is_not_read(tmp_path: Path, target: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("lab.py")
        info.pax_headers = {"comment": "x" * 2_000_000}
        archive.addfile(info)
    assert "headers beyond all measure" in refused(tmp_path / "a.tar", target)


def test_packings_that_cannot_be_bounded_are_refused(tmp_path: Path, target: Path) -> None:
    for number, how in enumerate((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)):
        archive = zipped(tmp_path / f"{number}.zip", {"lab.py": b"1" * 100}, how)
        assert "rare way" in problems(unpack(archive, target.with_name(str(number)), SMALL))["lab.py"]


# ---------------------------------------------------------------- damage


def test_a_password_is_said(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"lab.py": b"1"})
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    assert refused(archive, target) == "a.zip is locked with a password: pack the files without one."


JUNK = (b"", b"junk" * 1000, b"PK\3\4", b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0")


@pytest.mark.parametrize("junk", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_junk_is_refused(name: str, junk: bytes, tmp_path: Path, target: Path) -> None:
    (tmp_path / name).write_bytes(junk)
    assert "damaged" in refused(tmp_path / name, target)


@pytest.mark.parametrize("mode", ["", "w", "w:gz", "w:bz2", "w:xz"])
def test_what_was_cut_short_is_refused(mode: str, tmp_path: Path, target: Path) -> None:
    files = {"lab.py": os.urandom(5000)}
    archive = tarred(tmp_path / "a.tar", files, mode) if mode else zipped(tmp_path / "a.zip", files)
    archive.write_bytes(archive.read_bytes()[:3000])
    assert "damaged" in refused(archive, target)


def test_one_damaged_member_does_not_cost_the_others(tmp_path: Path, target: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"bad.py": b"AAAA", "lab.py": b"1"}, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"AAAA", b"AABA"))
    assert problems(unpack(archive, target, SMALL)) == {"bad.py": "is damaged"}
    assert files_below(target) == ["lab.py"]


def test_a_tar_that_goes_on_after_a_broken_header_is_refused(tmp_path: Path, target: Path) -> None:
    archive = tarred(tmp_path / "a.tar", {"lab.py": b"1", "more.py": b"2"}, "w")
    data = bytearray(archive.read_bytes())
    data[1024 + 148 : 1024 + 156] = b"0000000\0"
    archive.write_bytes(data)
    assert "damaged" in refused(archive, target)


def test_a_full_disk_is_nobodys_fault(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    archive = zipped(tmp_path / "a.zip", {"lab.py": b"1"})
    monkeypatch.setattr(os, "open", full)
    with pytest.raises(UsageError, match="No space left"):
        unpack(archive, target, STUDENT_LIMITS)
