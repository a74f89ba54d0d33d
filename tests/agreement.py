"""What each format says about a grade in numbers, read back from its text, and held against the grade."""

from __future__ import annotations

import base64
import html
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

from grader.model.grade import ExerciseResult, Grade, Outcome
from grader.report.audience import Audience
from grader.report.formats import FORMATS
from grader.report.text import exercise_name, number


class Told(NamedTuple):
    """What a format says of a check or an exercise: a status, and points as it writes them."""

    status: str
    points: Any
    of: Any


Numbers = dict[str, Told]
"""By check id, by `Ex 3`, and `total`."""
_WORDS = "|".join(sorted((outcome.value.replace("_", " ") for outcome in Outcome), key=len, reverse=True))


def assert_formats_agree(grade: Grade, audience: Audience = "instructor") -> None:
    """Every format, written and read back, has the grade's statuses and points, and no zero for what is unknown."""
    for form in READERS:
        assert_says(form, FORMATS[form].write(grade, audience), grade)


def assert_says(form: str, written: str, grade: Grade) -> None:
    """The text says of the grade what the grade is."""
    expected = _of(grade, rounded=form in ROUNDED)
    told = READERS[form](written, grade)
    assert {key: told.get(key) for key in expected} == expected, form
    assert told.keys() == expected.keys(), form


def _of(grade: Grade, *, rounded: bool) -> Numbers:
    def shown(points: float | None) -> Any:
        return number(points) if rounded else None if points is None else round(points, 6)

    found = {"total": Told(grade.status, shown(grade.points), shown(grade.max_points))}
    for exercise in grade.exercises:
        points, most = shown(exercise.points), shown(exercise.max_points)
        if rounded and not exercise.graded:
            points = most = "no points"
        found[exercise_name(exercise.number)] = Told(exercise.status.value, points, most)
        for check in exercise.checks:
            found[check.id] = Told(check.status.value, shown(check.points), shown(check.max_points))
    return found


# ---------------------------------------------------------------- formats for machines: exact numbers


def _json(text: str, grade: Grade) -> Numbers:
    told = json.loads(text)
    found = {"total": Told(told["status"], told["points"], told["max_points"])}
    for exercise in told["exercises"]:
        found[exercise_name(exercise["number"])] = _told(exercise)
        found |= {check["id"]: _told(check) for check in exercise["checks"]}
    return found


def _told(result: dict[str, Any]) -> Told:
    return Told(result["status"], result["points"], result["max_points"])


def _junit(text: str, grade: Grade) -> Numbers:
    found: Numbers = {}
    root = ElementTree.fromstring(text)
    suites = root.findall("testsuite")
    names = ["total", *(exercise_name(exercise.number) for exercise in grade.exercises)]
    for name, suite in zip(names, suites, strict=True):
        values = {one.get("name"): one.get("value") for one in suite.findall("properties/property")}
        found[name] = _property(values, "")
        for case in suite.findall("testcase"):
            check = str(case.get("name")).split(":")[0]
            found[check] = _property(values, f"{check}.")
            # A check that passed without a word needs no element.
            assert [child.tag for child in case] in ([_TAGS[found[check].status]], []), check
            assert len(case) or found[check].status == "passed", check
    for kind, path in (("tests", ""), ("failures", "/failure"), ("errors", "/error")):
        count = len(root.findall(f"testsuite/testcase{path}"))
        assert int(str(root.get(kind))) == count == sum(int(str(suite.get(kind))) for suite in suites)
    return found


_TAGS = {
    "passed": "system-out",
    "partial": "failure",
    "failed": "failure",
    "not_attempted": "failure",
    "skipped": "skipped",
    "not_graded": "error",
}


def _property(values: dict[str | None, str | None], prefix: str) -> Told:
    points, most = (values.get(f"{prefix}{name}") for name in ("points", "max_points"))
    return Told(str(values[f"{prefix}status"]), points and float(points), float(str(most)))


def _gradescope(text: str, grade: Grade) -> Numbers:
    told = json.loads(text)
    tests = {test["extra_data"]["id"]: test for test in told.get("tests", ()) if "extra_data" in test}
    found = _json(json.dumps(told["extra_data"]), grade)
    if grade.status != "graded":
        assert "score" not in told and "tests" not in told
        return found
    assert told["score"] == found["total"].points
    checks = {check.id: found[check.id] for exercise in grade.exercises for check in exercise.checks}
    assert checks == {
        name: Told(test["extra_data"]["status"], test.get("score"), test["max_score"])
        for name, test in tests.items()
    }
    for name, test in tests.items():
        assert test["status"] == ("passed" if checks[name].status == "passed" else "failed")
    return found


def _classroom(text: str, grade: Grade) -> Numbers:
    """It knows no statuses but three, and no exercises: what it leaves open is taken from the grade."""
    told = json.loads(base64.b64decode(text))
    settled = grade.status == "graded"
    assert told["max_score"] == (grade.max_points if settled else None)
    assert (told["status"] == "error") == (not settled)
    if settled:
        # The reporter sums the scores as JavaScript does: null counts nothing.
        assert math.isclose(
            sum(test["score"] or 0 for test in told["tests"]), grade.points or 0, abs_tol=1e-5
        )
    found = {name: value for name, value in _of(grade, rounded=False).items() if name[:2] in ("to", "Ex")}
    for exercise in grade.exercises:
        for check in exercise.checks:
            (test,) = [one for one in told["tests"] if one["name"].split(":")[0] == check.id]
            means = {Outcome.PASSED: "pass", Outcome.NOT_GRADED: "error"}.get(check.status, "fail")
            assert test["status"] == means, check.id
            found[check.id] = Told(check.status.value, test["score"], check.max_points)
    return found


# ---------------------------------------------------------------- formats for readers: two decimals


def _github(text: str, grade: Grade) -> Numbers:
    found = {"total": Told(grade.status, *_pair(r"\*\*(\S+) of (\S+) points\*\*", text))}
    rows = re.findall(
        rf"^\| (Ex \d+|Extra) \|.*\| \S+ ({_WORDS}) \| (?:(\S+) / (\S+)|no points) \|$", text, flags=re.M
    )
    for name, status, points, most in rows:
        found[name] = Told(_status(status), points or "no points", most or "no points")
    checks = re.findall(
        rf"^\| <code>(.+?)</code> \|.*\| \S+ ({_WORDS}) \| (\S+) / (\S+) \|$", text, flags=re.M
    )
    for name, status, points, most in checks:
        found[html.unescape(name)] = Told(_status(status), points, most)
    assert ("Partly graded" in text or "Not graded" in text) >= (grade.status != "graded")
    return found


def _text(text: str, grade: Grade) -> Numbers:
    found = {"total": Told(grade.status, *_pair(r"^Grade .*   (\S+) of (\S+) points$", text))}
    table = text.split("─\n", 1)[1].split("\n")[: len(grade.exercises)]
    for exercise, row in zip(grade.exercises, table, strict=True):
        matched = re.search(rf" ({_WORDS}) +(?:(\S+) / (\S+)|no points)$", row)
        assert matched and row.startswith(exercise_name(exercise.number)), row
        points, most = matched[2] or "no points", matched[3] or "no points"
        found[exercise_name(exercise.number)] = Told(_status(matched[1]), points, most)
    lost = {
        name: Told(_status(status), points, most)
        for name, status, points, most in re.findall(
            rf"^  (\S+): ({_WORDS}), (\S+) / (\S+?)(?: \(.*)?$", text, flags=re.M
        )
    }
    return found | lost | {name: told for name, told in _passed(grade) if name not in lost}


def _passed(grade: Grade) -> Iterator[tuple[str, Told]]:
    """A terminal and a log do not list what passed."""
    for check in (check for exercise in grade.exercises for check in exercise.checks):
        if check.status is Outcome.PASSED:
            yield check.id, Told("passed", number(check.max_points), number(check.max_points))


def _html(text: str, grade: Grade) -> Numbers:
    found = {"total": Told(grade.status, *_pair(r'<p class="score-points">(\S+) of (\S+) points', text))}
    for exercise, card in zip(grade.exercises, text.split('<section class="card exercise')[1:], strict=True):
        found[exercise_name(exercise.number)] = _card(exercise, card)
        for item in card.split('<li class="check is-')[1:]:
            name = re.search(r'<code class="id">(.*?)</code>', item)
            assert name
            points, most = _pair(r'class="check-points">(\S+?)<small> / (\S+?)</small>', item)
            found[html.unescape(name[1])] = Told(item.split('"')[0], points, most)
    return found


def _card(exercise: ExerciseResult, card: str) -> Told:
    status = re.match(r' is-(\w+)"', card)
    assert status
    if not exercise.graded:
        return Told(status[1], "no points", "no points")
    return Told(status[1], *_pair(r'<span class="points"><b>(\S+?)</b> of (\S+?)</span>', card))


def _pair(pattern: str, text: str) -> tuple[str, str]:
    matched = re.search(pattern, text, flags=re.M)
    assert matched, pattern
    return matched[1], matched[2]


def _status(words: str) -> str:
    return words.replace(" ", "_")


READERS: dict[str, Callable[[str, Grade], Numbers]] = {
    "json": _json,
    "junit": _junit,
    "gradescope": _gradescope,
    "classroom": _classroom,
    "github": _github,
    "text": _text,
    "html": _html,
}
ROUNDED = ("github", "text", "html")
