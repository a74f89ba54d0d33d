"""Desks of one class on one machine: what they have in common is there once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from grader.batch.desk import GradingDesk, JudgingDesk
from grader.batch.order import Order
from grader.batch.task import Task
from grader.model.assignment import Assignment
from grader.report.language.speech import said
from tests.processes import launchers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks kernels")


def test_desks_on_one_machine_take_their_kernels_from_one_launcher(nine: Assignment, tmp_path: Path) -> None:
    (tmp_path / "ana.py").write_text("# Ex 1\nprint(6 * 7)\n")
    task, others = Task(0, tmp_path / "ana.py", 1.0), set(launchers())
    with GradingDesk(Order(nine)).shared() as desks:
        assert len(set(launchers()) - others) == 1, "it warms up before the first worker is there"
        with desks() as desk, desk.opened() as one, desks() as other, other.opened() as two:
            answers = [one(task), two(task)]
            assert len(set(launchers()) - others) == 1
    assert [answer.grade.points for answer in answers if answer.grade] == [0.0, 0.0]
    assert set(launchers()) == others


@pytest.mark.parametrize("order", [{"cold": True}, {"sandbox": "none", "cold": True}], ids=str)
def test_where_every_submission_starts_from_nothing_no_launcher_waits(
    nine: Assignment, order: dict[str, object]
) -> None:
    others = set(launchers())
    with GradingDesk(Order(nine, **order)).shared() as desks, desks() as desk:  # type: ignore[arg-type]
        assert desk == GradingDesk(Order(nine, **order))  # type: ignore[arg-type]
        assert set(launchers()) == others


def test_judging_needs_none(nine: Assignment) -> None:
    others = set(launchers())
    with JudgingDesk(Order(nine)).shared() as desks, desks() as desk:
        assert desk == JudgingDesk(Order(nine))
        assert set(launchers()) == others


def test_a_worker_speaks_the_language_of_whoever_asked_not_its_machines(
    nine: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADER_LANG", "ro")
    order = Order(nine)
    monkeypatch.setenv("GRADER_LANG", "en")
    with JudgingDesk(order).opened():
        assert said("train loss") == "loss de antrenare"
    with JudgingDesk(Order(nine, language="en")).opened():
        assert said("train loss") == "train loss"
