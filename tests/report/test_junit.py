"""JUnit XML as CI servers read it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from grader.model.grade import Grade, Outcome
from grader.report.audience import for_audience
from grader.report.junit import to_junit
from tests.report.sample import SAMPLES, check, exercise, grade, hostile, mixed

SCHEMA = Path(__file__).parent / "schemas" / "junit-10.xsd"


@pytest.fixture(scope="module")
def jenkins() -> xmlschema.XMLSchema:
    """What Jenkins' xUnit plugin validates with."""
    return xmlschema.XMLSchema(SCHEMA)


def cases(made: Grade) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(to_junit(made))
    return {str(case.get("name")).split(":")[0]: case for case in root.iter("testcase")}


@pytest.mark.parametrize("name", SAMPLES)
def test_jenkins_takes_it(name: str, jenkins: xmlschema.XMLSchema) -> None:
    jenkins.validate(to_junit(SAMPLES[name]()))


def test_the_schema_refuses_what_it_does_not_know(jenkins: xmlschema.XMLSchema) -> None:
    wrong = to_junit(mixed()).replace("<testcase ", '<testcase points="1" ', 1)
    assert not jenkins.is_valid(wrong)


def test_a_fault_of_the_graders_is_an_error_and_never_a_failure() -> None:
    case = cases(mixed())["ex6.nonlinear"]
    assert [child.tag for child in case] == ["error"]
    assert case[0].get("message") == "not graded: The model could not be read; our fault."


def test_a_failure_says_what_was_expected_what_was_seen_and_where() -> None:
    (failure,) = cases(mixed())["ex2.split"]
    assert failure.tag == "failure" and failure.get("type") == "partial"
    assert str(failure.text).splitlines() == [
        "The test part is too small to tell anything. (cell 2, line 4)",
        "expected: 10 to 40 % of the rows",
        "seen: 100 of 2000 rows, 5 %",
        "hint: Look at test_size.",
    ]


def test_a_skipped_check_is_skipped() -> None:
    assert [child.tag for child in cases(mixed())["ex7.accuracy"]] == ["skipped"]


def test_mistakes_stand_beside_the_cases() -> None:
    root = ElementTree.fromstring(to_junit(mixed()))
    told = {suite.get("id"): suite.findtext("system-out", "") for suite in root}
    assert "mistake: loop-no-zero-grad (cell 7, line 7): Gradients are never reset" in told["5"]
    assert "run-error (cell 11, line 2)" in told[None]


def test_characters_that_xml_forbids_are_gone(jenkins: xmlschema.XMLSchema) -> None:
    nasty = "".join(map(chr, (*range(0x20), 0x7F, 0x85, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF))) + "]]>&<é🎓"
    one = check("ex1.a", nasty, 1.0, Outcome.FAILED, message=nasty, expected=nasty, hint=nasty)
    text = to_junit(grade((exercise(1, one, title=nasty),), name=nasty, notes=(nasty,)))
    jenkins.validate(text)
    assert "]]>&<é🎓" in str(cases(grade((exercise(1, one),)))["ex1.a"][0].text)
    assert not [character for character in text if ord(character) < 32 and character != "\n"]


def test_what_a_student_wrote_makes_no_element() -> None:
    root = ElementTree.fromstring(to_junit(hostile()))
    assert {element.tag for element in root.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "properties",
        "property",
        "failure",
        "system-out",
    }


def test_students_read_nothing_of_integrity() -> None:
    assert "integrity" in to_junit(mixed())
    assert "integrity" not in to_junit(for_audience(mixed(), "student"))
