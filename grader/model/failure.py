"""Exceptions that ended cells, and what the library had been given when it refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grader.model.submission import Where


@dataclass(frozen=True)
class Operand:
    """What a library call was given."""

    type: str
    """Its class's name: `Tensor`, `ndarray`; `type` for a class itself."""
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    grad: bool = False
    """It depends on parameters that are trained."""
    class_name: str | None = None
    """Of a class itself, its name."""
    family: str = ""
    """Of modules and their classes: `activation`, `loss`, `torch` for others of the library, `own`."""
    own_init: bool = True


@dataclass(frozen=True)
class LibraryCall:
    function: str
    """With its module: `torch.nn.functional.cross_entropy`."""
    operands: Mapping[str, Operand]
    """Its first arguments by name; unnamed ones as `args[0]`."""


@dataclass(frozen=True)
class Failure:
    """An exception that ended a cell."""

    cell: int
    where: Where | None
    """The student's innermost line."""
    exercise: int | None
    """As marked; None where no marker governs the line."""
    error: str
    """The exception's class."""
    message: str
    calls: tuple[LibraryCall, ...] = ()
    """From the student's line inwards."""
