"""Loops whose parts stand in the wrong order, or work on nothing: what is named, priced, explained and left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grader.evidence.loop_order import outputs_detached, stepped_first, walked_again
from grader.evidence.raw import RawDetail, RawEvents, RawRun, RawSay, RawSnapshot
from grader.evidence.rebuilt import with_runs_joined
from grader.model.evidence import Evidence
from grader.model.recording import CellError, CellRun
from grader.model.submission import Cell
from tests.check.building import with_optimizer, with_run
from tests.diagnose.scenes import codes, seen

TWICE = "Trying to backward through the graph a second time (or directly access saved tensors)"
CHANGED = "one of the variables needed for gradient computation has been modified by an inplace operation"
NO_GRAPH = "element 0 of tensors does not require grad and does not have a grad_fn"


def raising(evidence: Evidence, cell: int, message: str) -> Evidence:
    error = CellRun(
        number=cell, status="error", error=CellError(name="RuntimeError", message=message, line=3)
    )
    others = tuple(run for run in evidence.cells if run.number != cell)
    return replace(evidence, cells=(*others, error))


def with_source(evidence: Evidence, cell: int, source: str) -> Evidence:
    rest = tuple(each for each in evidence.submission.cells if each.number != cell)
    cells = (*rest, Cell(kind="code", source=source, number=cell))
    return replace(evidence, submission=replace(evidence.submission, cells=cells))


FIRST = {"stepped_first": True, "moved": False, "reset_before_step": True}
DETACHED = {"cut_off": True, "outputs_detached": True, "reached": 0, "moved": False, "steps": 0}

NAMED = [
    ("loop-step-before-backward", with_run("nonlinear", **FIRST), set()),
    (
        "loop-step-before-backward",
        raising(with_run("nonlinear", stepped_first=True, reset=False), 7, CHANGED),
        {7},
    ),
    ("loop-backward-twice", with_run("nonlinear", walked_again=True), set()),
    ("loop-backward-twice", raising(with_run("nonlinear", steps=0, moved=False), 7, TWICE), {7}),
    ("loop-model-rebuilt", with_run("nonlinear", rebuilt=200, reset=False), set()),
    (
        "loop-model-rebuilt",
        with_run(
            "nonlinear", with_optimizer("nonlinear", model="m-baseline"), rebuilt=200, moved=False, steps=0
        ),
        set(),
    ),
    ("loop-under-no-grad", with_run("nonlinear", **DETACHED), set()),
    ("loop-under-no-grad", raising(with_run("nonlinear", **DETACHED), 7, NO_GRAPH), {7}),
    (
        "loop-loss-rewrapped",
        with_source(
            raising(with_run("nonlinear", **DETACHED), 7, NO_GRAPH),
            7,
            "loss = torch.tensor(loss_fn(out, y))\nloss.backward()",
        ),
        {7},
    ),
]


CUT = {**DETACHED, "outputs_detached": False}


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("out = model(X).detach()\nloss = loss_fn(out, y)\nloss.requires_grad = True", "loop-under-no-grad"),
        ("loss = loss_fn(model(X).detach(), y).requires_grad_()", "loop-under-no-grad"),
        ("loss = loss_fn(model(X).data, y).mean()\nloss.requires_grad_(True)", "loop-under-no-grad"),
        ("loss = loss_fn(model(X), y).detach().requires_grad_()", "loop-loss-rewrapped"),
        ("loss = loss_fn(model(X), y).data\nloss.requires_grad = True", "loop-loss-rewrapped"),
        ("loss = torch.tensor(loss_fn(model(X), y).item(), requires_grad=True)", "loop-loss-rewrapped"),
        ("loss = Variable(loss.data, requires_grad=True)", "loop-loss-rewrapped"),
        ("loss = made_elsewhere()", "loop-loss-rewrapped"),
    ],
)
def test_whether_the_outputs_or_the_loss_were_cut_off(source: str, code: str) -> None:
    given = with_source(with_run("nonlinear", **CUT), 7, f"{source}\nloss.backward()")
    assert codes(given) == [code]


@pytest.mark.parametrize(("code", "evidence", "explained"), NAMED)
def test_one_code_is_named_once_and_spoils_learning_alone(
    code: str, evidence: Evidence, explained: set[int]
) -> None:
    (mistake,) = seen(evidence)
    assert (mistake.code, mistake.exercise) == (code, 7)
    assert dict(mistake.costs) == {"ex7.learns": "fail"}
    assert mistake.explains == explained


def test_a_reset_between_backward_and_step_keeps_its_own_name() -> None:
    assert codes(with_run("nonlinear", **{**FIRST, "stepped_first": False})) == ["loop-zero-grad-before-step"]


def test_the_error_of_a_later_run_in_the_cell_is_not_this_runs() -> None:
    both = with_run("blobs", with_run("nonlinear", id="r1", cell=7), id="r2", cell=7)
    named = {(mistake.code, mistake.exercise) for mistake in seen(raising(both, 7, TWICE))}
    assert named == {("loop-backward-twice", 9)}


def test_what_a_dead_loop_did_not_report_is_no_second_mistake() -> None:
    silent = with_run("baseline", walked_again=True)
    task = replace(silent.tasks["baseline"], reports=type(silent.tasks["baseline"].reports)())
    quiet = replace(silent, tasks={**silent.tasks, "baseline": task})
    assert codes(raising(quiet, 5, TWICE)) == ["loop-backward-twice"]


# ---------------------------------------------------------------- from the events


def event(**changes: object) -> RawRun:
    fields = {
        "kind": "run",
        "run": "r0",
        "model": "m0",
        "cell": 5,
        "at": [(5, 9)],
        "backwards": 3,
        "steps": 3,
    }
    return RawRun.model_validate({**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "early"),
    [
        ({"order": "ZSBZSBZSB"}, True),
        ({"order": "SBZSBZSBZ"}, True),
        ({"order": "ZBSZBSZBS"}, False),
        ({"order": "SZBSZBSZB", "closure": True}, False),
        ({"order": "SZBSZBSZBS", "steps": 4}, False),
    ],
)
def test_steps_that_come_first(changes: dict[str, object], early: bool) -> None:
    assert stepped_first(event(**changes)) is early


@pytest.mark.parametrize(
    ("detail", "again"),
    [
        ({"again": True, "after": "B", "grads_before": 0.3}, True),
        ({"again": True, "after": "B", "grads_before": None}, False),
        ({"again": False, "after": "B", "grads_before": 0.3}, False),
    ],
)
def test_gradients_counted_double(detail: dict[str, object], again: bool) -> None:
    assert walked_again(event(details=[{"step": 0}, {"step": 1, **detail}])) is again


def test_a_graph_that_was_never_there() -> None:
    bare = {"step": 0, "reached": 0, "outputs_grad": False, "leaf": True}
    assert outputs_detached(event(details=[bare]))
    assert not outputs_detached(event(details=[{**bare, "outputs_grad": True}]))
    assert not outputs_detached(event(details=[bare, {"step": 1, "reached": 4}]))


ROWS = np.arange(40.0).reshape(20, 2)


def short_run(number: int, *, model: str | None = None, rows: str = "rows", batch: float = 20.0) -> RawRun:
    shot = RawSnapshot(step=1, state={"w": f"w{number}"})
    return event(
        run=f"r{number}", model=model or f"m{number}", backwards=1, steps=1, order="ZBS", rows=rows,
        losses=f"loss{number}", batch_rows=f"batch{batch:g}", details=[RawDetail(step=0)], snapshots=[shot],
    )  # fmt: skip


def events(*runs: RawRun) -> RawEvents:
    tensors = {f"loss{n}": np.array([float(n)]) for n in range(9)}
    tensors |= {"rows": ROWS, "batch20": np.array([20.0]), "batch40": np.array([40.0])}
    said = RawSay(kind="say", cell=5, run="r1", step=1, text="loss 1.0")
    return RawEvents({RawRun: runs, RawSay: (said,)}, tensors)


def test_models_made_anew_in_each_epoch_are_one_run() -> None:
    joined = with_runs_joined(events(*(short_run(n) for n in range(4))))
    (run,) = joined.of(RawRun)
    assert (run.run, run.model, run.backwards, run.rebuilt) == ("r3", "m3", 4, 4)
    assert joined.array(run.losses).tolist() == [0.0, 1.0, 2.0, 3.0]  # type: ignore[union-attr]
    assert [(said.run, said.step) for said in joined.of(RawSay)] == [("r3", 2)]


@pytest.mark.parametrize(
    "runs",
    [
        [short_run(n, model="m0") for n in range(4)],
        [short_run(n) for n in range(2)],
        [short_run(n, batch=40.0) for n in range(4)],
    ],
    ids=["one model", "two models", "two epochs each"],
)
def test_other_runs_stay_apart(runs: list[RawRun]) -> None:
    assert with_runs_joined(events(*runs)).of(RawRun) == tuple(runs)
