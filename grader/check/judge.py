"""Judges a whole submission: every check once, after those it needs, with the mistakes that spoil it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from grader.check.case import Case
from grader.check.vocabulary import VOCABULARY
from grader.errors import BadAssignment
from grader.model.assignment import Assignment, CheckSpec, ExerciseSpec
from grader.model.evidence import Evidence
from grader.model.finding import Finding, Findings, Judgement, Mistake
from grader.model.grade import Outcome

_LOST = (Outcome.FAILED, Outcome.SKIPPED, Outcome.NOT_ATTEMPTED)


def judge(
    assignment: Assignment,
    evidence: Evidence,
    mistakes: Sequence[Mistake],
    report: Callable[[str, Exception], None] = lambda check, error: None,
) -> Findings:
    """Every check of the rubric. A check that breaks is "not graded", told to `report`, and costs nothing."""
    done: dict[str, Judgement] = {}
    for exercise in assignment.exercises:
        for check in _in_order_of_need(exercise.checks):
            done[check.id] = _judged(Case(assignment, exercise, check, evidence), done, mistakes, report)
    order = [check.id for exercise in assignment.exercises for check in exercise.checks]
    return Findings({check: done[check] for check in order}, tuple(mistakes))


def _in_order_of_need(checks: Sequence[CheckSpec]) -> list[CheckSpec]:
    """Checks after those of the same exercise that they need."""
    own = {check.id: check for check in checks}
    ordered: dict[str, CheckSpec] = {}

    def add(check: CheckSpec, above: tuple[str, ...] = ()) -> None:
        if check.id in above:
            raise BadAssignment(f"{check.id}: needs itself, by way of {' → '.join(above)}")
        for needed in check.needs:
            if needed in own:
                add(own[needed], (*above, check.id))
        ordered.setdefault(check.id, check)

    for check in checks:
        add(check)
    return list(ordered.values())


def _judged(
    case: Case,
    done: Mapping[str, Judgement],
    mistakes: Sequence[Mistake],
    report: Callable[[str, Exception], None],
) -> Judgement:
    check = case.check
    broken = next((done[name] for name in check.needs if name in done and done[name].outcome in _LOST), None)
    if broken is not None and not _nothing_there(case.exercise, broken):
        text = f"Not judged, because it depends on {broken.check}: {broken.finding.message}"
        return Judgement(check.id, Outcome.SKIPPED, Finding(0.0, text, where=broken.finding.where))
    use = VOCABULARY.get(check.use)
    if use is None:
        raise BadAssignment(f"{check.id}: there is no check {check.use!r} in the vocabulary")
    try:
        finding = use(case)
    except BadAssignment:
        raise
    except Exception as error:  # a fault of ours must never cost points
        report(check.id, error)
        finding = Finding(None, "This could not be judged: the grader made a mistake here, not you.")
    finding = _spoiled(finding, [m for m in mistakes if check.id in m.costs], check.id)
    return Judgement(check.id, finding.outcome, finding)


def _nothing_there(exercise: ExerciseSpec, broken: Judgement) -> bool:
    """What was never attempted is said of each check itself, rather than as a chain of dependencies."""
    return broken.outcome is Outcome.NOT_ATTEMPTED


def _spoiled(finding: Finding, mistakes: Sequence[Mistake], check: str) -> Finding:
    """The finding after the mistakes that spoil it: one that fails it before one that halves it, each once."""
    if not mistakes or not finding.attempted:
        return finding
    worst = next((m for m in mistakes if m.costs[check] == "fail"), mistakes[0])
    share = 0.0 if worst.costs[check] == "fail" else 0.5
    kept = share if finding.share is None else min(finding.share, share)
    return replace(
        finding, share=kept, message=worst.message, where=worst.where or finding.where, hint=worst.hint
    )
