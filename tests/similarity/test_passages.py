"""Runs of equal symbols, and passages made of them."""

from __future__ import annotations

import numpy as np

from grader.similarity.fingerprints import LENGTH, Fingerprints, fingerprints
from grader.similarity.passages import GAP, MOST_PLACES, Run, by_cells, longest, passages, runs
from tests.similarity.test_fingerprints import code


def shared_runs(first: Fingerprints, second: Fingerprints) -> list[Run]:
    return runs(first, second, np.intersect1d(first.hashes, second.hashes))


def test_a_run_is_where_both_say_the_same() -> None:
    first, second = fingerprints([code(100, 150), code(0, 50)]), fingerprints([code(0, 50), code(200, 250)])
    (run,) = shared_runs(first, second)
    assert run.size > 80
    assert run.first - run.second == 101
    said = [
        [work.symbols[start + at].text for at in range(run.size)]
        for work, start in ((first, run.first), (second, run.second))
    ]
    assert said[0] == said[1]


def test_other_order_makes_other_runs() -> None:
    first, second = fingerprints([code(0, 40), code(50, 90)]), fingerprints([code(50, 90), code(0, 40)])
    assert len(shared_runs(first, second)) == 2


def test_works_that_share_nothing_have_no_runs() -> None:
    assert shared_runs(fingerprints([code(0, 40)]), fingerprints([code(50, 90)])) == []
    assert longest([]) == (0, [])
    assert list(passages([], 5)) == []


def test_a_passage_goes_on_after_a_statement_that_one_put_in() -> None:
    runs_apart = [Run(0, 0, 30), Run(30 + GAP, 30, 30)]
    assert longest(runs_apart) == (60, runs_apart)
    assert longest([Run(0, 0, 30), Run(31 + GAP, 30, 40)])[0] == 40


def test_symbols_of_two_runs_count_once() -> None:
    assert longest([Run(0, 0, 30), Run(25, 30, 30)])[0] == 55


def test_passages_come_longest_first_and_never_meet() -> None:
    found = [Run(0, 100, 20), Run(0, 200, 50), Run(300, 0, 30)]
    assert list(passages(found, 5)) == [[found[1]], [found[2]]]
    assert list(passages(found, 1)) == [[found[1]]]


def test_pieces_end_where_a_cell_ends() -> None:
    first, second = fingerprints([code(0, 20), code(20, 60)]), fingerprints([code(0, 20), code(20, 60)])
    _, passage = longest(shared_runs(first, second))
    pieces = list(by_cells(first, second, passage))
    assert [first.symbols[piece[0][0]].cell for piece in pieces] == [0, 1]


def test_endless_repetition_is_bounded() -> None:
    work = fingerprints(["x = 1\n" * 5000])
    found = shared_runs(work, work)
    assert 0 < len(found) <= 3 * 2 * MOST_PLACES * LENGTH
