"""Submissions made of a few lines, and kernels that several tests share: each start costs seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from grader.model.submission import Cell, Submission

MakeSubmission = Callable[..., Submission]


@pytest.fixture(scope="session")
def make_submission() -> MakeSubmission:
    def make(
        *sources: str,
        name: str = "ana.ipynb",
        kind: Literal["notebook", "script"] = "notebook",
        companions: tuple[Path, ...] = (),
    ) -> Submission:
        cells = [
            Cell(kind="code", source=source, number=number) for number, source in enumerate(sources, start=1)
        ]
        return Submission(
            name=name, path=Path(name), sha256="0" * 64, kind=kind, cells=tuple(cells), companions=companions
        )

    return make
