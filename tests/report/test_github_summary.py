"""The job summary, as GitHub renders it."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from grader.model.grade import Outcome
from grader.model.submission import Where
from grader.report.audience import for_audience
from grader.report.github_summary import to_github
from tests.report.sample import ATTACK, SAMPLES, check, excellent, exercise, grade, hostile, mixed

MARKDOWN = (
    "*a* __b__ `c` [d](https://x.y) ![e](f.png) <b>g</b> ~~h~~ | i | $j$ @octocat &lt; https://x.y www.x.y "
    "<!-- - [ ] k -->\n# l\n> m\n```\nn\n---\n| o | p |\n|---|---|\n:boom: \\"
)


def rendered(markdown: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)


def elements(page: str) -> set[str]:
    return set(re.findall(r"<(\w+)", page))


def test_it_shows_the_table_and_the_mistakes() -> None:
    page = rendered(to_github(mixed()))
    assert "<h2>Grade 6.13 of 10 · ana.ipynb</h2>" in page
    assert '<td>🟡 partial</td>\n<td style="text-align:right">0.83 / 1</td>' in page
    assert "<strong>mistake</strong> <code>loop-no-zero-grad</code> (cell 7, line 7): Gradients" in page


def test_places_are_links() -> None:
    def link(where: Where) -> str:
        return f"https://github.com/a/b/blob/c/ana.ipynb?plain=1#L{10 * where.cell + (where.line or 0)}"

    page = rendered(to_github(mixed(), link))
    assert '(<a href="https://github.com/a/b/blob/c/ana.ipynb?plain=1#L77">cell 7, line 7</a>)' in page


def test_words_that_a_mistake_has_said_are_not_said_again() -> None:
    (twice,) = [exercise for exercise in mixed().exercises if exercise.number == 5]
    (mistake,) = twice.diagnoses
    spoilt = twice.checks[0].model_copy(update={"message": mistake.message})
    text = to_github(grade((twice.model_copy(update={"checks": (spoilt,)}),)))
    assert text.count("Gradients are never reset") == 1 and "ex5.learns</code> failed, 0 / 0.4\n" in text


@pytest.mark.parametrize("name", SAMPLES)
def test_it_has_our_elements_alone(name: str) -> None:
    ours = {
        "h2",
        "h3",
        "h4",
        "p",
        "strong",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "blockquote",
        "ul",
        "li",
    }
    assert elements(rendered(to_github(SAMPLES[name]()))) <= ours | {"code", "br", "details", "summary"}


def test_markdown_of_a_student_is_text() -> None:
    one = check("ex1.a", MARKDOWN, 1.0, message=MARKDOWN, expected=MARKDOWN, actual=MARKDOWN, hint=MARKDOWN)
    lost = one.model_copy(update={"status": Outcome.FAILED, "points": 0.0})
    made = grade(
        (exercise(1, lost, title=MARKDOWN, status=Outcome.FAILED),), name=MARKDOWN, notes=(MARKDOWN,)
    )
    plain = excellent().model_copy(update={"notes": ("a note",)})
    page = rendered(to_github(made))
    assert elements(page) - elements(rendered(to_github(plain))) <= {"h4", "ul", "li", "br"}
    assert page.count("*a* __b__ `c` [d](https://x.y) ![e](f.png) &lt;b&gt;g&lt;/b&gt;") == 9
    raw = to_github(made)
    assert not re.search(r"https?://|www\.|@octocat|:boom:|\$j|~~|<b>", raw)


def test_a_hostile_notebook_stays_text() -> None:
    assert "<script" not in to_github(hostile()) and ATTACK[:4] not in to_github(hostile())


def test_it_fits_into_a_job_summary() -> None:
    wall = "|" * 5000
    checks = [
        check(f"ex1.{n}", wall, 0.1, Outcome.FAILED, message=wall, expected=wall, actual=wall, hint=wall)
        for n in range(150)
    ]
    assert len(to_github(grade((exercise(1, *checks),))).encode()) < 1024**2


def test_students_read_nothing_of_integrity() -> None:
    assert "integrity" in to_github(mixed())
    assert "integrity" not in to_github(for_audience(mixed(), "student"))
