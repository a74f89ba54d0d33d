"""Which file of one student's own folder is the submission, where nobody is there to be asked."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from grader.api import configured
from grader.commands.options import AssignmentFolder
from grader.commands.show import USAGE
from grader.errors import GraderError, UnreadableSubmission
from grader.load.content import shown_name
from grader.load.lone import lone_submission

ENDINGS = (".ipynb", ".py")
_MOST_NAMES = 5


def submission_in(folder: Path, handout: str) -> Path:
    """The only notebook, or else the only script, of a folder; among several the one called like the handout.

    Raises:
        UnreadableSubmission: there is none, or no telling which; or it is a link, which could lead anywhere.
    """
    named = (folder / f"{handout}{ending}" for ending in ENDINGS)
    found = lone_submission([folder]) or next((path for path in named if path.is_file()), None)
    if found is None:
        raise UnreadableSubmission(_undecided(folder, handout))
    if found.is_symlink():
        raise UnreadableSubmission(f"{shown_name(found)} is a link: hand in the file itself")
    return found


def _undecided(folder: Path, handout: str) -> str:
    there = sorted(shown_name(path) for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not there:
        return "there is neither a notebook nor a script: hand in one of them"
    shown = ", ".join(there[:_MOST_NAMES]) + (", …" if len(there) > _MOST_NAMES else "")
    return f"it cannot be told which file to grade ({shown}): hand in one, or call it {handout}{ENDINGS[0]}"


def tell(folder: Path, assignment: AssignmentFolder = None) -> None:
    """Print the path of the submission in FOLDER."""
    try:
        typer.echo(submission_in(folder, configured(assignment).id))
    except GraderError as error:
        typer.echo(f"grade: {error}", err=True)
        sys.exit(USAGE)


if __name__ == "__main__":
    typer.run(tell)
