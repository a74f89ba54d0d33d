"""Signs that a submission worked on what watches it: told to the instructor as something to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.evidence.raw import RawAltered, RawEvents
from grader.model.grade import Diagnosis
from grader.model.submission import Where

_MOST_NAMES = 6


def tampering(raw: RawEvents) -> Iterator[Diagnosis]:
    """Functions of torch that were replaced, and events that no recorder writes."""
    altered = raw.of(RawAltered)
    if altered:
        names = list(dict.fromkeys(name for event in altered for name in event.names))
        yield _told(
            f"After cell [{altered[0].cell}] functions that the recording relies on were others than before: "
            f"{_listed(names)}.",
            Where(cell=altered[0].cell),
        )
    if raw.dropped:
        kinds = [f"{count} × {kind}" for kind, count in raw.dropped.items()]
        yield _told(f"The recording holds events that the recorder does not write: {_listed(kinds)}.", None)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _told(message: str, where: Where | None) -> Diagnosis:
    return Diagnosis(
        code="integrity-tampering",
        severity="warn",
        message=message,
        hint="Look at what the code does there before trusting what was recorded after it.",
        where=where,
    )
