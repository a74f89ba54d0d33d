"""What the scripts that every CI shares refuse to trust."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.hosted import ROOT

GRADE = ROOT / "integrations" / "ci" / "grade.sh"


@pytest.mark.parametrize("trusted", ["PYTHON", "OUT", "ASSIGNMENT"])
@pytest.mark.parametrize("linked", [False, True])
def test_nothing_in_the_checkout_is_trusted(tmp_path: Path, trusted: str, linked: bool) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    inside = checkout / "own"
    if linked:  # where a link leads does not make it any better
        inside.symlink_to(tmp_path)
    given = {
        "PYTHON": sys.executable,
        "OUT": str(tmp_path / "out"),
        "CHECKOUT": str(checkout),
        trusted: str(inside),
    }
    done = subprocess.run(
        ["bash", str(GRADE)], env={"PATH": "/usr/bin:/bin", **given}, capture_output=True, text=True
    )
    assert done.returncode == 2 and "could change it" in done.stderr
