"""What a run in GitHub Actions is told: annotations at lines of the repository, and a job summary.

Variables: https://docs.github.com/en/actions/reference/workflows-and-actions/variables
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import typer

from grader.batch.order import BUNDLE
from grader.load.file_lines import file_lines
from grader.model.grade import Grade
from grader.model.submission import Where
from grader.report.github_annotations import to_annotations
from grader.report.github_summary import to_github


@contextmanager
def commands_off() -> Iterator[None]:
    """Keep the runner from obeying what is printed meanwhile: a student's words can look like a command of its own."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    # Whoever knew the token could switch commands on again, so it is another one each time.
    token = secrets.token_hex(16)
    typer.echo(f"::stop-commands::{token}")
    try:
        yield
    finally:
        typer.echo(f"::{token}::")


def tell_github(grade: Grade, path: Path) -> None:
    """Print annotations; add the summary to the job's, where there is one.

    Args:
        grade: as its readers may see it; logs and summaries of a public repository are public.
        path: the file that was graded.
    """
    file, line_of = _in_repository(path), file_lines(path, grade.submission.kind)
    for line in to_annotations(grade, file or grade.submission.name, line_of):
        typer.echo(line)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):

        def link(where: Where) -> str | None:
            return _address(file, line_of(where))

        _append(Path(summary), to_github(grade, link))


def _in_repository(path: Path) -> str:
    """The file's path from the root of the repository; empty for what is not in it, or is no submission."""
    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    if path.name.endswith(BUNDLE) or not path.resolve().is_relative_to(root):
        return ""
    return path.resolve().relative_to(root).as_posix()


def _address(file: str, line: int | None) -> str | None:
    server, repository, commit = (
        os.environ.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")
    )
    if not (file and server and repository and commit):
        return None
    # A notebook is shown rendered, without lines, unless its plain text is asked for.
    lines = f"?plain=1#L{line}" if line else ""
    return f"{server}/{quote(repository)}/blob/{quote(commit)}/{quote(file)}{lines}"


def _append(summary: Path, text: str) -> None:
    try:
        with summary.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except OSError as error:
        typer.echo(f"grade: the job summary cannot be written ({error.strerror or error})", err=True)
