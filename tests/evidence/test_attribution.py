"""Which task a model, a run and an optimizer belong to: by markers, and by meaning where these are silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from grader.evidence.attribution import BY_MARKERS, BY_MEANING, Assigned, assign
from grader.evidence.markers import Markers
from grader.evidence.models import Model
from grader.evidence.raw import RawModel, RawRun
from grader.evidence.runs import Run
from grader.model.evidence import OptimizerEvidence
from grader.model.submission import Submission, Where
from tests.check import building
from tests.check.building import assignment
from tests.evidence.building import events, notebook, run_event

TASK = {task.id: task for task in assignment().tasks}
BARE = notebook(*["pass"] * 9)
MARKED = notebook(*[f"# Ex {number}\npass\npass" for number in range(1, 10)])


def made(name: str, kind: str = "baseline", cell: int = 3, **changes: Any) -> Model:
    """A model that behaves as the task `kind` asks."""
    event = {"kind": "model", "cell": cell, "model": name, "class": name.title()}
    (raw,) = events(event).of(RawModel)
    facts = building.model(
        TASK[kind], id=name, class_name=name.title(), cell=cell, where=Where(cell=cell, line=2), **changes
    )
    return Model(raw, None, {}, {}, facts)


def went(
    name: str,
    model: Model | None,
    cell: int,
    dataset: str | None = "circles",
    stack: Sequence[Any] = (),
    **changes: Any,
) -> Run:
    """A run over this model in this cell; `stack`: where it was called, outermost first."""
    owner = model.facts.id if model else "lost"
    at = [list(place) for place in stack] or [[cell, 2]]
    (raw,) = events(run_event(name, owner, cell, at=at)).of(RawRun)
    evidence = building.run(
        TASK["baseline"], id=name, model=owner, cell=cell, dataset=dataset, optimizers=(), **changes
    )
    return Run(evidence, raw, model, {}, None, None, None)


def optimizer(name: str, model: Model, cell: int) -> OptimizerEvidence:
    return building.optimizer(
        TASK["baseline"], id=name, model=model.facts.id, cell=cell, where=Where(cell=cell, line=2)
    )


def dealt(
    submission: Submission,
    models: Sequence[Model],
    runs: Sequence[Run],
    optimizers: Sequence[OptimizerEvidence] = (),
) -> dict[str, Assigned]:
    markers = Markers(submission, set(range(10)))
    by_id = {model.facts.id: model for model in models}
    return assign(assignment(), markers, by_id, runs, {each.id: each for each in optimizers})


def runs_of(found: dict[str, Assigned]) -> dict[str, str | None]:
    return {name: item.run.evidence.id if item.run else None for name, item in found.items()}


def models_of(found: dict[str, Assigned]) -> dict[str, str | None]:
    return {name: item.model.facts.id if item.model else None for name, item in found.items()}


STRAIGHT, BENT, FOUR = made("straight", cell=3), made("bent", "nonlinear", 6), made("four", "blobs", 9)
ALL = [STRAIGHT, BENT, FOUR]
RUNS = [went("r5", STRAIGHT, 5), went("r7", BENT, 7), went("r9", FOUR, 9, "blobs")]
WHOLE = {"baseline": "r5", "nonlinear": "r7", "blobs": "r9"}


@pytest.mark.parametrize(("submission", "how"), [(MARKED, BY_MARKERS), (BARE, BY_MEANING)])
def test_a_whole_file_with_markers_and_without(submission: Submission, how: str) -> None:
    found = dealt(submission, ALL, RUNS)
    assert runs_of(found) == WHOLE
    assert models_of(found) == {"baseline": "straight", "nonlinear": "bent", "blobs": "four"}
    assert {item.how for item in found.values()} == {how}


def test_exercises_in_another_order() -> None:
    runs = [went("r9", FOUR, 1, "blobs"), went("r7", BENT, 2), went("r5", STRAIGHT, 3)]
    assert runs_of(dealt(BARE, ALL, runs)) == WHOLE
    turned = notebook("# Ex 9\npass", "# Ex 7\npass", "# Ex 5\npass")
    assert runs_of(dealt(turned, ALL, runs)) == WHOLE


def test_a_loop_over_blobs_under_the_heading_of_exercise_7_is_the_blobs_task() -> None:
    found = dealt(
        MARKED, ALL, [went("r5", STRAIGHT, 5), went("r7", BENT, 7), went("stray", FOUR, 7, "blobs")]
    )
    assert runs_of(found) == {**WHOLE, "blobs": "stray"}
    assert found["blobs"].how == BY_MEANING


def test_a_loop_over_circles_under_the_heading_of_exercise_9_is_no_blobs_task() -> None:
    found = dealt(MARKED, ALL, [went("r5", STRAIGHT, 5), went("stray", BENT, 9)])
    assert runs_of(found) == {"baseline": "r5", "nonlinear": "stray", "blobs": None}


def test_rows_of_an_unknown_dataset_follow_the_marker() -> None:
    found = dealt(MARKED, ALL, [went("r9", FOUR, 9, None)])
    assert runs_of(found)["blobs"] == "r9"
    assert runs_of(dealt(BARE, ALL, [went("r9", FOUR, 9, None)]))["blobs"] is None


def test_a_loop_under_the_heading_of_its_model_is_its_tasks() -> None:
    assert runs_of(dealt(MARKED, ALL, [went("r", BENT, 6)]))["nonlinear"] == "r"


def test_a_bent_baseline_without_markers_keeps_its_place_by_order() -> None:
    first, second = made("first", "nonlinear", 3), made("second", "nonlinear", 6)
    found = dealt(BARE, [first, second], [went("a", first, 4), went("b", second, 7)])
    assert runs_of(found) == {"baseline": "a", "nonlinear": "b", "blobs": None}


def test_of_many_alike_the_last_is_the_last_tasks() -> None:
    models = [made(f"m{n}", "nonlinear", n) for n in range(3)]
    found = dealt(BARE, models, [went(f"r{n}", model, n + 4) for n, model in enumerate(models)])
    assert models_of(found) == {"baseline": "m0", "nonlinear": "m2", "blobs": None}


def test_one_model_alone_goes_where_it_behaves() -> None:
    assert runs_of(dealt(BARE, [BENT], [went("r", BENT, 5)])) == {
        "baseline": None,
        "nonlinear": "r",
        "blobs": None,
    }
    assert runs_of(dealt(BARE, [STRAIGHT], [went("r", STRAIGHT, 5)]))["baseline"] == "r"


def test_a_straight_model_with_a_sigmoid_is_still_the_baseline() -> None:
    sigmoid = made("sigmoid", affine=False, affine_before_output=True, output_activation="sigmoid")
    assert runs_of(dealt(BARE, [sigmoid, BENT], [went("b", BENT, 4), went("a", sigmoid, 7)])) == {
        "baseline": "a", "nonlinear": "b", "blobs": None,
    }  # fmt: skip


def test_one_train_function_for_all_exercises_is_told_apart_by_its_callers() -> None:
    submission = notebook(
        "def train(m):\n    step(m)", "# Ex 5\ntrain(a)", "# Ex 7\ntrain(b)", "# Ex 9\ntrain(c)"
    )
    inside = (1, 2)
    runs = [
        went("r5", STRAIGHT, 2, stack=[(2, 2), inside]),
        went("r7", BENT, 3, stack=[(3, 2), inside]),
        went("r9", FOUR, 4, "blobs", stack=[(4, 2), inside]),
    ]
    assert runs_of(dealt(submission, ALL, runs)) == WHOLE


def test_the_bonus_is_nobodys_task() -> None:
    submission = notebook("# Ex 5\npass", "# Ex 7\npass", "# Extra\npass")
    bonus = made("bonus", "nonlinear", 3)
    found = dealt(
        submission,
        [STRAIGHT, BENT, bonus],
        [went("r5", STRAIGHT, 1), went("r7", BENT, 2), went("rx", bonus, 3)],
    )
    assert runs_of(found) == {**WHOLE, "blobs": None}
    assert all("rx" not in [run.evidence.id for run in item.runs] for item in found.values())


# ---------------------------------------------------------------- the judged one


def test_the_last_run_that_moved_its_model_is_judged() -> None:
    runs = [went("first", BENT, 7), went("second", BENT, 7), went("idle", BENT, 7, moved=False)]
    found = dealt(MARKED, ALL, runs)["nonlinear"]
    assert found.run is not None and found.run.evidence.id == "second"
    assert [run.evidence.id for run in found.runs] == ["first", "second", "idle"]


def test_a_run_in_the_loops_own_exercise_comes_before_a_later_one_elsewhere() -> None:
    found = dealt(MARKED, ALL, [went("own", BENT, 7), went("later", BENT, 8)])["nonlinear"]
    assert found.run is not None and found.run.evidence.id == "own"


def test_a_model_that_was_only_built_is_judged_where_it_was_asked_for() -> None:
    found = dealt(MARKED, [STRAIGHT, BENT], [went("r5", STRAIGHT, 5)])
    assert models_of(found) == {"baseline": "straight", "nonlinear": "bent", "blobs": None}
    assert found["nonlinear"].run is None and found["nonlinear"].how == BY_MARKERS


def test_models_only_built_in_a_bare_file_are_told_by_what_they_are() -> None:
    assert models_of(dealt(BARE, ALL, [])) == {"baseline": "straight", "nonlinear": "bent", "blobs": "four"}


def test_a_trained_copy_of_the_class_is_judged_rather_than_the_one_first_built() -> None:
    copy = Model(
        BENT.raw, None, {}, {}, building.model(TASK["nonlinear"], id="bent2", class_name="Bent", cell=7)
    )
    found = dealt(MARKED, [BENT, copy], [went("r7", copy, 7)])
    assert models_of(found)["nonlinear"] == "bent2"


def test_the_old_model_trained_again_leaves_the_new_one_to_be_judged() -> None:
    found = dealt(MARKED, ALL, [went("r5", STRAIGHT, 5), went("r7", STRAIGHT, 7)])
    assert models_of(found)["nonlinear"] == "bent"
    assert runs_of(found)["nonlinear"] == "r7"


# ---------------------------------------------------------------- optimizers


def test_optimizers_by_use_by_place_and_by_what_they_hold() -> None:
    used, placed = optimizer("used", BENT, 1), optimizer("placed", STRAIGHT, 7)
    holding, foreign = optimizer("holding", BENT, 2), optimizer("foreign", STRAIGHT, 4)
    run = went("r7", BENT, 7)
    run = Run(replace(run.evidence, optimizers=(used,)), run.raw, run.model, {}, None, None, None)
    found = dealt(MARKED, ALL, [run], [used, placed, holding, foreign])
    assert [each.id for each in found["nonlinear"].optimizers] == ["used", "placed", "holding"]
    assert [each.id for each in found["baseline"].optimizers] == ["foreign", "placed"]


def test_a_model_of_the_wrong_shape_stands_in_its_place_if_an_optimizer_was_made_for_it() -> None:
    wide = made("wide", cell=3, output_width=2)
    sgd = optimizer("sgd", wide, 4)
    runs = [went("r7", BENT, 7), went("r9", FOUR, 9, "blobs")]
    found = dealt(BARE, [wide, BENT, FOUR], runs, [sgd])
    assert models_of(found) == {"baseline": "wide", "nonlinear": "bent", "blobs": "four"}
    assert [each.id for each in found["baseline"].optimizers] == ["sgd"]


def test_a_model_whose_behaviour_is_unknown_stands_between_its_neighbours() -> None:
    broken = made("broken", "nonlinear", 6, affine=None, output_width=None, how="unreadable")
    runs = [went("r5", STRAIGHT, 5), went("r9", FOUR, 9, "blobs")]
    adam = optimizer("adam", broken, 7)
    assert models_of(dealt(BARE, [STRAIGHT, broken, FOUR], runs, [adam]))["nonlinear"] == "broken"
    early = made("early", "nonlinear", 1, affine=None, output_width=None, how="unreadable")
    assert (
        models_of(dealt(BARE, [early, STRAIGHT, FOUR], runs, [optimizer("adam", early, 7)]))["nonlinear"]
        is None
    )


def test_an_optimizer_that_never_stepped_belongs_to_its_models_task() -> None:
    found = dealt(BARE, ALL, [went("r7", BENT, 7)], [optimizer("idle", STRAIGHT, 4)])
    assert [each.id for each in found["baseline"].optimizers] == ["idle"]


def test_nothing_at_all_is_given_to_nobody() -> None:
    found = dealt(BARE, [], [])
    assert runs_of(found) == models_of(found) == {"baseline": None, "nonlinear": None, "blobs": None}
