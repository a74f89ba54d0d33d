"""The folder in which one submission runs: made for it, and gone afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from grader.errors import GradingFailed
from grader.execute.job import Job
from grader.execute.temporary import held_folder
from grader.execute.tensor_file import pack
from grader.model.submission import Submission


@dataclass(frozen=True)
class Scratch:
    """Where things lie during one execution."""

    root: Path
    notes: tuple[str, ...] = ()
    """What was left out or replaced while it was filled."""
    inside: Path | None = None
    """The root as the kernel sees it, where that is another path."""

    def seen(self, path: Path) -> str:
        """A path within the scratch folder as the kernel sees it."""
        return str((self.inside or self.root) / path.relative_to(self.root))

    @property
    def work(self) -> Path:
        """The student's current directory."""
        return self.root / "work"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def record(self) -> Path:
        """Where the recorder writes."""
        return self.root / "record"

    @property
    def sockets(self) -> Path:
        """Prefix of the kernel's sockets, short as it must be."""
        return self.root / "k"

    @property
    def connection(self) -> Path:
        return self.root / "connection.json"

    @property
    def job(self) -> Path:
        return self.root / "job.json"

    @property
    def hello(self) -> Path:
        """What the kernel says about itself before the first cell."""
        return self.root / "hello.json"

    @property
    def log(self) -> Path:
        """The kernel's own complaints."""
        return self.root / "kernel.log"

    @property
    def probes(self) -> Path:
        return self.root / "probes.safetensors"

    def write_probes(self, job: Job) -> None:
        """Ask the job for its unlabelled rows and lay them where the recorder looks for them."""
        self.probes.write_bytes(pack(dict(job.probes())))
        hand_over(self.probes)


@contextmanager
def scratch_folder(submission: Submission, job: Job) -> Iterator[Scratch]:
    """A fresh folder with the submission's companions and the assignment's support files in `work`.

    Raises:
        GradingFailed: it cannot be made.
    """
    try:
        folder = held_folder("cold")
    except OSError as error:
        raise GradingFailed(f"no scratch folder could be made: {error}") from error
    with folder as root:
        yield filled(Scratch(root), submission, job)


def filled(empty: Scratch, submission: Submission, job: Job) -> Scratch:
    """Put in what a submission needs: support files, its companions, the folders that are not there yet.

    Raises:
        GradingFailed: there is no room for the assignment's own files.
    """
    notes = []
    try:
        for folder in (empty.work, empty.home, empty.temporary, empty.record):
            folder.mkdir(exist_ok=True)
        for path in job.support:
            shutil.copyfile(path, empty.work / path.name)
    except OSError as error:
        raise GradingFailed(f"the scratch folder could not be filled: {error}") from error
    own = {path.name for path in submission.companions}
    for name in sorted(own & {path.name for path in job.support}):
        notes.append(f"{name} beside the submission was used in place of the assignment's file of that name")
    notes += [note for path in submission.companions if (note := _copied(path, empty.work))]
    hand_over(empty.work)
    return replace(empty, notes=tuple(notes))


def hand_over(path: Path) -> None:
    """Give a path, and all below it, to whoever owns the scratch folder that it lies in: its kernel."""
    if os.name != "posix" or os.geteuid() != 0:
        return
    owner = path.parent.stat()
    for place in (path, *path.rglob("*")):
        os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _copied(path: Path, work: Path) -> str | None:
    """Copy a companion, links left out: they could lead anywhere. Returns a note where that failed."""
    target = work / path.name
    try:
        if path.is_symlink():
            return f"{path.name} beside the submission is a link and was left out"
        if path.is_dir():
            shutil.copytree(path, target, ignore=_links, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, target)
    except (OSError, shutil.Error):
        return f"{path.name} beside the submission could not be read and was left out"
    return None


def _links(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if (Path(folder) / name).is_symlink()]
