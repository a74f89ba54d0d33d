"""A virtual environment for each rival, with the same torch as ours; kept for the next run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"
_LIBRARIES = ("torch", "scikit-learn", "matplotlib", "pandas", "ipykernel")
"""What the notebooks import, and what runs them."""


def default_place() -> Path:
    """Where environments are kept between runs: some 2 GB each."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "grader-benchmarks"


def environment(place: Path, name: str, requirement: str) -> Path:
    """The folder of the commands of an environment that holds `requirement` (`nbgrader==0.9.6`).

    Set up where it is not there yet, or was set up for other versions: minutes.
    """
    wanted = " ".join((requirement, *_LIBRARIES))
    folder = place / name
    marker = folder / "installed"
    mark = f"{wanted} {hashlib.sha256(CONSTRAINTS.read_bytes()).hexdigest()}\n"
    if not marker.exists() or marker.read_text(encoding="utf-8") != mark:
        print(f"setting up {folder} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "-q", "-c", str(CONSTRAINTS), *wanted.split()]
        subprocess.run(pip, check=True, stdout=subprocess.DEVNULL)
        marker.write_text(mark, encoding="utf-8")
    return folder / "bin"
