"""The verdict put together: what a report shows of the evidence, and what it never may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from grader.compose import compose
from grader.model.evidence import Evidence
from grader.model.finding import Finding, Findings, Judgement, Mistake
from grader.model.grade import Curve, Diagnosis, ExerciseResult, Grade, Outcome
from grader.model.recording import CellError, CellRun, Output, Recording
from grader.model.submission import Cell, Submission, Where
from tests.check.building import (
    assignment,
    excellent,
    judged,
    submission,
    with_page,
    with_run,
    with_task,
    without_run,
)


def recording(**changes: Any) -> Recording:
    plain = Recording(
        cells=excellent().cells, events=(), tensors={}, seed=42, device="cpu",
        versions={"python": "3.11.7", "torch": "2.13.0", "platform": "Linux"}, sandbox=("seccomp",), seconds=3.5,
    )  # fmt: skip
    return replace(plain, **changes)


def composed(
    evidence: Evidence | None = None,
    *mistakes: Mistake,
    findings: Findings | None = None,
    handed_in: Submission | None = None,
    **changes: Any,
) -> Grade:
    seen = evidence or excellent()
    return compose(
        handed_in or seen.submission,
        assignment(),
        recording(**changes),
        seen,
        findings or judged(seen, *mistakes),
    )


def exercise(grade: Grade, number: int) -> ExerciseResult:
    return next(each for each in grade.exercises if each.number == number)


def mistake(where: Where | None, **changes: Any) -> Mistake:
    return replace(Mistake("some-code", 3, "what was wrong", "what to do", where), **changes)


def ungraded(*checks: str) -> Findings:
    findings = judged(excellent())
    unknown = {name: Judgement(name, Outcome.NOT_GRADED, Finding(None, "our fault")) for name in checks}
    return replace(findings, judgements={**findings.judgements, **unknown})


# ---------------------------------------------------------------- the whole


def test_an_excellent_submission_earns_every_point() -> None:
    grade = composed()
    assert (grade.status, grade.points, grade.max_points, grade.grade, grade.max_grade) == (
        "graded",
        9,
        9,
        10,
        10,
    )
    assert [each.status for each in grade.exercises if each.graded] == [Outcome.PASSED] * 9
    assert (grade.needs_review, grade.notes, grade.diagnoses) == (False, (), ())
    assert (grade.submission.name, grade.submission.kind) == ("ana.ipynb", "notebook")
    assert (grade.environment.seed, grade.environment.torch, grade.timing.student_s) == (42, "2.13.0", 3.5)


def test_the_base_point_is_given_for_free() -> None:
    nothing = without_run("baseline", without_run("nonlinear", without_run("blobs")))
    grade = composed(nothing)
    assert grade.points is not None and grade.grade == round(grade.points + 1, 4) < 10


def test_what_was_not_graded_shows_in_the_status_and_costs_nothing() -> None:
    grade = composed(findings=ungraded("ex9.loss"))
    assert (grade.status, grade.points) == ("partly_graded", 8.75)
    ninth = exercise(grade, 9)
    check = next(each for each in ninth.checks if each.id == "ex9.loss")
    assert (ninth.status, check.points, check.hint) == (Outcome.NOT_GRADED, None, None)
    everything = composed(findings=ungraded(*judged(excellent()).judgements))
    assert (everything.status, everything.points, everything.grade) == ("not_graded", None, None)


def test_notes_come_from_every_stage() -> None:
    evidence = replace(excellent(), problems=tuple(f"problem {n}" for n in range(12)))
    grade = composed(
        evidence,
        handed_in=replace(submission(), notes=("ids mended",)),
        notes=("a magic neutralised",),
        cells=(CellRun(number=1, status="ok", note="output cut"),),
        reruns=(recording(seed=1042), recording(seed=2042)),
        sandbox=(),
    )
    told = "\n".join(grade.notes)
    for part in (
        "ids mended",
        "a magic neutralised",
        "Cell [1]: output cut",
        "1042, 2042",
        "without a sandbox",
    ):
        assert part in told
    assert "problem 9" in told and "problem 10" not in told
    assert grade.needs_review


def test_incidents_stand_at_the_top() -> None:
    incident = Diagnosis(code="run-error", severity="fail", message="Cell [3] stopped")
    grade = composed(replace(excellent(), incidents=(incident,)))
    assert grade.diagnoses == (incident,)
    assert all(not each.diagnoses for each in grade.exercises)


# ---------------------------------------------------------------- one exercise


def test_a_lost_check_carries_its_hint_and_a_passed_one_none() -> None:
    fifth = exercise(composed(with_run("baseline", moved=False)), 5)
    hints = {check.id: check.hint for check in fifth.checks}
    assert hints["ex5.learns"] and hints["ex5.reports"] is None
    assert fifth.points == 0.6
    assert fifth.summary == next(check.message for check in fifth.checks if check.id == "ex5.learns")


def test_a_mistakes_hint_takes_the_place_of_the_rubrics() -> None:
    grade = composed(None, mistake(Where(cell=5, line=2), exercise=5, costs={"ex5.learns": "fail"}))
    fifth = exercise(grade, 5)
    assert fifth.checks[0].hint == "what to do"
    assert [(each.code, each.severity) for each in fifth.diagnoses] == [("some-code", "fail")]
    assert exercise(grade, 7).diagnoses == ()


def test_the_summary_names_the_costliest_loss() -> None:
    grade = composed(
        None,
        mistake(None, exercise=5, costs={"ex5.reports": "fail"}, message="small"),
        mistake(None, exercise=5, costs={"ex5.learns": "fail"}, message="large"),
    )
    assert exercise(grade, 5).summary == "large"


def test_summaries_of_what_is_whole_absent_or_ungraded() -> None:
    assert "Everything" in exercise(composed(), 3).summary
    bare = without_run("blobs", model=None, models=(), optimizers=(), loss_modules=())
    assert "Nothing" in exercise(composed(bare), 9).summary
    assert "fault of the grader" in exercise(composed(findings=ungraded("ex9.loss")), 9).summary


def test_the_ungraded_extra_is_reported_without_points() -> None:
    absent = exercise(composed(), 0)
    assert (absent.graded, absent.points, absent.status) == (False, 0.0, Outcome.NOT_ATTEMPTED)
    there = exercise(composed(with_page(0, cells=(9,), attempted=True)), 0)
    assert there.summary.startswith("Found")


# ---------------------------------------------------------------- source


def long_cell(lines: int = 300) -> Evidence:
    cell = Cell(kind="code", source="\n".join(f"line_{n}" for n in range(1, lines + 1)), number=1)
    handed_in = replace(submission(), cells=(cell,))
    return with_page(3, replace(excellent(), submission=handed_in), cells=(1,))


def excerpts(evidence: Evidence, *lines: int | None) -> list[tuple[int, int, tuple[int, ...]]]:
    """First and last line and highlights of what exercise 3 shows, with mistakes at these lines of cell 1."""
    grade = composed(evidence, *(mistake(Where(cell=1, line=line)) for line in lines))
    shown = exercise(grade, 3).source
    return [(each.first_line, each.first_line + each.text.count("\n"), each.highlight) for each in shown]


def test_a_short_cell_is_shown_whole_with_the_lines_that_findings_point_at() -> None:
    assert excerpts(long_cell(20), 3, 7) == [(1, 20, (3, 7))]


def test_of_a_long_cell_the_neighbourhood_of_each_line_is_shown() -> None:
    assert excerpts(long_cell(), 50, 200) == [(42, 58, (50,)), (192, 208, (200,))]


def test_neighbourhoods_that_meet_are_one() -> None:
    assert excerpts(long_cell(), 50, 60) == [(42, 68, (50, 60))]


def test_neighbourhoods_end_with_the_cell() -> None:
    assert excerpts(long_cell(), 2, 299) == [(1, 10, (2,)), (291, 300, (299,))]


@pytest.mark.parametrize("line", [None, 999, -4])
def test_a_place_without_a_line_of_the_cell_shows_its_beginning(line: int | None) -> None:
    shown = excerpts(long_cell(), line)
    assert [(first, last) for first, last, _ in shown] == [(1, 140)]


def test_lines_of_a_script_count_through_the_file() -> None:
    cells = (
        Cell(kind="code", source="import torch", number=1, first_line=1),
        Cell(kind="code", source="a = 1\nb = 2\n", number=2, first_line=40),
    )
    evidence = with_page(3, replace(excellent(), submission=replace(submission(), cells=cells)), cells=(2,))
    grade = composed(evidence, mistake(Where(cell=2, line=41)))
    (shown,) = exercise(grade, 3).source
    assert (shown.first_line, shown.text, shown.highlight) == (40, "a = 1\nb = 2", (41,))


def test_a_mistake_made_in_another_exercises_cell_is_shown_there() -> None:
    grade = composed(None, mistake(Where(cell=6, line=2)))
    assert [(each.cell, each.highlight) for each in exercise(grade, 3).source] == [(3, ()), (6, (2,))]


def test_what_passed_is_not_highlighted() -> None:
    assert all(not shown.highlight for each in composed().exercises for shown in each.source)


# ---------------------------------------------------------------- outputs


def shown_of(*outputs: Output, error: CellError | None = None) -> list[tuple[str, str]]:
    run = CellRun(number=3, status="error" if error else "ok", outputs=outputs, error=error)
    evidence = replace(excellent(), cells=(run,))
    return [(each.kind, each.text) for each in exercise(composed(evidence), 3).outputs]


def printed(text: str) -> Output:
    return Output(kind="stdout", text=text)


def test_what_was_printed_is_joined_and_errors_and_images_stand_behind() -> None:
    error = CellError(name="ValueError", message="no")
    shown = shown_of(
        printed("a\n"), Output(kind="stderr", text="warning"), printed("b"), Output(kind="result", text="3"),
        Output(kind="display", png_base64="AAAA"), error=error,
    )  # fmt: skip
    assert shown == [("text", "a\nb"), ("text", "3"), ("image", ""), ("error", "ValueError: no")]


def test_blank_output_is_not_shown() -> None:
    assert shown_of(printed(" \n\n"), Output(kind="result", text="")) == []


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hcleared", "cleared"),
        ("bell\x07 null\x00 back\x08", "bell null back"),
        ("tab\tand\nline stay", "tab\tand\nline stay"),
        ("50 %\r100 %", "50 %100 %"),
        ("\x7f\x1f", ""),
        ("\x9b31mred\x85", "red"),
        ("\x1b]0;own title\x07words", "words"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never ended\nnext line", "]0;never ended\nnext line"),
    ],
)
def test_control_sequences_are_taken_out(text: str, clean: str) -> None:
    assert [shown for _, shown in shown_of(printed(f"{text}."))] == [f"{clean}."]


def test_long_output_keeps_its_beginning_and_its_end() -> None:
    ((_, text),) = shown_of(printed("A" * 5000 + "Z" * 5000))
    assert text.startswith("A" * 2000) and text.endswith("Z" * 2000)
    assert "6000 characters left out" in text and len(text) < 4100


def test_a_cell_of_several_exercises_is_shown_with_the_first() -> None:
    run = CellRun(number=1, status="ok", outputs=(printed("once"),))
    evidence = with_page(4, with_page(3, replace(excellent(), cells=(run,)), cells=(1,)), cells=(1,))
    evidence = with_page(1, evidence, cells=())
    grade = composed(evidence)
    assert [[each.text for each in exercise(grade, number).outputs] for number in (3, 4)] == [["once"], []]


# ---------------------------------------------------------------- pictures


def test_pictures_stand_where_they_are_looked_at() -> None:
    evidence = with_task("nonlinear", curves=(Curve(label="train loss", epochs=(0, 1), values=(1, 2)),))
    grade = composed(evidence)
    assert [len(exercise(grade, number).pictures.curves) for number in (6, 7, 8)] == [0, 1, 0]
    assert exercise(grade, 1).pictures.curves == ()
