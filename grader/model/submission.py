"""What a student handed in, read but not run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Where(BaseModel):
    """A place in the student's code, in the numbers that the student sees."""

    model_config = ConfigDict(frozen=True)

    cell: int
    """1-based count of the non-empty code cells: the `[n]` that Jupyter shows after Restart & Run All."""
    line: int | None = None
    """1-based line within the cell; in a script, the line of the file; None where only the cell is known."""


class Cell(BaseModel):
    """One cell of a notebook, or one part of a script."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["code", "markdown", "raw"]
    source: str
    """The text, with `\\n` line ends."""
    number: int | None = None
    """1-based count over the non-empty code cells; None for every other cell."""
    exercise: int | None = None
    """The exercise that the handout's cell metadata names; None where it names none."""
    first_line: int = 1
    """Line of the file at which the source begins (scripts); 1 for notebooks, whose lines count per cell."""


@dataclass(frozen=True)
class Submission:
    """One student's file, ready to be executed."""

    name: str
    """The file's name, as reports show it: `ana.ipynb`."""
    path: Path
    """Where it was read from; for an evidence bundle, the bundle."""
    sha256: str
    """Of the file's bytes."""
    kind: Literal["notebook", "script"]
    cells: tuple[Cell, ...]
    """In the file's order, text cells included."""
    companions: tuple[Path, ...] = ()
    """Files and folders beside it that travel into the scratch folder (data, helper modules)."""
    notes: tuple[str, ...] = field(default=())
    """What the loader had to mend or pass over, each a sentence for the report."""

    @property
    def code_cells(self) -> tuple[Cell, ...]:
        """The cells that run: code, not empty, numbered."""
        return tuple(cell for cell in self.cells if cell.number is not None)

    def cell(self, number: int) -> Cell | None:
        """The code cell with this number, if there is one."""
        return next((cell for cell in self.cells if cell.number == number), None)
