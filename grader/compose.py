"""Puts the verdict together: findings, points, and what of the evidence a report shows beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import grader
from grader.model.assignment import Assignment, CheckSpec, ExerciseSpec
from grader.model.evidence import Evidence
from grader.model.finding import Findings, Mistake
from grader.model.grade import (
    AssignmentInfo,
    CheckResult,
    Diagnosis,
    Environment,
    ExerciseResult,
    Grade,
    Outcome,
    OutputExcerpt,
    Pictures,
    SourceExcerpt,
    SubmissionInfo,
    Timing,
)
from grader.model.recording import CellRun, Recording
from grader.model.submission import Submission, Where
from grader.score import check_points, exercise_outcome, exercise_points, submission_points

_LONGEST_EXCERPT = 140
_AROUND = 8
_LONGEST_OUTPUT = 4000
_CONTROL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor, screen
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"  # titles, links
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_LOST = (Outcome.FAILED, Outcome.PARTIAL, Outcome.SKIPPED)


def compose(
    submission: Submission,
    assignment: Assignment,
    recording: Recording,
    evidence: Evidence,
    findings: Findings,
) -> Grade:
    """The whole verdict on one submission; deterministic but for `timing.total_s`, which the caller sets."""
    exercises = tuple(_exercise(spec, evidence, findings) for spec in assignment.exercises)
    points = submission_points(assignment, findings)
    not_graded = [j for j in findings.judgements.values() if j.outcome is Outcome.NOT_GRADED]
    return Grade(
        submission=SubmissionInfo(name=submission.name, sha256=submission.sha256, kind=submission.kind),
        assignment=AssignmentInfo(id=assignment.id, title=assignment.title, version=assignment.version),
        environment=_environment(recording),
        status="graded" if not not_graded else "not_graded" if points is None else "partly_graded",
        points=points,
        max_points=assignment.max_points,
        grade=None if points is None else round(assignment.base_points + points, 4),
        max_grade=round(assignment.base_points + assignment.max_points, 4),
        needs_review=bool(evidence.problems)
        or any(exercise.needs_review for exercise in exercises)
        or any(_asks_for_review(incident.code) for incident in evidence.incidents),
        exercises=exercises,
        diagnoses=tuple(_unexplained(evidence.incidents, findings.mistakes)),
        notes=tuple(_notes(submission, recording, evidence)),
        timing=Timing(total_s=recording.seconds, student_s=recording.seconds),
    )


def _unexplained(incidents: Sequence[Diagnosis], mistakes: Sequence[Mistake]) -> Iterator[Diagnosis]:
    """Incidents but for the errors that a named mistake led to: one mistake is told once."""
    explained = {cell for mistake in mistakes for cell in mistake.explains}
    for incident in incidents:
        if incident.code != "run-error" or incident.where is None or incident.where.cell not in explained:
            yield incident


def _asks_for_review(code: str) -> bool:
    return code.startswith("integrity-")


def _environment(recording: Recording) -> Environment:
    return Environment(
        seed=recording.seed,
        device=recording.device,
        python=recording.versions.get("python", "unknown"),
        torch=recording.versions.get("torch", "unknown"),
        grader=grader.__version__,
        platform=recording.versions.get("platform", ""),
        sandbox=recording.sandbox,
        kernel=recording.kernel,
    )


def _notes(submission: Submission, recording: Recording, evidence: Evidence) -> Iterator[str]:
    yield from submission.notes
    yield from recording.notes
    yield from (f"Cell [{run.number}]: {run.note}" for run in recording.cells if run.note)
    if recording.reruns:
        seeds = ", ".join(str(rerun.seed) for rerun in recording.reruns)
        yield (
            "A sound training loop fell short, so the submission was run again "
            f"with other seeds ({seeds}); the best counts."
        )
    if evidence.problems:
        yield f"The recording was damaged in {len(evidence.problems)} places; an instructor should look at it."
        yield from evidence.problems[:10]
    for model in {task.model.id: task.model for task in evidence.tasks.values() if task.model}.values():
        if model.how != "graph" and model.calls:
            judged = (
                "judged by the answers it gave to unlabelled rows"
                if model.how == "predictions"
                else "not run again"
            )
            yield f"The model `{model.class_name}` could not be exported ({model.unreadable}); it was {judged}."
    if not recording.sandbox:
        yield "The submission ran without a sandbox."


def _exercise(spec: ExerciseSpec, evidence: Evidence, findings: Findings) -> ExerciseResult:
    page = evidence.exercises[spec.number]
    checks = tuple(_check(check, findings) for check in spec.checks)
    mistakes = [mistake for mistake in findings.mistakes if mistake.exercise == spec.number]
    status = exercise_outcome([check.status for check in checks])
    if not checks and page.attempted:
        status = Outcome.PASSED
    items: list[CheckResult | Mistake] = [*checks, *mistakes]
    places = [item.where for item in items if item.where is not None and _shown(item)]
    return ExerciseResult(
        number=spec.number,
        title=spec.title,
        status=status,
        points=exercise_points(spec, findings) if spec.checks else 0.0,
        max_points=round(sum(check.weight for check in spec.checks), 6),
        graded=spec.graded,
        cells=page.cells,
        needs_review=any(_asks_for_review(mistake.code) for mistake in mistakes),
        attribution=page.attribution,
        summary=_summary(spec, status, checks, page.attempted),
        checks=checks,
        diagnoses=tuple(_diagnosis(mistake) for mistake in mistakes),
        source=tuple(_excerpts(evidence, page.cells, places)),
        outputs=tuple(_outputs(evidence, spec.number)),
        pictures=_pictures(spec, evidence),
    )


def _shown(item: CheckResult | Mistake) -> bool:
    return isinstance(item, Mistake) or item.status is not Outcome.PASSED


def _check(check: CheckSpec, findings: Findings) -> CheckResult:
    judgement = findings.judgements[check.id]
    finding, lost = judgement.finding, judgement.outcome is not Outcome.PASSED
    return CheckResult(
        id=check.id,
        title=check.title,
        status=judgement.outcome,
        points=check_points(check, findings),
        max_points=check.weight,
        message=finding.message,
        expected=finding.expected,
        actual=finding.actual,
        hint=(finding.hint or check.hint) if lost and judgement.outcome is not Outcome.NOT_GRADED else None,
        where=finding.where,
    )


def _diagnosis(mistake: Mistake) -> Diagnosis:
    return Diagnosis(
        code=mistake.code,
        severity=mistake.severity,
        message=mistake.message,
        hint=mistake.hint,
        where=mistake.where,
        link=mistake.link,
    )


def _summary(spec: ExerciseSpec, status: Outcome, checks: Sequence[CheckResult], attempted: bool) -> str:
    if not spec.checks:
        return "Found; it carries no points." if attempted else "Not attempted; it carries no points."
    if status is Outcome.PASSED:
        return "Everything that was asked for is there."
    if status is Outcome.NOT_ATTEMPTED:
        return "Nothing for this exercise was found."
    if status is Outcome.NOT_GRADED:
        return "Some of this could not be graded: a fault of the grader's, which costs nothing."
    lost = [check for check in checks if check.status in _LOST]
    return max(lost, key=lambda check: check.max_points - (check.points or 0.0)).message if lost else ""


# ---------------------------------------------------------------- what the report shows


def _excerpts(evidence: Evidence, cells: Sequence[int], places: Sequence[Where]) -> Iterator[SourceExcerpt]:
    """The exercise's cells with the lines that findings point at; of a long cell, the neighbourhood of these."""
    wanted = dict.fromkeys([*cells, *(place.cell for place in places)])
    for number in wanted:
        cell = evidence.submission.cell(number)
        if cell is None:
            continue
        lines = cell.source.rstrip().split("\n")
        marked = {p.line for p in places if p.cell == number and p.line is not None}
        for start, end in _windows(len(lines), {line - cell.first_line for line in marked}):
            first = cell.first_line + start
            yield SourceExcerpt(
                cell=number,
                first_line=first,
                text="\n".join(lines[start:end]),
                highlight=tuple(sorted(line for line in marked if first <= line < cell.first_line + end)),
            )


def _windows(length: int, marked: set[int]) -> list[tuple[int, int]]:
    """Ranges of lines to show: all of a short cell, else some lines around each marked one."""
    if length <= _LONGEST_EXCERPT:
        return [(0, length)]
    windows: list[tuple[int, int]] = []
    for line in sorted(line for line in marked if 0 <= line < length):
        start, end = max(0, line - _AROUND), min(length, line + _AROUND + 1)
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows or [(0, _LONGEST_EXCERPT)]


def _outputs(evidence: Evidence, number: int) -> Iterator[OutputExcerpt]:
    """What the exercise's cells showed; a cell that several exercises share is shown with the first of them."""
    runs = {run.number: run for run in evidence.cells}
    earlier = {cell for n, page in evidence.exercises.items() if 0 < n < number for cell in page.cells}
    for cell in evidence.exercises[number].cells:
        if cell in runs and cell not in earlier:
            yield from _outputs_of(runs[cell])


def _outputs_of(run: CellRun) -> Iterator[OutputExcerpt]:
    text = "".join(output.text for output in run.outputs if output.kind == "stdout")
    shown = [text, *(output.text for output in run.outputs if output.kind == "result")]
    for part in shown:
        if part.strip():
            yield OutputExcerpt(cell=run.number, kind="text", text=_shortened(part))
    for output in run.outputs:
        if output.png_base64:
            yield OutputExcerpt(cell=run.number, kind="image", png_base64=output.png_base64)
    if run.error is not None:
        yield OutputExcerpt(
            cell=run.number, kind="error", text=_shortened(f"{run.error.name}: {run.error.message}")
        )


def _shortened(text: str) -> str:
    """Without control sequences, the middle left out of what is long."""
    clean = _CONTROL.sub("", text)
    if len(clean) <= _LONGEST_OUTPUT:
        return clean
    half = _LONGEST_OUTPUT // 2
    return f"{clean[:half]}\n… {len(clean) - 2 * half} characters left out …\n{clean[-half:]}"


def _pictures(spec: ExerciseSpec, evidence: Evidence) -> Pictures:
    """Each picture where it is looked at: the model with its exercise, curves with the loop's, maps with the plot's."""
    if spec.task is None:
        return Pictures()
    task = evidence.tasks[spec.task]
    return Pictures(
        curves=task.curves if spec.number == task.spec.loop_exercise else (),
        boundaries=task.boundaries if spec.number == task.spec.plot_exercise else (),
        model=task.model.stages if task.model and spec.number == task.spec.model_exercise else (),
    )
