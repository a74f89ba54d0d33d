"""What of the machine a student's Python needs to read: the system, the interpreter, its packages."""

from __future__ import annotations

import site
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from grader.sandbox.plan import Readable

_OF_A_PREFIX = ("bin", "lib", "lib64", "share", "etc", "pyvenv.cfg", "include")
_OURS = "evidence-grader"
"""The distribution that is never shown."""


def python_files() -> Readable:
    """The folders of this interpreter, the grader's own left out.

    Only parts of a prefix are named: an environment may have been made in a folder that holds other things.
    """
    package = Path(__file__).resolve().parents[1]
    trees = dict.fromkeys(_minimal(sorted({path for path in _candidates() if path.exists()})))
    return Readable(tuple(trees), (package, *_metadata(package)))


def _candidates() -> Iterator[Path]:
    for prefix in dict.fromkeys((sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)):
        for name in _OF_A_PREFIX:
            yield Path(prefix, name)
            # A link's own place has to be there as well as what it leads to.
            yield Path(prefix, name).resolve()
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield Path(sysconfig.get_path(name))
    yield from map(Path, site.getsitepackages())
    if site.ENABLE_USER_SITE:
        yield Path(site.getusersitepackages())
    yield Path(sys.executable).resolve()


def _minimal(paths: list[Path]) -> Iterator[Path]:
    """Without what lies within another; nothing that is a whole home or root folder."""
    kept: list[Path] = []
    for path in paths:
        if len(path.parts) > 1 and not any(
            path.is_relative_to(tree) and not tree.is_symlink() for tree in kept
        ):
            kept.append(path)
            yield path


def _metadata(package: Path) -> Iterator[Path]:
    """The folder that says what was installed and from where, of an install into the same place."""
    try:
        files = distribution(_OURS).files or []
    except PackageNotFoundError:
        return
    folders = {Path(str(file.locate())).parent for file in files if file.name == "METADATA"}
    yield from sorted(folder.resolve() for folder in folders if folder.resolve() != package)
