"""Results that do not come from the work: reported for review, never priced."""

from __future__ import annotations

from dataclasses import replace

from grader.compose import _asks_for_review
from grader.diagnose.catalogue import diagnose
from grader.evidence.raw import RawAltered, RawEvents
from grader.evidence.tampering import tampering
from grader.model.evidence import Evidence
from grader.model.finding import Mistake
from grader.model.reported import Claim, Reports
from grader.model.submission import Cell
from tests.check.building import assignment, claim, with_task, without_run
from tests.diagnose.scenes import SOUND, told

CODE = "integrity-hardcoded"


def reviewed(evidence: Evidence) -> list[Mistake]:
    return [mistake for mistake in diagnose(assignment(), evidence) if mistake.code == CODE]


def writing(source: str, evidence: Evidence) -> Evidence:
    cells = (*evidence.submission.cells, Cell(kind="code", source=source, number=77))
    return replace(evidence, submission=replace(evidence.submission, cells=cells))


def untrue(value: float, text: str) -> Claim:
    return claim("printed", "loss", verdict="untrue", value=value, text=text)


TYPED = (untrue(0.0123, "loss 0.0123"), untrue(0.0234, "loss 0.0234"))


def test_untrue_figures_that_stand_in_the_code() -> None:
    for source in ("curve = [0.0123, 0.0234]", "print('loss 0.0123')\nprint('loss 0.0234')"):
        (mistake,) = reviewed(writing(source, told(*SOUND, *TYPED)))
        assert mistake.severity == "warn" and mistake.exercise == 5


def test_untrue_figures_that_stand_nowhere_are_another_matter() -> None:
    assert reviewed(writing("lr = 0.1", told(*SOUND, *TYPED))) == []
    assert reviewed(writing("curve = [0.0123, 0.99]", told(*SOUND, *TYPED))) == []


def test_true_figures_may_stand_in_the_code() -> None:
    true = claim("printed", "loss", value=0.0123, text="loss 0.0123")
    assert reviewed(writing("best = 0.0123", told(*SOUND, true, true))) == []


def test_figures_without_any_loop() -> None:
    bare = without_run("nonlinear")
    assert reviewed(bare) == []
    printed = tuple(claim("printed", "loss", verdict="unchecked") for _ in range(3))
    (mistake,) = reviewed(with_task("nonlinear", bare, reports=Reports(printed)))
    assert mistake.exercise == 7 and not mistake.costs


def test_altered_functions_and_forged_events_are_told() -> None:
    event = RawAltered(kind="altered", cell=3, names=["torch.eq"])
    (diagnosis,) = tampering(RawEvents({RawAltered: (event, event)}, {}))
    assert diagnosis.code == "integrity-tampering" and "torch.eq" in diagnosis.message
    assert diagnosis.where is not None and diagnosis.where.cell == 3
    (forged,) = tampering(RawEvents({}, {}, {"grade": 2}))
    assert "2 × grade" in forged.message
    assert list(tampering(RawEvents({}, {}))) == []


def test_only_integrity_asks_for_review() -> None:
    assert _asks_for_review("integrity-tampering") and not _asks_for_review("run-error")
