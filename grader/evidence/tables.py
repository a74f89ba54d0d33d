"""Figures of a whole run that are printed together once its loop is over: a table, or a line for each tenth epoch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from grader.evidence.curves import judge_kept
from grader.evidence.moments import Course
from grader.model.reported import Claim, Said, Series

_FEWEST_LINES = 3
_MEANINGS = ("loss", "accuracy")
_DECIMAL = re.compile(r"(?<![\w.])[-+]?\d+\.\d+(?:e[-+]?\d+)?(?![\w.])", re.IGNORECASE)
_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def without_tables(
    course: Course, cell: int, said: Sequence[Said]
) -> tuple[tuple[Claim, ...], tuple[Said, ...]]:
    """The claims of the tables among these lines, and the lines that belong to none.

    Lines said after the last step are a table where they hold equally many numbers each and a column of these is
    a true curve of the run. Each line counts for the part of the run whose turn it is.
    """
    claims: list[Claim] = []
    rest: list[Said] = []
    for block in _blocks(said, len(course.losses)):
        found = list(_columns(course, cell, block)) if len(block) >= _FEWEST_LINES else []
        claims.extend(found)
        rest.extend(() if found else block)
    return tuple(claims), tuple(rest)


def _blocks(said: Sequence[Said], last: int) -> Iterator[list[Said]]:
    """Neighbouring lines of the end with as many decimal numbers each; every other line is a block by itself."""
    for (count, step), lines in itertools.groupby(said, lambda line: (len(_numbers(line.text)), line.step)):
        if count and last and step >= last:
            yield list(lines)
        else:
            yield from ([line] for line in lines)


def _numbers(text: str) -> list[float]:
    return [float(digits) for digits in _DECIMAL.findall(_ESCAPE.sub("", text))]


def _columns(course: Course, cell: int, block: Sequence[Said]) -> Iterator[Claim]:
    for column in zip(*(_numbers(line.text) for line in block), strict=True):
        claim = _curve(course, cell, column)
        if claim is not None:
            yield from _by_line(claim, column, block, len(course.losses))


def _by_line(claim: Claim, column: Sequence[float], block: Sequence[Said], steps: int) -> Iterator[Claim]:
    for turn, (value, line) in enumerate(zip(column, block, strict=True), start=1):
        yield replace(
            claim,
            how="printed",
            where=line.where,
            cell=line.cell,
            step=round(turn * steps / len(block)),
            text=line.text,
            value=value,
            length=1,
        )


def _curve(course: Course, cell: int, column: Sequence[float]) -> Claim | None:
    """The claim that these numbers are a curve of the run; None where they are none."""
    values = np.array(column)
    meanings = (judge_kept(course, cell, [Series(name, cell, values)], (), False) for name in _MEANINGS)
    return next((claim for claim in itertools.chain(*meanings) if claim.verdict == "true"), None)
