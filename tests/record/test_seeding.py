"""Each exercise begins with a seed of its own, unless the student sets one."""

from __future__ import annotations

from pathlib import Path

from tests.record.session import run_sessions

DRAW = "answer = [*globals().get('answer', []), torch.rand(1).item()]"
IMPORT = "import torch"


def test_exercises_draw_the_same_whatever_came_before(tmp_path: Path) -> None:
    config = {"seed": 7, "exercise_of_cell": {3: 5, 4: 5, 5: 6}}
    before = [IMPORT, "torch.rand(3)"]
    longer = [IMPORT, "torch.rand(300)"]
    first, second, seeded = run_sessions(
        tmp_path / "seeds",
        [
            ([*before, DRAW, DRAW, DRAW], True),
            ([*longer, DRAW, DRAW, DRAW], True),
            ([IMPORT, "torch.manual_seed(3)", DRAW, DRAW, DRAW], True),
        ],
        config,
    )
    assert first.answer == second.answer
    assert len(set(first.answer)) == 3
    assert not first.of("seed")
    (noticed,) = seeded.of("seed")
    assert noticed["at"] == [[2, 1]]
    assert seeded.answer != first.answer


def test_a_students_seed_stays_in_force(tmp_path: Path) -> None:
    config = {"seed": 7, "exercise_of_cell": {2: 5, 3: 6}}
    cells = [f"{IMPORT}; torch.manual_seed(3)", DRAW, DRAW]
    ours, plain = run_sessions(tmp_path / "seeds", [(cells, True), (cells, False)], config)
    assert ours.answer == plain.answer
