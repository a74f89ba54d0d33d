"""How well mistakes are named: every mutant and every correct case judged, and counted by code.

Usage: `python -m tests.confusion [--bundles DIR] [--show-held-out] [CASE…]`. With `--bundles`, evidence that
lies in DIR as `<case>.evidence.zip` is judged again without running anything, and what is missing there is
executed and put there; without it, every case is executed. CASE is the beginning of a case's name. Of held-out
mutants only the counts are printed, unless they are asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.execute.bundle import read_bundle, write_bundle
from grader.execute.choice import opened_kernel
from grader.execute.kernel import Kernel
from grader.load.submission import load_submission
from grader.model.grade import Grade
from grader.model.recording import Limits
from grader.pipeline import grade, rejudge
from tests.expectations import (
    Expectation,
    assignment_for,
    cases,
    departures,
    expectation,
    false_alarms,
    names,
    points_departures,
    submission_file,
)

_COLUMNS = ("mutants", "named rightly", "other code", "missed", "false alarms", "points off")
_CODE_WIDTH = 38


@dataclass(frozen=True)
class Tally:
    """What became of one case, or of several together; a case counts once in each column that applies."""

    mutants: int = 0
    named: int = 0
    """With the right code in the right exercise."""
    other: int = 0
    """Only with another costly code, or in another exercise."""
    missed: int = 0
    """Nothing costly was named."""
    false_alarms: int = 0
    """Something costly that nobody did, or something forbidden, was named beside what is right."""
    points_off: int = 0

    def row(self) -> tuple[int, ...]:
        return (self.mutants, self.named, self.other, self.missed, self.false_alarms, self.points_off)


@dataclass(frozen=True)
class Verdict:
    case: Path
    expected: Expectation
    tally: Tally
    departures: tuple[str, ...]


def judged(case: Path, bundles: Path | None, kernel: Kernel) -> Grade:
    """The grade of a case, from its stored evidence where there is some."""
    bundle = bundles / f"{case.name}.evidence.zip" if bundles else None
    assignment = assignment_for(expectation(case))
    if bundle is not None and bundle.exists():
        submission, recording = read_bundle(bundle)
        return rejudge(submission, assignment, recording)
    graded = grade(load_submission(submission_file(case)), assignment, kernel)
    if bundle is not None:
        bundle.parent.mkdir(parents=True, exist_ok=True)
        write_bundle(bundle, graded.submission, graded.recording)
    return graded.grade


def verdict(case: Path, expected: Expectation, given: Grade) -> Verdict:
    return Verdict(case, expected, tally(expected, given), tuple(departures(expected, given)))


def tally(expected: Expectation, given: Grade) -> Tally:
    """One case, counted."""
    wrong = false_alarms(expected, given) | {key for key in names(given) if key[1] in expected.forbidden}
    off = int(any(points_departures(expected, given)))
    if expected.code is None:
        return Tally(false_alarms=int(bool(wrong)), points_off=off)
    wanted = {(named.exercise, named.code) for named in expected.diagnoses if named.code == expected.code}
    right = wanted <= names(given).keys()
    return Tally(
        mutants=1,
        named=int(right),
        other=int(not right and bool(wrong)),
        missed=int(not right and not wrong),
        false_alarms=int(right and bool(wrong)),
        points_off=off,
    )


def summed(tallies: Iterable[Tally]) -> Tally:
    rows = [tally.row() for tally in tallies]
    return Tally(*(sum(column) for column in zip(*rows, strict=True))) if rows else Tally()


def table(title: str, verdicts: Sequence[Verdict]) -> str:
    """The confusion table of these mutants: one line for each code, and the whole."""
    by_code: dict[str, list[Tally]] = {}
    for one in verdicts:
        by_code.setdefault(str(one.expected.code), []).append(one.tally)
    whole = summed(one.tally for one in verdicts)
    lines = [f"\n{title}", _line("code", _COLUMNS)]
    lines += [_line(code, summed(tallies).row()) for code, tallies in sorted(by_code.items())]
    lines += [_line("all", whole.row()), _shares(whole)]
    return "\n".join(lines)


def _line(head: str, columns: Sequence[object]) -> str:
    widths = [len(name) for name in _COLUMNS]
    cells = (f"{shown or '·'!s:>{width}}" for shown, width in zip(columns, widths, strict=True))
    return f"{head:<{_CODE_WIDTH}}" + "  ".join(cells)


def _shares(whole: Tally) -> str:
    if not whole.mutants:
        return "no mutants"
    points_right = whole.mutants - whole.points_off
    return f"named rightly {whole.named / whole.mutants:.1%}, points right {points_right / whole.mutants:.1%}"


def details(verdicts: Iterable[Verdict]) -> str:
    """What was not as expected, case by case."""
    return "\n".join(
        f"\n{one.case.name}: {one.expected.about}\n" + "\n".join(f"  - {line}" for line in one.departures)
        for one in verdicts
        if one.departures
    )


def _selected(beginnings: Sequence[str]) -> list[tuple[Path, Expectation]]:
    every = [(case, expectation(case)) for case in cases()]
    return [
        (case, expected)
        for case, expected in every
        if expected.kind in ("correct", "mutant")
        and (not beginnings or any(case.name.startswith(beginning) for beginning in beginnings))
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", nargs="*", help="beginnings of names; all where none is given")
    parser.add_argument("--bundles", type=Path, help="folder of stored evidence")
    parser.add_argument("--show-held-out", action="store_true", help="what held-out mutants show, too")
    options = parser.parse_args(arguments)
    with opened_kernel(Limits()) as kernel:
        verdicts = [
            verdict(case, expected, judged(case, options.bundles, kernel))
            for case, expected in _selected(options.cases)
        ]
    mutants = [one for one in verdicts if one.expected.kind == "mutant"]
    correct = [one for one in verdicts if one.expected.kind == "correct"]
    tuned = [one for one in mutants if not one.expected.held_out]
    held_out = [one for one in mutants if one.expected.held_out]
    print(details([*correct, *tuned, *(held_out if options.show_held_out else ())]))
    print(table("Mutants that whoever tunes may look at", tuned))
    print(table("Held-out mutants", held_out))
    whole = summed(one.tally for one in correct)
    print(
        f"\nCorrect cases: {len(correct)}, false alarms {whole.false_alarms}, points off {whole.points_off}"
    )


if __name__ == "__main__":
    main()
