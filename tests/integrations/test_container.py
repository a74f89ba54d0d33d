"""The Dockerfile: what it promises, and its steps carried out in a root made for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integrations.built import Stage, built, instructions
from tests.integrations.hosted import ROOT, reference_at

DOCKERFILE = ROOT / "integrations" / "Dockerfile"
PACKAGE_SOURCES = (
    str(Path("~/.config/pip/pip.conf").expanduser()),
    "/etc/pip.conf",
    "/opt/wheels",
    "/opt/pypi",
    "/opt/pypi-more",
    "/etc/resolv.conf",
    "/etc/ssl/certs",
)
"""Where this machine gets packages, as far as it has them."""
NO_INDEX = {"TORCH_INDEX": "file:///nowhere"}


def last_stage() -> list[tuple[str, str]]:
    steps = instructions(DOCKERFILE)
    return steps[max(number for number, (name, _) in enumerate(steps) if name == "FROM") :]


def test_it_ends_as_an_ordinary_user() -> None:
    names = [name for name, _ in last_stage()]
    (user,) = [rest for name, rest in last_stage() if name == "USER"]
    assert user not in ("root", "0") and names.index("USER") < names.index("ENTRYPOINT")


def test_what_it_brings_is_copied_from_here_and_named_exactly() -> None:
    steps = instructions(DOCKERFILE)
    assert "ADD" not in {name for name, _ in steps}
    for _, rest in (step for step in steps if step[0] == "FROM"):
        assert rest.split()[0] == "python:3.12-slim"
    copied = [rest.split() for name, rest in steps if name == "COPY" and "--from" not in rest]
    assert all((ROOT / name).exists() for words in copied for name in words[:-1])
    assert not {"reference", "tests", "."} & {name for words in copied for name in words[:-1]}


def test_the_last_stage_installs_no_packages() -> None:
    runs = " ".join(rest for name, rest in last_stage() if name == "RUN")
    assert not any(word in runs for word in ("apt-get", "pip install", "curl", "wget"))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The built image; the base is a Debian whose Python is older than the image's."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("takes root and debootstrap")
    folder = tmp_path_factory.mktemp("image")
    base = Path(os.environ.get("GRADER_TEST_BASE", folder / "base"))
    if not base.exists():
        include = "--include=python3,python3-venv,ca-certificates"
        made = ["debootstrap", "--variant=minbase", include, "bookworm", str(base)]
        subprocess.run(made, check=True, capture_output=True, timeout=900)
    if not (base / "usr/local/bin/python").exists():
        (base / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    folder.chmod(0o755)
    shared = tuple(path for path in PACKAGE_SOURCES if Path(path).exists())
    yield built(DOCKERFILE, reference_at(folder / "context"), base, folder, shared, NO_INDEX)
    shutil.rmtree(folder)


@pytest.mark.release
def test_the_image_grades_as_an_ordinary_user(image: Stage) -> None:
    work = image.root / "work"
    shutil.copy(ROOT / "examples" / "submission.ipynb", work)
    done = image.run(f"{image.entry[0]} submission.ipynb")
    assert work.stat().st_uid == 10001 and (work / "submission.report.html").stat().st_uid == 10001
    told = json.loads((work / "submission.report.json").read_text())
    assert told["points"] == 8.45 and "namespaces" in told["environment"]["sandbox"], done.stdout


@pytest.mark.release
def test_the_image_serves_whoever_it_is_started_as(image: Stage) -> None:
    """As `docker run --user` does, an id without a name; and as Gradescope does, root with little of root's power."""
    nobody = replace(image, user="12345", place="/tmp", variables={**image.variables, "HOME": "/tmp"})
    told = nobody.run(f"{image.entry[0]} doctor")
    assert "Verdict: untrusted submissions can be graded here" in told.stdout
    root = replace(image, user="0", variables={**image.variables, "HOME": "/root"})
    barred = "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin"
    told = root.run(f"{barred} {image.entry[0]} doctor", check=False)
    assert told.returncode == 0 and "landlock, seccomp, rlimits" in told.stdout, told.stdout


@pytest.mark.release
def test_the_image_holds_nothing_to_build_with_and_cannot_change_itself(image: Stage) -> None:
    assert image.run("command -v gcc", check=False).returncode != 0
    assert image.run("/opt/grader/bin/python -m pip --version", check=False).returncode != 0
    assert image.run("touch /opt/grader/x", check=False).returncode != 0
    assert not (image.root / "source").exists() and not (image.root / "root" / ".cache").exists()
