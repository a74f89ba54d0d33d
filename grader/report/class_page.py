"""A class as one page for its instructor: a script of ours sorts and filters, everything else is still.

Works from a file, without a network. The page is the same to the last byte for the same record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from jinja2 import Template
from markupsafe import Markup

from grader.model.classroom import AlikePair, ClassExercise, ClassRecord, ClassRow, Excerpt
from grader.model.grade import SourceExcerpt
from grader.report import class_charts, text
from grader.report.class_numbers import (
    changes,
    codes,
    commonest,
    counts,
    exercise_numbers,
    level,
    middle,
    reasons,
    slowest,
)
from grader.report.code import CodeBlock, code_block
from grader.report.templating import environment, own_file, source_hash

MAX_PAIRS = 40
"""Similar pairs on the page; the JSON of the class holds all."""
_MAX_PASSAGES = 3
"""Of one pair."""
_PASSAGE_LINES = 24
_MAX_NAME = 80
_MAX_TEXT = 300
"""Characters of one sentence or comment."""
_MAX_REMARKS = 100
"""Of the class; of one student a tenth of that."""
_SLOWEST = 8


@dataclass(frozen=True)
class PairView:
    """Two submissions beside each other."""

    pair: AlikePair
    first: ClassRow | None
    """None where the record knows no such student."""
    second: ClassRow | None
    passages: tuple[tuple[CodeBlock, CodeBlock], ...]


def to_class_page(record: ClassRecord) -> str:
    """`record` as a self-contained page; links to reports are relative to where it lies."""
    css = own_file("report.css") + own_file("class.css")
    script = own_file("class.js")
    grades = [row.grade for row in record.rows if row.grade is not None]
    times = [row.student_s for row in record.rows if row.student_s > 0]
    grade, time = middle(grades), middle(times)
    return _template().render(
        record=record,
        counts=counts(record),
        grade=grade,
        histogram_of_grades=grade and class_charts.grades_histogram(grades, record.max_grade, grade.median),
        exercises_of_class=exercise_numbers(record),
        mistakes_made=commonest(record),
        time=time,
        histogram_of_times=class_charts.times_histogram(times) if times else None,
        slowest=slowest(record, _SLOWEST),
        pairs_shown=_pairs(record),
        changes_made=list(changes(record)),
        called=_called(record.rows),
        # Written by us, in our files: not escaped, for the hashes must fit.
        css=Markup(css),
        css_hash=source_hash(css),
        script=Markup(script),
        script_hash=source_hash(script),
    )


@cache
def _template() -> Template:
    shared = environment()
    shared.filters.update(number=text.number, href=_href, brief=_brief, percent=_percent, decimals=_decimals)
    shared.globals.update(
        charts=class_charts,
        codes=codes,
        by_number=_by_number,
        level=level,
        reasons=reasons,
        exercise_name=text.exercise_name,
        max_pairs=MAX_PAIRS,
        max_remarks=_MAX_REMARKS,
        few=_MAX_REMARKS // 10,
    )
    return shared.get_template("class.html.j2")


def _href(path: str) -> str:
    # Encoded, a path cannot name another scheme; without its first slashes, no other host.
    return quote(path.lstrip("/"), safe="/", errors="replace")


def _brief(value: str) -> str:
    return text.one_line(value, _MAX_TEXT)


def _percent(share: float) -> str:
    """A share (0 to 1) in whole percent: 100 is said of all of it only, 0 of nothing only."""
    rounded = round(share * 100)
    if 0 < share < 1:
        rounded = min(max(rounded, 1), 99)
    return f"{rounded}\N{NO-BREAK SPACE}%"


def _decimals(value: float, count: int) -> str:
    return f"{value:.{count}f}"


def _by_number(row: ClassRow) -> dict[int, ClassExercise]:
    return {exercise.number: exercise for exercise in row.exercises}


def _called(rows: tuple[ClassRow, ...]) -> Mapping[str, str]:
    """Key of each student → what to call them: the name, with the key where several have it; else the key."""
    shown = {row.key: text.one_line(row.name or row.key, _MAX_NAME) for row in rows}
    often = Counter(shown.values())
    return {
        key: f"{name} ({text.one_line(key, _MAX_NAME)})" if often[name] > 1 else name
        for key, name in shown.items()
    }


def _pairs(record: ClassRecord) -> list[PairView]:
    known = {row.key: row for row in record.rows}
    return [
        PairView(
            pair,
            known.get(pair.first),
            known.get(pair.second),
            tuple((_block(ours), _block(theirs)) for ours, theirs in pair.passages[:_MAX_PASSAGES]),
        )
        for pair in record.pairs[:MAX_PAIRS]
    ]


def _block(excerpt: Excerpt) -> CodeBlock:
    source = SourceExcerpt(cell=0, first_line=excerpt.first_line, text=excerpt.text)
    return code_block(source, _PASSAGE_LINES)
