"""Alike pairs of a class."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from grader.load.submission import load_submission
from grader.model.classroom import AlikePair
from grader.model.submission import Cell
from grader.similarity.pairs import LONGEST_LINE, MOST_LINES, MOST_PASSAGES, Work, alike
from tests.similarity.copying import DISGUISES, Sources, exercises, renamed, with_exercise

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
CASES = (
    "average-meter-dataclass",
    "batchnorm-adamw-schedule",
    "colab-leftovers",
    "compiled-inference-mode",
    "functional-relu-full-batch",
    "lbfgs-closures",
    "romanian-names",
    "sequential-only",
)


@pytest.fixture(scope="module")
def works() -> dict[str, Sources]:
    """Eight correct submissions that were written independently."""
    files = {case: next((CORPUS / case).glob("submission.*")) for case in CASES}
    return {
        case: tuple(cell.source for cell in load_submission(file).code_cells) for case, file in files.items()
    }


def work(key: str, *sources: str) -> Work:
    return Work(
        key, tuple(Cell(kind="code", source=source, number=at) for at, source in enumerate(sources, 1))
    )


def pairs(works: Mapping[str, Sources], *handout: str, **options: int) -> tuple[AlikePair, ...]:
    return alike([work(key, *sources) for key, sources in works.items()], handout, **options)


def names(found: tuple[AlikePair, ...]) -> list[tuple[str, str]]:
    return [(pair.first, pair.second) for pair in found]


def long_program(letter: str, lines: int = 40) -> str:
    """Code whose every line is its own."""
    return "\n".join(f"x = torch.{letter}{at}(y, {at})" for at in range(lines))


def test_independent_solutions_are_not_alike(works: dict[str, Sources]) -> None:
    assert pairs(works) == ()


def test_every_disguised_copy_is_found(works: dict[str, Sources]) -> None:
    copies = dict(zip(DISGUISES, works, strict=False))
    disguised = {f"z {how}": DISGUISES[how](works[key], random.Random(1)) for how, key in copies.items()}
    assert set(names(pairs(works | disguised))) == {(key, f"z {how}") for how, key in copies.items()}


def test_one_copied_exercise_is_found_with_its_passage(works: dict[str, Sources]) -> None:
    victim, thief = "average-meter-dataclass", "romanian-names"
    stolen = renamed(with_exercise(works[victim], 5, works[thief]), random.Random(1))
    (pair,) = pairs(works | {thief: stolen})
    assert names((pair,)) == [(victim, thief)]
    assert max(pair.first_share, pair.second_share) < 0.6
    original, copy = pair.passages[0]
    assert original.cell is not None
    assert original.cell - 1 in exercises(works[victim])[5]
    assert copy.cell is not None
    assert copy.cell - 1 in exercises(stolen)[5]


def test_passages_are_lines_of_the_works(works: dict[str, Sources]) -> None:
    copy = renamed(works["lbfgs-closures"], random.Random(1))
    (pair,) = pairs(works | {"z": copy})
    assert 0 < len(pair.passages) <= MOST_PASSAGES
    for passage in pair.passages:
        for sources, excerpt in zip((works["lbfgs-closures"], copy), passage, strict=True):
            lines = sources[(excerpt.cell or 0) - 1].split("\n")[excerpt.first_line - 1 :]
            assert [
                line[:LONGEST_LINE] for line in lines[: len(excerpt.text.split("\n"))]
            ] == excerpt.text.split("\n")
            assert len(excerpt.text.split("\n")) <= MOST_LINES


def test_lines_of_a_script_are_those_of_the_file() -> None:
    part = Cell(kind="code", source=long_program("a"), number=2, first_line=71)
    (pair,) = alike([Work("a", (part,)), work("b", long_program("a"))], ())
    assert [excerpt.first_line for excerpt in pair.passages[0]] == [71, 1]


def test_identical_works_share_all_and_come_first(works: dict[str, Sources]) -> None:
    copies = {
        "y": works["sequential-only"],
        "z": DISGUISES["disguised"](works["lbfgs-closures"], random.Random(1)),
    }
    found = pairs(works | copies)
    assert names(found) == [("sequential-only", "y"), ("lbfgs-closures", "z")]
    assert (found[0].first_share, found[0].second_share) == (1.0, 1.0)


def test_a_file_that_half_the_class_hands_in_is_still_found(works: dict[str, Sources]) -> None:
    copies = {f"z{number}": works["sequential-only"] for number in range(5)}
    found = pairs(works | copies)
    assert len(found) == 15
    assert {(pair.first_share, pair.second_share) for pair in found} == {(1.0, 1.0)}
    assert len(pairs(works | copies, most=7)) == 7


def test_the_handout_is_nobodys_own() -> None:
    given = long_program("given")
    both = {"a": (given, long_program("a")), "b": (given, long_program("b"))}
    assert len(pairs(both)) == 1
    assert pairs(both, given) == ()
    assert pairs({"a": (given,), "b": (given,)}, given) == ()


def test_what_much_of_a_class_has_is_nobodys_own() -> None:
    idiom = long_program("idiom")
    whole = {f"{key}": (idiom, long_program(key)) for key in "abcdefghij"}
    assert pairs(whole) == ()
    some = {key: sources if key in "abc" else sources[1:] for key, sources in whole.items()}
    assert names(pairs(some)) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_identical_works_are_alike_though_each_line_is_common() -> None:
    idiom = long_program("idiom")
    whole = {key: (idiom, long_program(key)) for key in "abcdefgh"}
    assert names(pairs(whole | {"y": (idiom,), "z": (idiom,)})) == [("y", "z")]


def test_a_small_share_of_a_large_work_is_a_large_share_of_a_small_one() -> None:
    (pair,) = pairs({"a": (long_program("a", 20),), "b": (long_program("a", 20), long_program("b", 200))})
    assert pair.first_share > 0.9
    assert pair.second_share < 0.2


def test_short_solutions_are_never_alike() -> None:
    assert pairs({"a": ("x = 1\ny = x + 2",), "b": ("x = 1\ny = x + 2",), "c": (), "d": ("",)}) == ()
    assert pairs({}) == pairs({"a": (long_program("a"),)}) == ()


def test_the_order_of_the_works_changes_nothing(works: dict[str, Sources]) -> None:
    whole = works | {"z": DISGUISES["talkative"](works["romanian-names"], random.Random(1))}
    assert pairs(whole) == pairs(dict(reversed(whole.items())))


def test_what_cannot_be_shown_is_not() -> None:
    hostile = long_program("a") + "  # \x1b[31m\u202e\ud800 " + "x" * 9999
    (pair,) = pairs({"a": (hostile,), "b": (hostile,)})
    text = pair.passages[0][0].text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert max(map(len, text.split("\n"))) <= LONGEST_LINE
    assert AlikePair.model_validate_json(pair.model_dump_json()) == pair


def test_text_cells_do_not_count() -> None:
    cell = Cell(kind="markdown", source=long_program("a"))
    assert alike([Work("a", (cell,)), Work("b", (cell,))], ()) == ()


def test_broken_and_monotonous_works_are_compared_like_others() -> None:
    copied = long_program("a") + "\nx = (("
    monotonous = {"c": ("x = 1\n" * 3000,), "d": ("x = 2\n" * 2999,), "e": ("(" * 9999,)}
    assert names(pairs(monotonous | {"a": (copied,), "b": (copied + "y",)})) == [("a", "b")]


def test_nothing_is_printed(works: dict[str, Sources], capfd: pytest.CaptureFixture[str]) -> None:
    pairs(works)
    assert capfd.readouterr() == ("", "")
