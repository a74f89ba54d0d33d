"""The grade as one page: no script, no network, everything a student wrote escaped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from grader.model.grade import CheckResult, ExerciseResult, Grade, ModelStage, Outcome
from grader.model.submission import Where
from grader.report import charts, maps, text
from grader.report.audience import Audience, for_audience
from grader.report.code import CodeBlock, code_block, coloured
from grader.report.language.speech import in_language, said, spoken
from grader.report.selection import BUDGETS, Budget, Selected, lost_points, select_outputs
from grader.report.templating import environment, own_file, source_hash

MAX_BYTES = 600_000
_MAX_LOSSES = 4
_MAX_STAGES = 40
_MAX_DOTS = 9
_LOST = (Outcome.FAILED, Outcome.PARTIAL, Outcome.NOT_ATTEMPTED, Outcome.NOT_GRADED)


@dataclass(frozen=True)
class ExerciseView:
    """An exercise with all that the page shows of it."""

    result: ExerciseResult
    anchor: str
    code: tuple[CodeBlock, ...]
    outputs: Selected
    charts: tuple[charts.Chart, ...]
    maps: tuple[maps.Map, ...]
    stages: tuple[ModelStage, ...]
    hidden: int
    """Checks, diagnoses, excerpts and drawings for which there was no room."""

    @property
    def name(self) -> str:
        return text.exercise_name(self.result.number)

    @property
    def lost(self) -> bool:
        return self.result.status in _LOST

    def line_anchor(self, where: Where) -> str | None:
        """Id of the first place on the page where the line stands, None if it is not shown."""
        for index, block in enumerate(self.code, start=1):
            if block.cell == where.cell and any(line.number == where.line for line in block.lines):
                return f"{self.anchor}-b{index}-l{where.line}"
        return None


def to_html(grade: Grade, audience: Audience = "instructor") -> str:
    """`grade` as a self-contained page of less than `MAX_BYTES` bytes (UTF-8).

    Where there is too much to show, outputs, pictures and long lines are left out, and the page says so.
    """
    visible = in_language(for_audience(grade, audience))
    pages = (_page(visible, budget) for budget in BUDGETS)
    return next(page for page, last in _with_last(pages) if last or len(page.encode()) < MAX_BYTES)


def _with_last(pages: Iterator[str]) -> Iterator[tuple[str, bool]]:
    for count, page in enumerate(pages, start=1):
        yield page, count == len(BUDGETS)


def _page(grade: Grade, budget: Budget) -> str:
    template = _pages().get_template("report.html.j2")
    css = own_file("report.css")
    outputs = select_outputs(grade, budget)
    exercises = [_exercise(*pair, budget) for pair in zip(grade.exercises, outputs, strict=True)]
    return template.render(
        grade=grade,
        exercises=exercises,
        comments=_comments(grade, budget),
        losses=_greatest_losses(exercises),
        taught={lesson.code for lesson in grade.lessons},
        kind=grade.submission.kind,
        language=spoken().language,
        budget=budget,
        # Written by us, in our file: not escaped, for the hash must fit.
        css=Markup(css),
        css_hash=source_hash(css),
        brief=lambda value: text.one_line(value, budget.remark_chars),
    )


def _comments(grade: Grade, budget: Budget) -> dict[int | None, list[list[str]]]:
    """Lines of each comment, by exercise; None for the whole submission and for exercises that are no more."""
    numbers = {exercise.number for exercise in grade.exercises}
    found: dict[int | None, list[list[str]]] = {}
    for comment in grade.comments[: budget.remarks]:
        lines = [line for line in text.clean(comment.text).split("\n") if line.strip()]
        where = comment.exercise if comment.exercise in numbers else None
        found.setdefault(where, []).append(lines[: budget.remarks])
    return found


def _exercise(result: ExerciseResult, outputs: Selected, budget: Budget) -> ExerciseView:
    shown = result.model_copy(
        update={
            "checks": result.checks[: budget.remarks],
            "diagnoses": result.diagnoses[: budget.remarks],
        }
    )
    drawn = map(maps.decision_map, result.pictures.boundaries[: budget.maps])
    hidden = sum(
        max(0, len(all_of_them) - room)
        for all_of_them, room in (
            (result.checks, budget.remarks),
            (result.diagnoses, budget.remarks),
            (result.source, budget.excerpts),
            (result.pictures.boundaries, budget.maps),
        )
    )
    return ExerciseView(
        result=shown,
        anchor=f"ex{result.number}",
        code=tuple(code_block(part, budget.excerpt_lines) for part in result.source[: budget.excerpts]),
        outputs=outputs,
        charts=charts.charts(result.pictures.curves),
        maps=tuple(picture for picture in drawn if picture is not None),
        stages=result.pictures.model[:_MAX_STAGES],
        hidden=hidden,
    )


def _greatest_losses(exercises: list[ExerciseView]) -> list[tuple[ExerciseView, CheckResult, float]]:
    losses = [
        (view, check, check.max_points - check.points)
        for view in exercises
        if lost_points(view.result) > 0
        for check in view.result.checks
        if check.points is not None and check.status in _LOST
    ]
    return sorted((loss for loss in losses if loss[2] > 0.005), key=lambda loss: -loss[2])[:_MAX_LOSSES]


@cache
def _pages() -> Environment:
    pages = environment()
    pages.globals.update(charts=charts, maps=maps, outcome_of=Outcome)
    pages.filters.update(
        number=text.number,
        said=_said,
        outcome=text.outcome,
        place=text.place,
        safe_link=safe_link,
        dots=_dots,
        coloured=coloured,
    )
    return pages


@pass_context
def _said(context: Context, ours: str) -> str:
    """The filter `said`. It takes a context that it needs not: what takes none is worked out for constants when a
    template is compiled, in the language of that moment.
    """
    return said(ours)


def safe_link(link: str | None) -> str | None:
    """`link` where it is plain http or https to a named host, else None."""
    if not link or any(ord(character) <= 32 for character in link):
        return None
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    named = parts.hostname and "@" not in parts.netloc
    return link if parts.scheme in ("http", "https") and named else None


def _dots(width: int | None) -> list[int]:
    """Heights, about a drawing's middle at 39, of a stage's units; at most nine stand for any number."""
    count = min(max(width or 0, 0), _MAX_DOTS)
    return [43 - 4 * count + 8 * i for i in range(count)]
