"""The grade as JUnit XML: a suite for each exercise, a case for each check.

Within the schema that Jenkins validates with (`junit-10.xsd` of its xUnit plugin). That one knows no properties of
a case, so each check's points stand among the properties of its suite, as `ex3.layers.points`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from grader.model.grade import CheckResult, ExerciseResult, Grade, Outcome
from grader.report.sentences import STANDINGS, at, decision, exact, mistake, remarks
from grader.report.text import clean, exercise_name, one_line, outcome

_ELEMENTS = {
    Outcome.PARTIAL: "failure",
    Outcome.FAILED: "failure",
    Outcome.NOT_ATTEMPTED: "failure",
    Outcome.SKIPPED: "skipped",
    Outcome.NOT_GRADED: "error",
}
"""What a server counts an outcome as; a fault of the grader's is an error, never a failure."""
_NOT_IN_XML = re.compile("[\ufffe\uffff]")
"""What XML 1.0 forbids of what `clean` leaves."""


def to_junit(grade: Grade) -> str:
    """`grade` as a JUnit XML document, with a line end.

    The first suite has no cases: its properties are the totals. Points that are not known are left out.
    """
    counts = _counts([check for exercise in grade.exercises for check in exercise.checks])
    del counts["skipped"]
    title = {"name": _line(grade.assignment.title), "time": f"{grade.timing.total_s:.3f}"}
    root = Element("testsuites", {**title, **counts})
    root.append(_submission(grade))
    root.extend(_suite(exercise, grade) for exercise in grade.exercises)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _submission(grade: Grade) -> Element:
    suite = Element("testsuite", {"name": _line(grade.submission.name), **_counts(())})
    values: dict[str, object] = {
        "assignment": grade.assignment.id,
        "sha256": grade.submission.sha256,
        "status": grade.status,
        "points": grade.points,
        "max_points": grade.max_points,
        "grade": grade.grade,
        "max_grade": grade.max_grade,
        "needs_review": str(grade.needs_review).lower(),
    }
    _add_properties(suite, values)
    comments = (f"comment: {one_line(comment.text, 2000)}" for comment in grade.comments)
    mistakes = (mistake(diagnosis, grade.submission.kind) for diagnosis in grade.diagnoses)
    _add_output(suite, [STANDINGS[grade.status], *comments, *mistakes, *map(one_line, grade.notes)])
    return suite


def _suite(exercise: ExerciseResult, grade: Grade) -> Element:
    name = f"{exercise_name(exercise.number)} {_line(exercise.title)}"
    suite = Element(
        "testsuite", {"name": _line(name), "id": str(exercise.number), **_counts(exercise.checks)}
    )
    _add_properties(suite, dict(_values(exercise)))
    for check in exercise.checks:
        suite.append(_case(check, exercise, grade))
    mistakes = (mistake(diagnosis, grade.submission.kind) for diagnosis in exercise.diagnoses)
    _add_output(suite, [decision(exercise), *mistakes])
    return suite


def _values(exercise: ExerciseResult) -> Iterator[tuple[str, object]]:
    yield "status", exercise.status.value
    yield "points", exercise.points
    yield "max_points", exercise.max_points
    for check in exercise.checks:
        yield f"{check.id}.status", check.status.value
        yield f"{check.id}.points", check.points
        yield f"{check.id}.max_points", check.max_points


def _case(check: CheckResult, exercise: ExerciseResult, grade: Grade) -> Element:
    # Cleaned on its own: a carriage return in it would overwrite the id.
    name = f"{check.id}: {_line(check.title)}"
    classname = f"{grade.assignment.id}.ex{exercise.number}"
    case = Element("testcase", name=_line(name), classname=_line(classname))
    told = "\n".join((one_line(check.message) + at(check.where, grade.submission.kind), *remarks(check)))
    if check.status in _ELEMENTS:
        attributes = {
            "type": check.status.value,
            "message": _line(f"{outcome(check.status)}: {_line(check.message)}"),
        }
        SubElement(case, _ELEMENTS[check.status], attributes).text = _text(told)
    else:
        _add_output(case, [told])
    return case


def _counts(checks: Sequence[CheckResult]) -> dict[str, str]:
    kinds = [_ELEMENTS.get(check.status) for check in checks]
    return {
        "tests": str(len(kinds)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
    }


def _add_properties(suite: Element, values: dict[str, object]) -> None:
    properties = SubElement(suite, "properties")
    for name, value in values.items():
        if value is not None:
            shown = str(exact(value)) if isinstance(value, float) else str(value)
            SubElement(properties, "property", name=_line(name), value=_line(shown))


def _add_output(element: Element, lines: Sequence[str]) -> None:
    if any(lines):
        SubElement(element, "system-out").text = _text("\n".join(line for line in lines if line))


def _line(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", one_line(text))


def _text(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", clean(text))
