"""`grade gradescope-zip`: everything that Gradescope needs to grade an assignment, in one file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from grader.commands.gradescope.wheel import installed_versions, own_wheel, zipped
from grader.commands.options import Sandbox
from grader.errors import UsageError
from grader.files import write_bytes_atomically
from grader.load.assignment import default_assignment_folder, load_assignment

_SCRIPTS = ("setup.sh", "run_autograder")
_FILE, _PROGRAM = 0o644, 0o755


def write_autograder(target: Path, assignment: Path | None, sandbox: Sandbox, *, overwrite: bool) -> None:
    """Write the zip to upload: the two scripts, this grader as a wheel, the versions it was tried with, the assignment.

    Raises:
        BadAssignment: the folder holds none.
        UsageError: the file is there already (unless `overwrite`), or cannot be written.
    """
    folder = assignment or default_assignment_folder()
    load_assignment(folder)
    if target.exists() and not overwrite:
        raise UsageError(f"{target} is there already: name another file, or allow overwriting with --force")
    content = zipped(dict(_files(folder, sandbox)))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(target, content)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from error


def _files(assignment: Path, sandbox: Sandbox) -> Iterator[tuple[str, tuple[bytes, int]]]:
    for name in _SCRIPTS:
        yield name, (Path(__file__).with_name(name).read_bytes(), _PROGRAM)
    wheel, content = own_wheel()
    yield wheel, (content, _FILE)
    settings = {
        "constraints.txt": installed_versions(),
        "python-version": f"{sys.version_info.major}.{sys.version_info.minor}\n",
        "sandbox": f"{sandbox.value}\n",
    }
    for name, text in settings.items():
        yield name, (text.encode(), _FILE)
    for path in sorted(assignment.rglob("*")):
        inside = path.relative_to(assignment)
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in inside.parts):
            yield f"assignment/{inside.as_posix()}", (path.read_bytes(), _FILE)
