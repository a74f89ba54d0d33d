"""Points and comments of instructors in every report: shown, escaped, and no more than that."""

from __future__ import annotations

import json

import pytest

from grader.model.grade import Comment, Grade, Override
from grader.report.html_report import MAX_BYTES, to_html
from grader.report.json_report import to_json
from tests.report.sample import excellent, mixed
from tests.report.test_html_report import Page
from tests.report.test_terminal_report import printed

REASON = "Explained <b>orally</b>\x1b[2J\x07, and {{ 7 * 7 }}"
WHEN = "2026-11-21T18:07:22Z"


def ruled(points: float = 0.9, **comment: object) -> Grade:
    """`mixed` with the points of its exercise 2 set, and one comment."""
    grade = mixed()
    override = Override(machine_points=0.4, points=points, reason=REASON, who="Dr. Kim", when=WHEN)
    exercises = tuple(
        exercise.model_copy(update={"points": points, "override": override})
        if exercise.number == 2
        else exercise
        for exercise in grade.exercises
    )
    said = Comment.model_validate(
        {"text": "Well done.\n<script>alert(1)</script>", "who": "Dr. Kim", "when": WHEN} | comment
    )
    return grade.model_copy(update={"exercises": exercises, "comments": (said,)})


def test_the_page_shows_who_outranks_whom() -> None:
    page = Page(to_html(ruled()))
    text = " ".join("".join(page.text).split())
    assert (
        "Points set by an instructor: 0.9 instead of 0.4 · Explained <b>orally</b>, and {{ 7 * 7 }}" in text
    )
    assert "script" not in {tag for tag, _ in page.tags}
    assert "\x1b" not in to_html(ruled())


@pytest.mark.parametrize("exercise", [None, 99])
def test_a_comment_on_the_whole_stands_first(exercise: int | None) -> None:
    """One on an exercise that is no more is shown there, too."""
    html = to_html(ruled(exercise=exercise))
    assert html.index("From an instructor") < html.index("Well done.") < html.index('id="ex1"')


def test_a_comment_on_an_exercise_stands_in_it() -> None:
    html = to_html(ruled(exercise=2), "student")
    assert html.index('id="ex2"') < html.index("Well done.") < html.index('id="ex3"')
    assert "From an instructor" not in html and "&lt;script&gt;alert(1)" in html


def test_many_long_comments_keep_the_page_small() -> None:
    comment = Comment(text="word " * 2000 + "\nline" * 1000, who="x", when=WHEN)
    page = to_html(excellent().model_copy(update={"comments": (comment,) * 300}))
    assert len(page.encode()) < MAX_BYTES


def test_the_terminal_shows_both() -> None:
    text = printed(ruled(exercise=2), width=120)
    assert "Ex 2: points set by an instructor: 0.9 instead of 0.4 · Explained <b>orally</b>" in text
    assert "Comment on Ex 2: Well done. <script>alert(1)</script>" in text
    assert not [character for character in text if ord(character) < 32 and character != "\n"]


def test_json_holds_all_of_it() -> None:
    written = json.loads(to_json(ruled()))
    assert written["exercises"][1]["override"]["machine_points"] == 0.4
    assert written["comments"][0]["who"] == "Dr. Kim"
    assert to_json(Grade.model_validate_json(to_json(ruled()))) == to_json(ruled())
