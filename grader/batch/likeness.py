"""Similar pairs of a class: found once for the same hand-ins, kept for when the page is written again."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

import grader
from grader.batch.prepare import Prepared
from grader.errors import UsageError
from grader.files import write_atomically
from grader.handout import handout_cells
from grader.model.assignment import Assignment
from grader.model.classroom import AlikePair


class Likeness:
    """The pairs of a class and the file that keeps them."""

    def __init__(self, file: Path, assignment: Assignment) -> None:
        self._file = file
        self._assignment = assignment

    def known(self) -> tuple[AlikePair, ...]:
        """The pairs of the last run; none where it kept none."""
        return self._kept("") or ()

    def found(self, prepared: Sequence[Prepared]) -> tuple[AlikePair, ...]:
        """Compare everybody's code with everybody else's, the handout's subtracted.

        Raises UsageError where the pairs cannot be kept.
        """
        from grader.similarity.pairs import Work, alike

        # Of several attempts the last one read stands for the student.
        latest = {item.handin.student.key: item for item in prepared}
        handout = self._handout()
        digest = _digest(latest, handout)
        kept = self._kept(digest)
        if kept is not None:
            return kept
        works = [Work(key, item.submission.code_cells) for key, item in sorted(latest.items())]
        pairs = alike(works, handout)
        fields = {"of": digest, "pairs": [pair.model_dump(mode="json") for pair in pairs]}
        self._keep(json.dumps(fields, ensure_ascii=False, indent=1) + "\n")
        return pairs

    def _keep(self, text: str) -> None:
        try:
            write_atomically(self._file, text)
        except OSError as error:
            raise UsageError(f"{self._file} cannot be written ({error.strerror or error})") from error

    def _kept(self, digest: str) -> tuple[AlikePair, ...] | None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, ValidationError):
            fields = json.loads(self._file.read_text(encoding="utf-8"))
            if digest in ("", fields["of"]):
                return tuple(AlikePair.model_validate(pair) for pair in fields["pairs"])
        return None

    def _handout(self) -> list[str]:
        given = [cell.source for cell in handout_cells(self._assignment) if cell.kind == "code"]
        return given + [path.read_text(encoding="utf-8") for path in self._assignment.support]


def _digest(latest: dict[str, Prepared], handout: Sequence[str]) -> str:
    of = sorted((key, item.key.submission) for key, item in latest.items())
    return hashlib.sha256(json.dumps([grader.__version__, handout, of]).encode()).hexdigest()
