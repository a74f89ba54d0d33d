"""What an install brings: one import name, the assignment inside it, and nothing that students must not see."""

from __future__ import annotations

import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXERCISES = ROOT / "exercises"
INSIDE = "grader/assignments/pytorch-classification"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built by the backend in this process: neither network nor an environment of its own is needed."""
    builders = pytest.importorskip("hatchling.builders.wheel")
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = builders.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def files_of(folder: Path) -> set[str]:
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {name.as_posix() for name in names if "__pycache__" not in name.parts}


def test_it_claims_one_import_name(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"grader"}


def test_it_carries_the_whole_assignment(wheel: zipfile.ZipFile) -> None:
    carried = {name.removeprefix(f"{INSIDE}/") for name in wheel.namelist() if name.startswith(f"{INSIDE}/")}
    assert carried == files_of(EXERCISES)


def test_it_carries_the_package_with_types_and_templates(wheel: zipfile.ZipFile) -> None:
    inside = {name.removeprefix("grader/") for name in wheel.namelist() if name.startswith("grader/")}
    assert {name for name in files_of(ROOT / "grader") if not name.startswith("assignments/")} <= inside
    assert {"py.typed", "report/templates/report.html.j2"} <= inside


def test_it_leaves_solutions_and_tests_out(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert not [name for name in names if "reference" in name or "tests" in name or "solution" in name]


def test_it_brings_the_command(wheel: zipfile.ZipFile) -> None:
    (entry,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "grade = grader.cli:main" in wheel.read(entry).decode()


def test_the_packaged_assignment_is_found_first(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    from grader.load.assignment import load_assignment

    assert load_assignment(tmp_path / INSIDE).max_points == 9.0


def test_the_torch_of_development_is_one_that_users_may_have() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert "torch==2.13.0" in pins
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert "torch>=2.6" in wanted
