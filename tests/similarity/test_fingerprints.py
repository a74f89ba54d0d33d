"""Winnowed fingerprints."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from grader.similarity.fingerprints import LENGTH, SURE, every_gram, fingerprints


def code(start: int, end: int) -> str:
    """A symbol for each number, all different."""
    return " . ".join(["x", *(f"name{number}" for number in range(start, end))])


def test_what_two_works_share_for_long_enough_is_found() -> None:
    one, other = code(0, SURE), f"{code(100, 200)}\n{code(0, SURE)}"
    assert np.isin(fingerprints([one]).hashes, fingerprints([other]).hashes).any()


def test_what_is_shorter_than_a_gram_is_not() -> None:
    few = LENGTH // 2 - 2
    one, other = f"{code(0, few)}\n{code(20, 40)}", f"{code(0, few)}\n{code(50, 70)}"
    assert not np.isin(fingerprints([one]).hashes, fingerprints([other]).hashes).any()


def test_every_symbol_is_covered_but_for_the_edges() -> None:
    prints = fingerprints([code(0, 200)])
    assert len(prints.symbols) - 2 * (SURE - LENGTH) <= prints.covered() <= len(prints.symbols)
    assert len(prints.hashes) < len(prints.symbols) / 2


def test_what_is_subtracted_is_not_counted() -> None:
    prints = fingerprints([code(0, 100), code(200, 300)])
    rest = prints.without(every_gram([code(0, 100)]))
    assert 0.4 < rest.covered() / prints.covered() < 0.6
    assert prints.without(every_gram([code(0, 100), code(200, 300)])).covered() <= 2 * LENGTH


def test_what_is_repeated_is_subtracted_every_time() -> None:
    prints = fingerprints([code(0, 60)] * 3)
    assert prints.without(prints.hashes).covered() == 0


def test_short_works_and_no_handout_have_none() -> None:
    assert fingerprints([]).covered() == fingerprints(["x = 1"]).covered() == 0
    assert every_gram([]).size == every_gram(["", "x"]).size == 0


def test_another_process_finds_the_same() -> None:
    program = f"from grader.similarity.fingerprints import fingerprints as f; print(f([{code(0, 50)!r}]).hashes.sum())"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert int(done.stdout) == fingerprints([code(0, 50)]).hashes.sum()
    assert done.stderr == ""
