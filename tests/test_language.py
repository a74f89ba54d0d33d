"""Reports in another language: nothing a student reads is left in English, and nothing but words changes."""

from __future__ import annotations

import ast
import json
import re
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment, nodes

from grader.diagnose.codes import codes
from grader.errors import UsageError
from grader.model.assignment import Assignment
from grader.model.grade import Grade, Outcome
from grader.pipeline import rejudge
from grader.report.formats import FORMATS
from grader.report.html_report import to_html
from grader.report.language.catalogue import Catalogue, catalogue, languages
from grader.report.language.speech import VARIABLE, in_language, said
from grader.report.language.template import Template, gaps
from grader.report.sentences import SEVERITIES, STANDINGS
from tests.command import Grade as Command
from tests.conftest import FILES, Recorded

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "grader" / "report" / "locale"
TEMPLATES = ROOT / "grader" / "report" / "templates"
ROMANIAN = LOCALE / "ro" / "LC_MESSAGES" / "grader.po"

WORD = re.compile(r"[a-z]{2,} [a-z]")


@pytest.fixture(scope="module")
def romanian() -> Catalogue:
    return catalogue("ro")


@pytest.fixture(scope="module")
def verdicts(nine: Assignment, example: Recorded, unlucky: Recorded) -> list[Grade]:
    return [rejudge(submission, nine, recording) for submission, recording in (example, unlucky)]


@pytest.fixture
def in_romanian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "ro")


def entries(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file, abort_invalid=True) if entry.id}


# ---------------------------------------------------------------- the catalogues are whole


def test_romanian_has_a_wording_for_every_entry() -> None:
    worded = entries(ROMANIAN)
    assert [english for english, wording in worded.items() if not wording] == []
    assert set(worded) == set(entries(LOCALE / "grader.pot"))


def test_wordings_have_the_gaps_of_the_english_text() -> None:
    for english, wording in entries(ROMANIAN).items():
        assert sorted(gaps(wording)) == sorted(gaps(english)), english


def test_romanian_is_spelt_with_commas_below() -> None:
    assert not re.search("[şţŞŢãÃ]", "".join(entries(ROMANIAN).values()))


def test_it_knows_what_every_named_mistake_means(romanian: Catalogue) -> None:
    for name, code in codes().items():
        for sentence in (code.seen, code.why, code.mend):
            assert sentence in romanian.texts, f"{name}: {sentence}"


def test_it_knows_the_assignment_that_comes_with_the_grader(romanian: Catalogue, nine: Assignment) -> None:
    assert nine.title in romanian.texts
    for rubric in (ROOT / "exercises").glob("*/rubric.toml"):
        table = tomllib.loads(rubric.read_text(encoding="utf-8"))
        for part in (table, *table.get("check", [])):
            for text in (part["title"], part.get("hint")):
                assert text is None or text in romanian.texts, text


def test_it_knows_what_reports_say_around_a_verdict(romanian: Catalogue) -> None:
    shown = {text for name in ("report", "parts") for text in _in_template(TEMPLATES / f"{name}.html.j2")}
    outcomes = {outcome.value.replace("_", " ") for outcome in Outcome}
    assert len(shown) > 50
    for text in {*shown, *outcomes, *SEVERITIES.values(), *filter(None, STANDINGS.values())}:
        assert romanian.knows(text), text


def _in_template(path: Path) -> Iterator[str]:
    """What goes through `said`, with a 7 in the place of each value."""
    for said_here in Environment().parse(path.read_text(encoding="utf-8")).find_all(nodes.Filter):
        if said_here.name == "said":
            yield from map(_plural, _texts(said_here.node))


def _texts(node: nodes.Node | None) -> Iterator[str]:
    match node:
        case nodes.Const(value=str(text)):
            yield text
        case nodes.Mod():
            yield from _texts(node.left)
        case nodes.Getitem():
            yield from _texts(node.node)
        case nodes.Dict():
            yield from (text for pair in node.items for text in _texts(pair.value))


def _plural(text: str) -> str:
    return re.sub(r"%s|%\.1f", "7", text.replace("cell%s ", "cells ").replace("output%s", "outputs"))


# ---------------------------------------------------------------- what judging can say


def sentences() -> Iterator[tuple[str, str]]:
    """Every sentence in the code of checks and mistakes, with where it stands and a 7 in each gap."""
    for path in sorted(
        [*(ROOT / "grader" / "check").glob("*.py"), *(ROOT / "grader" / "diagnose").glob("*.py")]
    ):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = {
            id(value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for value in node.values
        }
        lone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in parts | lone:
                text = _filled(node)
                if re.match(r"[A-Z“`7]", text) and text.endswith(".") and WORD.search(text):
                    yield f"{path.name}:{node.lineno}", text


def _filled(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    assert isinstance(node, ast.JoinedStr)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else _gap(part)
        for part in node.values
        if isinstance(part, ast.Constant | ast.FormattedValue)
    )


def _gap(part: ast.FormattedValue) -> str:
    """A number; nothing for the s of a plural."""
    return "" if isinstance(part.value, ast.BinOp) and isinstance(part.value.op, ast.Mult) else "7"


PIECES = {
    # What is put together of them is in the catalogue.
    "{} got {}, which does not go with its float32 numbers{}.": "with and without what they were",
    "`{}`: it costs nothing.": "the page of all mistakes, no report",
    "The {} is printed, but no {}.": "loss and accuracy, in either order",
    "“{}” is {}, but its numbers are not this run's.": "kept or plotted",
    "Only the {} is {}.": "loss or accuracy, kept or plotted",
    "Loss and accuracy are {}.": "kept or plotted",
    "Neither loss nor accuracy is {}.": "printed, kept or plotted",
    "A decision boundary is drawn over the {} rows only.": "train or test",
    "The {} is shown.": "loss or accuracy",
    "The loop {}, so nobody can see whether it learns.": "two endings",
    "A printed {} is not what the model and the data give: {}.": "loss or accuracy",
    "The drawn boundary is not the trained model's{}.": "with and without whose it is",
    "The figure titled “{}” shows the {} rows.": "train or test",
    "What is learned from data would follow it.": "the end of a longer sentence",
}
EMPTY = {piece.replace("{}", "7") for piece in PIECES}


def test_it_knows_every_sentence_of_checks_and_mistakes(romanian: Catalogue) -> None:
    every = list(sentences())
    assert len(every) > 150
    missing = [f"{place}: {text}" for place, text in every if text not in EMPTY and not romanian.knows(text)]
    assert missing == []


def test_it_knows_every_sentence_of_verdicts_that_were_recorded(
    romanian: Catalogue, verdicts: list[Grade]
) -> None:
    told = {text for verdict in verdicts for text in _strings(json.loads(verdict.model_dump_json()))}
    assert len(told) > 100
    assert [text for text in told if WORD.search(text) and not romanian.knows(text)] == []


def _strings(value: object, key: str = "") -> Iterator[str]:
    """What a student reads of a verdict: no code, no output, no name."""
    told = ("message", "hint", "title", "expected", "actual", "summary", "attribution", "notes", "label")
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("source", "outputs", "submission", "lessons"):
                yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)
    elif isinstance(value, str) and key in told:
        yield value


# ---------------------------------------------------------------- nothing but words changes


def test_judging_and_json_know_nothing_of_it(
    nine: Assignment, example: Recorded, verdicts: list[Grade], in_romanian: None
) -> None:
    again = rejudge(example[0], nine, example[1]).model_copy(update={"timing": verdicts[0].timing})
    assert again == verdicts[0]
    assert json.loads(FORMATS["json"].write(again, "instructor")) == json.loads(again.model_dump_json())


def test_numbers_ids_and_codes_stay(verdicts: list[Grade], in_romanian: None) -> None:
    for verdict in verdicts:
        told = in_language(verdict)
        assert told != verdict
        for ours, theirs in zip(verdict.exercises, told.exercises, strict=True):
            for field in ("number", "points", "status", "cells", "source", "outputs"):
                assert getattr(ours, field) == getattr(theirs, field)
            assert [check.id for check in ours.checks] == [check.id for check in theirs.checks]
            assert [d.code for d in ours.diagnoses] == [d.code for d in theirs.diagnoses]


@pytest.mark.parametrize("form", ["html", "text", "github", "gradescope", "junit"])
def test_every_format_for_people_speaks_it(form: str, verdicts: list[Grade], in_romanian: None) -> None:
    text = FORMATS[form].write(verdicts[0], "student")
    assert "Rata de învățare este" in text and "The learning rate is" not in text


def test_the_page_says_which_language_it_is(verdicts: list[Grade], in_romanian: None) -> None:
    page = to_html(verdicts[0])
    assert '<html lang="ro">' in page
    for english in ("Where to look first", "What was checked", "How this was graded", "Why it matters"):
        assert english not in page


def test_what_a_student_wrote_is_no_word_of_the_catalogue(romanian: Catalogue) -> None:
    assert romanian.said("none") == "niciuna"
    assert "`none`" in romanian.said("The model has a name of its own, `none`.")


def test_what_a_student_wrote_is_escaped_in_it(verdicts: list[Grade], in_romanian: None) -> None:
    exercise = verdicts[0].exercises[2]
    evil = exercise.checks[0].model_copy(
        update={"message": "The model has a name of its own, `<script>alert(1)</script>`."}
    )
    exercises = list(verdicts[0].exercises)
    exercises[2] = exercise.model_copy(update={"checks": (evil, *exercise.checks[1:])})
    page = to_html(verdicts[0].model_copy(update={"exercises": tuple(exercises)}))
    assert "Modelul are un nume al lui, `&lt;script&gt;" in page and "<script>" not in page


def test_a_language_that_is_not_there_is_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "tlh")
    assert said("The loss could not be recomputed.") == "The loss could not be recomputed."


# ---------------------------------------------------------------- templates


@pytest.mark.parametrize(
    ("sentence", "fillings"),
    [
        ("The loss went from 0.7 to 0.2.", {1: "0.7", 2: "0.2"}),
        ("The loss went from  to 0.2.", None),
        ("The loss went from 0.7 to .", None),
        ("The loss went from 0.7.", None),
        ("It: The loss went from 0.7 to 0.2.", None),
    ],
)
def test_gaps_are_found(sentence: str, fillings: dict[int, str] | None) -> None:
    assert Template("The loss went from {1} to {2}.", "").fillings(sentence) == fillings


def test_gaps_may_change_places() -> None:
    assert Template("{1} of {2}", "aus {2} {1}").filled({1: "3", 2: "5"}, str) == "aus 5 3"


def test_a_sentence_within_a_sentence_is_said_too(romanian: Catalogue) -> None:
    told = romanian.said("Not judged, because it depends on ex3.module: The model has no hidden layer.")
    assert told == "Nejudecat, pentru că depinde de ex3.module: Modelul nu are niciun strat ascuns."


def test_what_is_long_or_nested_ends_soon(romanian: Catalogue) -> None:
    began = time.process_time()
    romanian.said("Not judged, because it depends on a: " * 60 + "“" * 900)
    romanian.said("The loss went from " + " to " * 100_000)
    assert time.process_time() - began < 1.0


# ---------------------------------------------------------------- an instructor's own


def po(folder: Path, *pairs: tuple[str, str]) -> Path:
    target = folder / "de.po"
    body = "".join(f"\nmsgid {json.dumps(a)}\nmsgstr {json.dumps(b, ensure_ascii=False)}\n" for a, b in pairs)
    target.write_text(f'msgid ""\nmsgstr "Language: de\\n"\n{body}', encoding="utf-8")
    return target


def test_a_catalogue_of_ones_own_is_named_by_its_file(tmp_path: Path) -> None:
    own = catalogue(str(po(tmp_path, ("The loss ends at {1}.", "Der Loss endet bei {1}."), ("cell {1}", ""))))
    assert own.language == "de"
    assert own.said("The loss ends at 0.5.") == "Der Loss endet bei 0.5."
    assert own.said("cell 3") == "cell 3"


@pytest.mark.parametrize("content", ["msgid 3", "no catalogue at all", '"\\xff'])
def test_a_broken_catalogue_is_one_line(tmp_path: Path, content: str) -> None:
    target = tmp_path / "broken.po"
    target.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be read as a catalogue"):
        catalogue(str(target))


def test_a_gap_that_the_english_text_has_not_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has a gap"):
        catalogue(str(po(tmp_path, ("The loss ends at {1}.", "Ende bei {2}."))))


def test_an_unknown_language_names_those_there_are(grade: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "en")
    ended = grade("rejudge", FILES / "example.evidence.zip", "--lang", "tlh")
    assert ended.status == 2
    assert ended.complaint.startswith("grade: --lang tlh: there is en, ro")
    assert languages() == ("en", "ro")


def test_the_command_speaks_it(grade: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "en")
    ended = grade("rejudge", FILES / "example.evidence.zip", "--lang", "ro", "--out", tmp_path)
    assert ended.status == 0
    assert "Nota 9.45 din 10" in ended.out
    assert '<html lang="ro">' in (tmp_path / "example.report.html").read_text(encoding="utf-8")
    assert "Rata" not in (tmp_path / "example.report.json").read_text(encoding="utf-8")
