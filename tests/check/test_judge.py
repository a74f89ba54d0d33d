"""A whole rubric judged: dependencies, mistakes that spoil checks, faults of ours, bad rubrics."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grader.check.judge import judge
from grader.check.rerun import deserves_another_seed
from grader.check.vocabulary import VOCABULARY
from grader.errors import BadAssignment
from grader.model.assignment import Assignment, CheckSpec
from grader.model.evidence import Evidence
from grader.model.finding import Cost, Mistake
from grader.model.grade import Outcome
from grader.model.submission import Where
from tests.check.building import (
    assignment,
    excellent,
    judged,
    reports,
    with_model,
    with_run,
    with_task,
    without_run,
)


def mistake(cost: Cost, *checks: str, **changes: object) -> Mistake:
    named = Mistake(
        "some-code", 5, "what was wrong", "what to do", Where(cell=5, line=3), dict.fromkeys(checks, cost)
    )
    return replace(named, **changes)  # type: ignore[arg-type]


def outcomes(evidence: Evidence, *mistakes: Mistake) -> dict[str, Outcome]:
    return {name: judgement.outcome for name, judgement in judged(evidence, *mistakes).judgements.items()}


def one_check(**changes: object) -> Assignment:
    """The assignment with its first check of exercise 3 changed."""
    declared = assignment()
    exercise = declared.exercise(3)
    assert exercise is not None
    checks = (exercise.checks[0].model_copy(update=changes), *exercise.checks[1:])
    others = [each for each in declared.exercises if each.number != 3]
    return declared.model_copy(
        update={"exercises": (*others, exercise.model_copy(update={"checks": checks}))}
    )


def test_an_excellent_submission_passes_every_check_in_the_rubrics_order() -> None:
    findings = judged(excellent())
    wanted = [check.id for exercise in assignment().exercises for check in exercise.checks]
    assert list(findings.judgements) == wanted
    assert set(outcomes(excellent()).values()) == {Outcome.PASSED}


def test_every_use_of_the_rubric_is_in_the_vocabulary() -> None:
    used = {check.use for exercise in assignment().exercises for check in exercise.checks}
    assert used == set(VOCABULARY)


# ---------------------------------------------------------------- dependencies


def test_what_depends_on_a_failed_check_is_skipped_and_says_why() -> None:
    findings = judged(with_run("nonlinear", moved=False))
    skipped = findings.judgements["ex7.accuracy"]
    assert (skipped.outcome, skipped.finding.share) == (Outcome.SKIPPED, 0.0)
    assert "ex7.learns" in skipped.finding.message
    assert findings.judgements["ex7.learns"].finding.message in skipped.finding.message
    assert skipped.finding.where == findings.judgements["ex7.learns"].finding.where


def test_what_depends_on_a_half_passed_check_is_judged() -> None:
    halved = outcomes(excellent(), mistake("part", "ex7.learns"))
    assert (halved["ex7.learns"], halved["ex7.accuracy"]) == (Outcome.PARTIAL, Outcome.PASSED)


def test_what_was_never_attempted_is_said_of_each_check() -> None:
    after = outcomes(without_run("nonlinear"))
    assert (after["ex7.learns"], after["ex7.accuracy"]) == (Outcome.NOT_ATTEMPTED, Outcome.NOT_ATTEMPTED)


def test_a_chain_of_needs_is_judged_in_its_own_order_and_reported_in_the_rubrics() -> None:
    chained = one_check(needs=("ex3.layers",))
    first, second = chained.exercises[-1].checks[:2]
    turned = chained.exercises[-1].model_copy(
        update={"checks": (first, second.model_copy(update={"needs": ()}), *chained.exercises[-1].checks[2:])}
    )
    chained = chained.model_copy(update={"exercises": (*chained.exercises[:-1], turned)})
    findings = judge(chained, with_model("baseline", linear_layers=()), ())
    assert findings.judgements["ex3.module"].outcome is Outcome.SKIPPED
    assert findings.judgements["ex3.affine"].outcome is Outcome.SKIPPED
    assert [name for name in findings.judgements if name.startswith("ex3")][:2] == [
        "ex3.module",
        "ex3.layers",
    ]


def test_needs_in_a_circle_are_a_fault_of_the_assignment() -> None:
    with pytest.raises(BadAssignment, match="needs itself"):
        judge(one_check(needs=("ex3.layers",)), excellent(), ())


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("costs", "share", "outcome"),
    [
        (["fail"], 0.0, Outcome.FAILED),
        (["part"], 0.5, Outcome.PARTIAL),
        (["part", "part"], 0.5, Outcome.PARTIAL),
        (["part", "fail"], 0.0, Outcome.FAILED),
        (["fail", "part"], 0.0, Outcome.FAILED),
    ],
)
def test_mistakes_spoil_a_check_each_once(costs: list[Cost], share: float, outcome: Outcome) -> None:
    mistakes = [
        mistake(cost, "ex5.learns", message=f"{cost} {number}", where=Where(cell=number))
        for number, cost in enumerate(costs, start=1)
    ]
    judgement = judged(excellent(), *mistakes).judgements["ex5.learns"]
    assert (judgement.finding.share, judgement.outcome) == (share, outcome)
    worst = costs.index("fail") if "fail" in costs else 0
    assert judgement.finding.message == mistakes[worst].message
    assert judgement.finding.where == mistakes[worst].where
    assert judgement.finding.hint == "what to do"


def test_half_of_what_was_half_already_stays_half() -> None:
    one_sided = with_task("baseline", reports=reports(claims=reports().claims[:1]))
    judgement = judged(one_sided, mistake("part", "ex5.reports")).judgements["ex5.reports"]
    assert judgement.finding.share == 0.5


def test_less_than_half_is_not_lifted_to_half() -> None:
    failing = judged(with_run("baseline", moved=False), mistake("part", "ex5.learns"))
    assert failing.judgements["ex5.learns"].finding.share == 0.0


def test_a_mistake_without_costs_or_about_another_check_changes_nothing() -> None:
    plain = judged(excellent())
    told = judged(excellent(), mistake("fail"), mistake("fail", "ex9.loss"))
    changed = {name for name in plain.judgements if plain.judgements[name] != told.judgements[name]}
    assert changed == {"ex9.loss"}
    assert [each.severity for each in told.mistakes] == ["warn", "fail"]


def test_what_was_not_attempted_cannot_be_spoiled() -> None:
    judgement = judged(without_run("baseline"), mistake("fail", "ex5.learns")).judgements["ex5.learns"]
    assert judgement.outcome is Outcome.NOT_ATTEMPTED
    assert judgement.finding.message != "what was wrong"


def test_a_mistake_that_is_certain_settles_what_could_not_be_judged() -> None:
    opaque = with_run("baseline", measured=(), losses=excellent().datasets["circles"].labels[:0])
    assert outcomes(opaque)["ex5.learns"] is Outcome.NOT_GRADED
    assert outcomes(opaque, mistake("fail", "ex5.learns"))["ex5.learns"] is Outcome.FAILED


def test_the_checks_own_place_stands_where_a_mistake_has_none() -> None:
    judgement = judged(excellent(), mistake("fail", "ex5.learns", where=None)).judgements["ex5.learns"]
    assert judgement.finding.where == Where(cell=5, line=7)


# ---------------------------------------------------------------- faults of ours


def test_a_check_that_breaks_is_not_graded_and_told() -> None:
    told: list[tuple[str, str]] = []
    broken = replace(excellent(), tasks={**excellent().tasks, "baseline": None})  # type: ignore[dict-item]
    findings = judge(
        assignment(), broken, (), lambda check, error: told.append((check, type(error).__name__))
    )
    judgement = findings.judgements["ex5.learns"]
    assert (judgement.outcome, judgement.finding.share) == (Outcome.NOT_GRADED, None)
    assert ("ex5.learns", "AttributeError") in told
    assert findings.judgements["ex7.learns"].outcome is Outcome.PASSED


def test_a_fault_of_ours_does_not_skip_what_depends_on_it() -> None:
    opaque = with_run("nonlinear", measured=(), losses=excellent().datasets["circles"].labels[:0])
    after = outcomes(opaque)
    assert (after["ex7.learns"], after["ex7.accuracy"]) == (Outcome.NOT_GRADED, Outcome.PASSED)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use": "model.beautiful"}, "no check 'model.beautiful'"),
        ({"options": {"inputs": 2}}, "options.outputs"),
        ({"options": {"inputs": 2, "outputs": 1, "colour": "red"}}, "options.colour"),
    ],
)
def test_a_rubric_that_cannot_be_judged_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BadAssignment, match=message) as refused:
        judge(one_check(**changes), excellent(), ())
    assert "ex3.module" in str(refused.value)


def test_a_check_of_a_task_needs_an_exercise_with_one() -> None:
    declared = assignment()
    first = declared.exercises[1].model_copy(
        update={
            "checks": (CheckSpec(id="x.learns", use="loop.learns", weight=1, title="t", hint="h"),),
            "task": None,
        }
    )
    with pytest.raises(BadAssignment, match=r"x\.learns"):
        judge(declared.model_copy(update={"exercises": (first,)}), excellent(), ())


# ---------------------------------------------------------------- another seed


@pytest.mark.parametrize(
    ("evidence", "again"),
    [
        (excellent(), False),
        (with_run("nonlinear", held_out_accuracy=0.89), True),
        (with_run("blobs", held_out_accuracy=0.94), True),
        (with_run("nonlinear", held_out_accuracy=0.5, seeded_by_student=True), False),
        (with_run("nonlinear", held_out_accuracy=0.5, moved=False), False),
        (with_run("nonlinear", held_out_accuracy=0.5, reset=False), False),
        (with_run("nonlinear", held_out_accuracy=0.5, finite=False), False),
        (with_run("nonlinear", held_out_accuracy=None), False),
        (without_run("nonlinear"), False),
        (replace(with_run("nonlinear", held_out_accuracy=0.5), reruns=(excellent(),)), False),
        (
            replace(
                with_run("nonlinear", held_out_accuracy=0.5), reruns=(with_run("nonlinear", held_out_accuracy=0.6),)
            ),
            True,
        ),
    ],
)  # fmt: skip
def test_a_sound_loop_that_fell_short_deserves_another_seed(evidence: Evidence, again: bool) -> None:
    assert deserves_another_seed(assignment(), evidence, ()) is again


def test_a_mistake_in_the_loop_explains_the_shortfall() -> None:
    short = with_run("nonlinear", held_out_accuracy=0.5)
    assert not deserves_another_seed(assignment(), short, [mistake("fail", "ex7.learns")])
    assert deserves_another_seed(assignment(), short, [mistake("fail", "ex5.learns")])
