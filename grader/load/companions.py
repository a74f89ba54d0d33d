"""The files beside a submission that its code may need.

The folder may be a student's own or a whole class's. In a folder that holds other submissions only what the
code names travels along; another student's notebook never does.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.load.content import shown_name, unix_lines
from grader.load.python_source import imported_names

MAX_BYTES = 100 * 1024**2
MAX_FILES = 5_000
"""In one folder; more is an archive of data, not a helper."""
MAX_MODULE_BYTES = 5 * 1024**2

_NEEDLESS = re.compile(
    r"\..*|__pycache__|node_modules|venv|env|.*\.report\..*|.*\.evidence\.zip|.*\.pyc", re.DOTALL
)
_LIBRARIES = frozenset(
    (
        "IPython",
        "matplotlib",
        "numpy",
        "pandas",
        "scipy",
        "seaborn",
        "sklearn",
        "torch",
        "torchmetrics",
        "tqdm",
    )
)


@dataclass(frozen=True)
class _Entry:
    path: Path
    size: int
    files: tuple[Path, ...]
    """The file itself, or all files below the folder."""

    def names_a_module_in(self, names: set[str]) -> bool:
        modules = {file.stem for file in self.files if file.suffix == ".py"}
        return bool(names & (modules | {self.path.stem}))

    @property
    def has_notebook(self) -> bool:
        return any(file.suffix == ".ipynb" and ".ipynb_checkpoints" not in file.parts for file in self.files)

    @property
    def has_python(self) -> bool:
        return any(file.suffix == ".py" for file in self.files)

    @property
    def hides_a_library(self) -> bool:
        return self.has_python and self.path.stem in _LIBRARIES | sys.stdlib_module_names


def companions_of(path: Path, code: str) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Files and folders beside `path` that travel, at most `MAX_BYTES` together; and notes on the rest.

    `code` is the text of all code cells. Links and hidden files stay, as do caches, virtual environments and
    reports.
    """
    try:
        beside = _beside(path)
    except OSError:
        return (), ("The files beside the submission could not be listed, so none came along.",)
    notes = _about([Path(entry) for entry in beside if entry.is_symlink()], "a link")
    measured = (_measured(entry, notes) for entry in beside if not entry.is_symlink())
    entries = [entry for entry in measured if entry]
    wanted = _wanted(entries, path, code, notes)
    return _within_cap(wanted, notes), tuple(notes)


def _beside(path: Path) -> list[os.DirEntry[str]]:
    """What lies in the same folder and may be needed, by name.

    Entries of the listing tell most without asking the disk: the whole class may lie here, and each asks for all.
    """
    with os.scandir(path.parent) as entries:
        beside = [entry for entry in entries if entry.name != path.name and not _is_needless(entry)]
    return sorted(beside, key=lambda entry: entry.name)


def _is_needless(entry: os.DirEntry[str]) -> bool:
    """What no code needs, and what comes and goes between two gradings."""
    if _NEEDLESS.fullmatch(entry.name):
        return True
    return entry.is_dir() and Path(entry, "pyvenv.cfg").exists()


def _measured(entry: os.DirEntry[str], notes: list[str]) -> _Entry | None:
    """A file or folder with its size; None for what can be neither copied nor used."""
    path = Path(entry)
    try:
        if not entry.is_dir() and not entry.is_file():
            return None
        files = tuple(_files_below(path)) if entry.is_dir() else (path,)
        if len(files) > MAX_FILES:
            notes += _about([path], f"a folder of more than {MAX_FILES} files")
            return None
        return _Entry(path, sum(file.lstat().st_size for file in files), files)
    except OSError:
        notes += _about([path], "not readable")
        return None


def _files_below(folder: Path) -> Iterator[Path]:
    count = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            count += 1
            yield Path(root, name)
        if count > MAX_FILES:
            return


def _wanted(entries: list[_Entry], submission: Path, code: str, notes: list[str]) -> list[_Entry]:
    modules = _modules_needed(entries, code)
    others, own = list[_Entry](), list[_Entry]()
    for entry in entries:
        (others if _holds_submissions(entry, submission, modules) else own).append(entry)
    hiding = [entry for entry in own if entry.hides_a_library]
    notes += _about([entry.path for entry in hiding], "named like a library that it would hide")
    wanted = [entry for entry in own if entry not in hiding]
    if not any(entry.has_notebook or submission.suffix == ".py" for entry in others):
        return wanted
    named = [entry for entry in wanted if entry.names_a_module_in(modules) or entry.path.name in code]
    if len(named) < len(wanted):
        notes.append("The folder holds other submissions, so only files that the code names came along.")
    return named


def _holds_submissions(entry: _Entry, submission: Path, modules: set[str]) -> bool:
    """Notebooks always are someone's; Python files are unless the code imports or names them."""
    return entry.has_notebook or (entry.has_python and not entry.names_a_module_in(modules))


def _modules_needed(entries: list[_Entry], code: str) -> set[str]:
    """Names that the code imports, the names that those modules import in turn, and `.py` files it names."""
    python = [file for entry in entries for file in entry.files if file.suffix == ".py"]
    needed = imported_names(code) | {file.stem for file in python if file.name in code}
    seen: set[Path] = set()
    while reached := [file for file in python if file not in seen and needed & {file.stem, file.parent.name}]:
        seen.update(reached)
        needed |= {name for file in reached for name in imported_names(_module_text(file))}
    return needed


def _module_text(file: Path) -> str:
    try:
        if file.is_symlink() or file.stat().st_size > MAX_MODULE_BYTES:
            return ""
        return unix_lines(file.read_text(encoding="utf-8-sig", errors="replace"))
    except OSError:
        return ""


def _within_cap(entries: list[_Entry], notes: list[str]) -> tuple[Path, ...]:
    """The smallest first, so that one big file does not keep the helpers out."""
    kept, total = [], 0
    for entry in sorted(entries, key=lambda entry: (entry.size, entry.path)):
        total += entry.size
        if total > MAX_BYTES:
            notes += _about([entry.path], f"beyond the {MAX_BYTES // 1024**2} MB that may come along")
        else:
            kept.append(entry.path)
    return tuple(sorted(kept))


def _about(paths: list[Path], reason: str) -> list[str]:
    return [f"{shown_name(path)} beside the submission stayed behind: {reason}." for path in paths]
