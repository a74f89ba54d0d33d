"""The table of named mistakes: what each code means, why it matters, how it is mended."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Code(BaseModel):
    """One named mistake, as `codes.toml` declares it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Literal["fail", "part", "warn", "info"]
    """What it usually is; a rubric without the checks it spoils makes it a warning."""
    costs: str
    """In words; empty for a warning."""
    seen: str
    """The invariant that was seen violated."""
    why: str
    mend: str
    example: str
    """Python, as learners write it."""
    read: str
    """Address of where to read more."""


@cache
def codes() -> dict[str, Code]:
    """Every code with its entry, in the table's order."""
    text = (files("grader.diagnose") / "codes.toml").read_text(encoding="utf-8")
    return {name: Code.model_validate(entry) for name, entry in tomllib.loads(text).items()}
