"""What is released: an sdist, a wheel made of it, and an install that grades on the oldest and the newest Python.

Each environment takes some gigabytes and minutes, most of them PyTorch's; `docs/releasing.md` says when it is done.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import grader

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OLDEST = (3, 11)
NOT_OURS = re.compile(r"(^|/)(\.venv|\.git|\.ci|site|dist|node_modules)/|\.(report\.(html|json)|pyc)$")


def pythons() -> dict[tuple[int, int], str]:
    """Every Python here that the project supports, by its version."""
    places = [*map(str, Path.home().glob(".pyenv/versions/*/bin")), *os.environ["PATH"].split(os.pathsep)]
    found = {
        (3, minor): at
        for minor in range(OLDEST[1], OLDEST[1] + 8)
        for place in places
        if (at := shutil.which(f"python3.{minor}", path=place))
    }
    return dict(sorted(found.items()))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with an sdist and a wheel that was built from it, not from the checkout."""
    pytest.importorskip("build", reason="the dev extra has it")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_the_version_stands_in_one_place() -> None:
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    assert re.fullmatch(r"\d+\.\d+\.\d+", grader.__version__)


def test_every_dependency_says_from_which_version_on() -> None:
    extras = [
        each for name, group in PROJECT["optional-dependencies"].items() if name != "dev" for each in group
    ]
    for dependency in [*PROJECT["dependencies"], *extras]:
        assert ">=" in dependency or dependency.startswith(PROJECT["name"]), dependency


def test_the_oldest_python_is_told_once() -> None:
    assert PROJECT["requires-python"] == f">={OLDEST[0]}.{OLDEST[1]}"


@pytest.mark.release
def test_the_sdist_holds_the_project_and_nothing_that_was_made(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    assert sdist.name == f"evidence_grader-{grader.__version__}.tar.gz"
    names = subprocess.run(["tar", "-tzf", sdist], check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )
    inside = {name.partition("/")[2] for name in names}
    assert {"README.md", "LICENSE", "pyproject.toml", "exercises/assignment.toml", "grader/cli.py"} <= inside
    assert [name for name in inside if NOT_OURS.search(name)] == []


@pytest.mark.release
@pytest.mark.parametrize("end", ["oldest python, oldest dependencies", "newest python, newest dependencies"])
def test_it_installs_and_grades(end: str, built: Path, tmp_path: Path) -> None:
    uv = pytest.importorskip(
        "uv", reason="it resolves to the lowest versions, and installs in minutes"
    ).find_uv_bin()
    version, python = list(pythons().items())[0 if end.startswith("oldest") else -1]
    if end.startswith("oldest") and version != OLDEST:
        pytest.skip(f"no Python {OLDEST} here")
    (wheel,) = built.glob("*.whl")
    home, wanted = tmp_path / "environment", tmp_path / "wanted.txt"
    resolution = "lowest-direct" if end.startswith("oldest") else "highest"
    # Of the project, not of the wheel: there all that the project names would count as indirect.
    resolve = [uv, "pip", "compile", "-q", "--python", python, "--resolution", resolution, "-o", wanted]
    subprocess.run([*resolve, ROOT / "pyproject.toml"], check=True, capture_output=True)
    subprocess.run([uv, "venv", "-q", "--python", python, home], check=True)
    install = [uv, "pip", "install", "-q", "--python", home / "bin" / "python"]
    subprocess.run([*install, "-r", wanted], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    assert graded(home, tmp_path) == pytest.approx(8.45)


def graded(home: Path, folder: Path) -> float:
    """The points of the example, graded by what is installed there and from no checkout."""
    shutil.copy(ROOT / "examples" / "submission.ipynb", folder)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    command = [home / "bin" / "grade", "submission.ipynb"]
    subprocess.run(command, cwd=folder, env=clean | {"OMP_NUM_THREADS": "1"}, check=True, capture_output=True)
    report = json.loads((folder / "submission.report.json").read_text(encoding="utf-8"))
    assert report["environment"]["grader"] == grader.__version__
    return float(report["points"])
