from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from grader.model.grade import Grade
from grader.report.terminal_report import to_terminal
from tests.report.sample import SAMPLES, excellent, hostile, mixed


def printed(grade: Grade, width: int = 80, **options: bool) -> str:
    file = io.StringIO()
    to_terminal(grade, Console(file=file, width=width, **options))
    return file.getvalue()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_log_gets_80_plain_columns(name: str) -> None:
    text = printed(SAMPLES[name]())
    assert max(map(cell_len, text.splitlines())) <= 80
    assert not [character for character in text if ord(character) < 32 and character != "\n"]


def test_the_score_stands_before_the_table_and_the_mistakes_after_it() -> None:
    text = printed(mixed())
    places = [
        text.index(part) for part in ("Grade 6.13 of 10", "not attempted", "mistake: loop-no-zero-grad")
    ]
    assert places == sorted(places)
    for part in ("(cell 7, line 7)", "hint: Call optimizer.zero_grad()", "Partly graded", "skipped, 0 / 0.3"):
        assert part in text


def test_the_kernel_and_what_held_it_are_told() -> None:
    grade = excellent()

    def told(**changed: object) -> str:
        environment = grade.environment.model_copy(update=changed)
        return printed(grade.model_copy(update={"environment": environment}))

    assert "Warm kernel, held by namespaces, landlock, seccomp, rlimits" in told(kernel="warm")
    assert "Cold kernel, without a sandbox" in told(kernel="cold", sandbox=())


def test_a_skipped_check_repeats_no_blame() -> None:
    after = printed(mixed()).split("ex7.accuracy: skipped")[1].split("Ex 8")[0]
    assert "hint" not in after and "expected" not in after


def test_nothing_wrong_is_said_in_a_few_lines() -> None:
    text = printed(excellent())
    assert "10 of 10" in text and len(text.splitlines()) <= 18


def test_markup_and_commands_of_students_do_nothing() -> None:
    text = printed(hostile(), width=1000, force_terminal=True, no_color=False)
    assert text.count("[red]&lt;[/red]") == text.count("{{7*7}}") > 5
    assert "\x1b[2J" not in text and "\x1b]" not in text and "\x07" not in text and "\u202e" not in text
