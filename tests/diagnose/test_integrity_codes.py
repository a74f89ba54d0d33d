"""Results that do not come from the work: reported for review, never priced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grader.compose import _asks_for_review
from grader.diagnose.catalogue import diagnose
from grader.evidence.raw import RawAltered, RawEvents
from grader.evidence.tampering import tampering
from grader.model.evidence import Evidence, Measured
from grader.model.finding import Mistake
from grader.model.reported import Claim, Reports
from grader.model.submission import Cell
from tests.check.building import assignment, claim, excellent, with_run, with_task, without_run
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


# ---------------------------------------------------------------- losses against weights

SPLIT = excellent().datasets["circles"].split
assert SPLIT is not None and SPLIT.train_features.rows is not None
ROWS = SPLIT.train_features.rows
STEPS = 100
HONEST = 0.7 * 0.98 ** np.arange(STEPS)


def trained(recorded: np.ndarray, recomputed: np.ndarray, **changes: Any) -> Evidence:
    """A full-batch run with these losses at its steps, measured at every tenth and at the end."""
    steps = [*range(0, STEPS, 10), STEPS]
    points = tuple(
        Measured(step, float(recomputed[min(step, STEPS - 1)]), None, None, None) for step in steps
    )
    fields = {"losses": recorded, "measured": points, "backwards": STEPS, "train_rows": ROWS, **changes}
    return with_run("nonlinear", **fields)


def looked_at(evidence: Evidence) -> list[tuple[str, int]]:
    found = diagnose(assignment(), evidence)
    return [(each.code, each.exercise) for each in found if each.code.startswith("integrity-")]


FLAT = np.full(STEPS, 0.7)
ENDING = np.append(FLAT[:-1], 0.01)
FEW = (Measured(0, 0.7, None, None, None), Measured(3, 0.01, None, None, None))
PART = ROWS[: len(ROWS) // 2]


def test_recorded_losses_that_the_weights_do_not_give_are_looked_at() -> None:
    assert looked_at(trained(0.7 * 0.9 ** np.arange(STEPS), FLAT)) == [("integrity-tampering", 7)]


def test_final_weights_that_no_step_made_are_looked_at() -> None:
    assert looked_at(trained(FLAT, ENDING)) == [("integrity-hardcoded", 7)]


def test_neither_costs_anything() -> None:
    for given in (trained(0.7 * 0.9 ** np.arange(STEPS), FLAT), trained(FLAT, ENDING)):
        assert not any(m.costs for m in diagnose(assignment(), given) if m.code.startswith("integrity-"))


@pytest.mark.parametrize(
    "given",
    [
        trained(HONEST, HONEST),
        trained(HONEST / 8, HONEST),  # divided for accumulated gradients
        trained(HONEST * 1600, HONEST),  # summed over the rows
        trained(0.7 * 0.9 ** np.arange(STEPS), FLAT, train_rows=PART),
        trained(0.7 * 0.9 ** np.arange(STEPS), FLAT, train_rows=None),
        trained(0.7 * 0.9 ** np.arange(STEPS), FLAT, finite=False),
        trained(FLAT, ENDING, moved=False),
        trained(FLAT, np.append(FLAT[:-1], 0.5)),
        trained(np.append(FLAT[:-1], 0.02), ENDING),  # its last loss was that low
        trained(FLAT[:3], ENDING, backwards=3, measured=FEW),
    ],
)
def test_what_honest_loops_show_is_not(given: Evidence) -> None:
    assert looked_at(given) == []


def test_only_integrity_asks_for_review() -> None:
    assert _asks_for_review("integrity-tampering") and not _asks_for_review("run-error")
