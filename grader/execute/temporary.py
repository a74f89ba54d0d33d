"""Temporary folders that are gone afterwards, whatever ends the grader.

Each is locked by the process that made it for as long as that lives, so what nobody holds was left behind by one that
was killed: the next that makes such a folder removes it. The lock is taken on the folder itself (flock), and vanishes
with its holder.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

if sys.platform != "win32":
    import fcntl

Kind = Literal["warm", "cold", "fonts", "fork", "parcel"]
"""A launcher's home, the scratch folder of a kernel without a launcher, a list of fonts that is being made, sockets, a
submission that came over the network."""

_NAME = re.compile(r"grade-(?:warm|cold|fonts|fork|parcel)-[a-z0-9_]{8}")
_ATTEMPTS = 100
_LONGEST_BASE = 80
"""Characters; a socket's path may have about 104, of which the scratch folder and the socket take some 20."""


@dataclass
class HeldFolder:
    """A folder of one's own, until it is removed."""

    path: Path
    _lock: int | None
    """Descriptor of the folder; None where folders cannot be locked, and none are swept."""

    def remove(self) -> None:
        """Remove it with all that is in it, as far as that is possible, and let go."""
        remove_folder(self.path)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def held_folder(kind: Kind, base: Path | None = None) -> HeldFolder:
    """A new folder in `base`, or where temporary files go; what killed processes left there is removed first.

    Raises:
        OSError: it cannot be made.
    """
    base = base or _temporary()
    sweep(base)
    for _ in range(_ATTEMPTS):
        path = Path(tempfile.mkdtemp(prefix=f"grade-{kind}-", dir=base))
        try:
            return HeldFolder(path, _locked(path))
        except FileNotFoundError:
            # Somebody swept between the two calls, before it could be seen that this one is in use.
            continue
        except OSError:
            return HeldFolder(path, None)
    raise FileNotFoundError(f"folders in {base} vanish as soon as they are made")


def remove_folder(root: Path) -> None:
    """Remove a folder in which a student's code may have taken away permissions."""
    shutil.rmtree(root, ignore_errors=True)
    # Root needs no permissions, and must not change them along a path that a student could still be turning.
    if not root.exists() or (os.name == "posix" and os.geteuid() == 0):
        return
    root.chmod(0o700)
    # From the top: a folder's own folders are seen only once it is open.
    for folder, names, _ in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)


def _temporary() -> Path:
    """The temporary folder, or `/tmp` where sockets in it would have too long a path."""
    base = Path(tempfile.gettempdir()).resolve()
    return base if len(str(base)) <= _LONGEST_BASE else Path("/tmp")


def sweep(base: Path | None = None) -> None:
    """Remove this user's folders that nobody holds, in `base` or where temporary files go."""
    base = base or _temporary()
    with contextlib.suppress(OSError), os.scandir(base) as entries:
        for path in [Path(entry.path) for entry in entries if _NAME.fullmatch(entry.name)]:
            # In use, another user's, or gone by now.
            with contextlib.suppress(OSError):
                HeldFolder(path, _locked(path, at_once=True)).remove()


def _locked(path: Path, *, at_once: bool = False) -> int:
    """A descriptor that locks this user's folder; `at_once` only if nobody else has it locked.

    Raises:
        FileNotFoundError: it was removed before it was locked.
        OSError: it is locked, another user's, or folders cannot be locked here.
    """
    if sys.platform == "win32":
        raise OSError("folders cannot be locked")
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError(f"{path} is another user's")
        fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if at_once else 0))
        # Whoever removes it holds the lock meanwhile, so what is here now stays here.
        if not os.path.samestat(os.fstat(descriptor), path.lstat()):
            raise FileNotFoundError(path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
