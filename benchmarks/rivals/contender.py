"""One way to grade a class, as the benchmark sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rivals.handed_in import HandedIn
from rivals.measure import Failed, last_lines


@dataclass(frozen=True)
class Contender:
    """Two steps around the clock: lay the class out before, look for scores after."""

    name: str
    commands: Path
    """The `bin` of its environment."""
    lay_out: Callable[[Path], list[str]]
    """Lay the class out in an empty folder; gives the command that is timed, to be run there."""
    shares: Callable[[Path], dict[str, float]]
    """Student → points reached ÷ points possible, of those only who were executed and got a score."""


def require_all(handed_in: Sequence[HandedIn], contender: Contender, folder: Path) -> dict[str, float]:
    """The shares of all students. Raises Failed where one was not executed or has no score."""
    shares = contender.shares(folder)
    if missing := {one.student for one in handed_in} - shares.keys():
        names = ", ".join(sorted(missing))
        raise Failed(f"{contender.name} has no score for {names}:\n{last_lines(folder / 'log.txt')}")
    return shares
