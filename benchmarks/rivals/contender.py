"""One way to grade a class, as the benchmark sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


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
