"""What a conformance case is, and how it writes down what it tried.

A case runs in the student's place, inside a closed sandbox. It tries what must be refused and what must still work,
and records one line for each attempt. It needs no luck and no clock; every loop, fork and allocation has a bound.
"""

# What is looked at may be a path or a descriptor.
# ruff: noqa: PTH116

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")

OWN_FAULT = frozenset({errno.EINVAL, errno.EFAULT, errno.EBADF, errno.ENOEXEC, errno.E2BIG})
"""Errors that say a case called wrongly, not that it was refused."""
BY_RIGHT = frozenset(
    {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSYS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}
)
"""Errors of a rule, as opposed to a thing that is not there."""


def not_there(call: Callable[..., object]) -> Callable[..., object]:
    """The same call, where EINVAL is how the kernel says that an id, a mount or a segment does not exist in here."""

    def attempt(*arguments: Any) -> object:
        try:
            return call(*arguments)
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise OSError(errno.EPERM, "it does not exist here") from error
            raise

    return attempt


@dataclass(frozen=True)
class World:
    """The machine outside: what is planted there for a case to find. JSON on its way to the sandbox."""

    token: str
    """A word of this run, in every planted name and text."""
    secrets: dict[str, list[str]]
    """Files by what they hold (`rubric`, `reference`, …): planted canaries and the grader's real ones."""
    open_folder: str
    """A folder outside the sandbox that everybody may write to, as far as its mode goes."""
    open_file: str
    """A file in it with mode 0666."""
    set_id: list[str]
    """The machine's programs with the set-user-id bit or file capabilities."""
    set_id_planted: str
    """A copy of id(1) that would run as root and lies where a student may read; empty where none could be made."""
    bystander: dict[str, Any]
    """A process outside: its pid, its sockets, the address of a secret in its memory, its shared memory."""
    limits: dict[str, int]
    """`memory` (bytes), `processes`, `file` (bytes), `disk` (bytes), `names`, `open_files`."""
    sources: list[str]
    """Folders of the grader's own code."""
    shown: list[str]
    """Folders that a student may read; the way to them can be listed, and nothing else in it."""
    library: str
    """A module that a student may read, beside a folder that stays dark."""
    python: str
    """An interpreter that a student may start."""
    layers: list[str]
    """Names of the layers that are up."""

    def every_secret(self) -> list[str]:
        return [path for paths in self.secrets.values() for path in paths]


@dataclass
class Tried:
    """The record of one case, attempt by attempt; written to a descriptor as it grows."""

    output: int = -1
    unwritten: list[str] = field(default_factory=list)

    def refused(self, what: str, call: Callable[..., object], *arguments: Any, **named: Any) -> None:
        """It must fail: forbidden, or not there at all."""
        came, good = self._fails(call, arguments, named, lambda number: number not in OWN_FAULT)
        self.note("refused", what, came, good)

    def denied(self, what: str, call: Callable[..., object], *arguments: Any, **named: Any) -> None:
        """It must fail by a rule; that a thing is not there would not do."""
        came, good = self._fails(call, arguments, named, lambda number: number in BY_RIGHT)
        self.note("denied", what, came, good)

    def unmarked(self, what: str, path: str | int, call: Callable[..., object], *arguments: Any) -> None:
        """Mode, owner, times and attributes of a file must stay, whether the call is refused or only seems to work."""
        before = _marks(path)
        try:
            call(*arguments)
        except OSError as error:
            self.note("unmarked", what, str(error), error.errno not in OWN_FAULT)
            return
        after = _marks(path)
        self.note("unmarked", what, f"{before} became {after}", before is not None and before == after)

    def hides(self, folder: object, shown: list[str]) -> None:
        """A folder must not be listed, but for what leads to `shown` ones."""
        try:
            names = set(map(str, Path(str(folder)).iterdir()))
        except OSError as error:
            self.note("hides", f"{folder}", str(error), error.errno not in OWN_FAULT)
            return
        more = {name for name in names if not any(_leads_to(name, tree) for tree in shown)}
        self.note("hides", f"{folder}", f"it shows {sorted(more)[:9]}", not more)

    def works(self, what: str, call: Callable[..., Result], *arguments: Any, **named: Any) -> Result | None:
        """It must succeed: the sandbox leaves students what they need."""
        try:
            value = call(*arguments, **named)
        except Exception as error:
            self.note("works", what, f"{type(error).__name__}: {error}", False)
            return None
        self.note("works", what, "done", True)
        return value

    def holds(self, what: str, condition: bool, seen: object = "") -> None:
        """A fact about the sandbox."""
        self.note("holds", what, str(seen)[:300], bool(condition))

    def note(self, wish: str, what: str, came: str, good: bool) -> None:
        self.unwritten.append(json.dumps({"wish": wish, "what": what, "came": came, "good": good}) + "\n")
        self.flush()

    def flush(self) -> None:
        """Hand out what is there; a full disk keeps it for later."""
        while self.unwritten:
            try:
                os.write(self.output, self.unwritten[0].encode())
            except OSError:
                return
            del self.unwritten[0]

    def _fails(
        self, call: Callable[..., object], arguments: Any, named: Any, real: Callable[[int], bool]
    ) -> tuple[str, bool]:
        try:
            value = call(*arguments, **named)
        except OSError as error:
            number = error.errno or 0
            return f"{errno.errorcode.get(number, type(error).__name__)}", real(number)
        return f"done: {value!r}"[:300], False


def _leads_to(path: str, tree: str) -> bool:
    return f"{tree}/".startswith(f"{path}/") or f"{path}/".startswith(f"{tree}/")


def _marks(path: str | int) -> tuple[object, ...] | None:
    """What chmod, chown, utime and setxattr change; None where the file cannot be seen."""
    try:
        found = os.stat(path)
        return found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, tuple(os.listxattr(path))
    except OSError:
        return None


@dataclass(frozen=True)
class Case:
    """A case and what it needs, as data."""

    name: str
    run: Callable[[World, Tried], None]
    about: str
    """One sentence: what holds when it passes."""
    needs: str = ""
    """A layer without which this is not promised."""
    why: str = ""
    """The reason for `needs`."""
    torch: bool = False
    """It uses PyTorch."""
    stopped: bool = False
    """The sandbox may end it as a whole; then an incident has to say why."""
    endless: bool = False
    """It never ends by itself: the harness kills it after its last line."""


CASES: dict[str, Case] = {}
"""Filled once, while the modules of `cases` are imported."""


def case(
    *, needs: str = "", why: str = "", torch: bool = False, stopped: bool = False, endless: bool = False
) -> Callable[[Callable[[World, Tried], None]], Callable[[World, Tried], None]]:
    """Declare a case; its docstring says what holds when it passes."""

    def declare(run: Callable[[World, Tried], None]) -> Callable[[World, Tried], None]:
        assert run.__doc__, run.__name__
        assert bool(needs) == bool(why), f"{run.__name__}: an exception needs its reason"
        about = " ".join(run.__doc__.split())
        CASES[run.__name__] = Case(run.__name__, run, about, needs, why, torch, stopped, endless)
        return run

    return declare
