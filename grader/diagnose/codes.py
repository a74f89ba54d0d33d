"""The table of named mistakes: what each code means, why it matters, how it is mended."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from grader.model.grade import Grade, Lesson


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


def with_lessons(grade: Grade) -> Grade:
    """`grade` with what each of the codes that it names means, in the table's order."""
    every = [*grade.diagnoses, *(d for exercise in grade.exercises for d in exercise.diagnoses)]
    named = {diagnosis.code for diagnosis in every}
    return grade.model_copy(update={"lessons": _lessons(named)})


def _lessons(named: Collection[str]) -> tuple[Lesson, ...]:
    return tuple(
        Lesson(code=name, seen=c.seen, why=c.why, mend=c.mend, example=c.example.strip(), read=c.read)
        for name, c in codes().items()
        if name in named
    )
