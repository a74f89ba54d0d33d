"""Collects what was reported about each training run and has it judged against the recomputed figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from grader.evidence.markers import Markers
from grader.evidence.measuring import view_of_run
from grader.evidence.predictions import prediction_slip
from grader.evidence.raw import RawComparison, RawEvaluation, RawEvents, RawName, RawSay
from grader.evidence.runs import Run
from grader.evidence.truth import judge_outside, judge_reports
from grader.model.evidence import Measured
from grader.model.figures import Figure
from grader.model.recording import CellRun
from grader.model.reported import Claim, Comparison, Pairing, Reports, Said, Series
from grader.model.submission import Submission, Where

Array = np.ndarray[Any, Any]
_LONGEST_RESULT = 2000
_MOST_CURVES = 12
_MOST_LINES_AFTER = 1000
_FEWEST_ROWS = 100
_FORMS_OF_CURVES = 4
"""Loss and accuracy, kept and plotted."""


@dataclass(frozen=True)
class Reported:
    """Everything in a recording that may report a figure."""

    said: tuple[Said, ...]
    results: tuple[Said, ...]
    """What cells showed without printing it: the values of their last lines."""
    kept: tuple[Series, ...]
    figures: tuple[Figure, ...]
    comparisons: tuple[Comparison, ...]
    evaluations: tuple[RawEvaluation, ...]
    sizes: frozenset[int] = frozenset()
    """How many rows or numbers the student's arrays have."""


def reported(
    raw: RawEvents, figures: tuple[Figure, ...], markers: Markers, cells: Sequence[CellRun]
) -> Reported:
    """Read prints, shown results, collections and comparisons."""
    return Reported(
        said=tuple(Said(markers.place(e.at, e.cell), e.cell, e.run, e.step, e.text) for e in raw.of(RawSay)),
        results=tuple(_results(cells)),
        kept=tuple(_series(raw)),
        figures=figures,
        comparisons=tuple(_comparison(event, raw) for event in raw.of(RawComparison)),
        evaluations=raw.of(RawEvaluation),
        sizes=frozenset(e.shape[0] for e in raw.of(RawName) if e.shape and e.shape[0] >= _FEWEST_ROWS),
    )


def _results(cells: Sequence[CellRun]) -> Iterator[Said]:
    for run in cells:
        for output in run.outputs:
            if output.kind == "result" and output.text.strip():
                yield Said(Where(cell=run.number), run.number, None, 0, output.text[:_LONGEST_RESULT])


def _series(raw: RawEvents) -> list[Series]:
    found = []
    for name in raw.of(RawName):
        values = raw.array(name.values)
        one_row = name.type == "series" or (name.type in ("array", "tensor") and len(name.shape) == 1)
        if values is not None and one_row and values.size >= 3:
            found.append(Series(name.name, name.cell, values.reshape(-1).astype(float), name.with_graph))
        elif values is not None and values.ndim == 2:
            rows = values.T if name.type == "frame" else _curves_of(values)
            found.extend(
                Series(f"{name.name}[{k}]", name.cell, row.astype(float))
                for k, row in enumerate(rows[:_MOST_CURVES])
            )
    return found


def _curves_of(values: Array) -> Array:
    """The long side of an array with a curve per row or column; none where some value is negative, as features are."""
    rows = values.T if values.shape[0] > values.shape[1] else values
    return rows if len(rows) <= _MOST_CURVES and (values >= 0).all() else rows[:0]


def _comparison(event: RawComparison, raw: RawEvents) -> Comparison:
    return Comparison(
        where=event.where,
        cell=event.cell,
        left_shape=tuple(event.shapes[0]),
        right_shape=tuple(event.shapes[1]),
        results=tuple(event.results),
        pairs=tuple(Pairing(*(raw.array(reference) for reference in pair)) for pair in event.pairs),
        raised=event.raised,
        places=tuple(Where(cell=cell, line=line) for cell, line in event.at),
    )


def judge(
    run: Run, runs: Sequence[Run], everything: Reported, next_cell: int | None, submission: Submission
) -> Reports:
    """What was reported about one run, in its own cell and after it until the next run's.

    A row of numbers that is true of another run is no claim about this one.
    """
    mine = _judged(run, everything, next_cell, submission)
    rivals = [other for other in runs if other.evidence.id != run.evidence.id]
    doubtful = {_mark(claim) for claim in mine.claims if claim.how != "printed" and claim.verdict != "true"}
    for other in rivals if doubtful else ():
        doubtful -= {
            _mark(c)
            for c in _judged(other, everything, None, submission).claims
            if c.verdict in ("true", "slip")
        }
    kept = (
        claim
        for claim in mine.claims
        if claim.how == "printed" or claim.verdict in ("true", "slip") or _mark(claim) in doubtful
    )
    later = _later(run, everything, next_cell, submission, mine)
    return replace(mine, claims=(*kept, *later))


def _later(
    run: Run, everything: Reported, next_cell: int | None, submission: Submission, near: Reports
) -> Iterator[Claim]:
    """Curves of this run that stand only behind the next run, as where all models are drawn together at the end.

    There a row of numbers may be any run's: only a true one is a claim about this run.
    """
    had = {(claim.how, claim.meaning) for claim in near.claims}
    if next_cell is None or len({pair for pair in had if pair[0] != "printed"}) == _FORMS_OF_CURVES:
        return
    for claim in _judged(run, everything, None, submission).claims:
        behind = claim.how != "printed" and claim.cell >= next_cell
        if behind and claim.verdict == "true" and (claim.how, claim.meaning) not in had:
            yield claim


def _mark(claim: Claim) -> tuple[str, int, str]:
    return claim.how, claim.cell, claim.text


def _judged(run: Run, everything: Reported, next_cell: int | None, submission: Submission) -> Reports:
    evidence = run.evidence

    def near(cell: int | None) -> bool:
        return (
            cell is not None
            and evidence.cell <= cell
            and (next_cell is None or cell < next_cell or cell == evidence.cell)
        )

    return judge_reports(
        evidence,
        [said for said in everything.said if said.cell == evidence.cell],
        [series for series in everything.kept if near(series.cell)],
        [figure for figure in everything.figures if near(figure.cell)],
        _with_slips(run, everything, submission),
        train_size=len(run.train[0]) if run.train else None,
        test_size=len(run.test[0]) if run.test else None,
        other_sizes=everything.sizes,
        afterwards=_lines(
            *(
                said
                for said in everything.said
                if said.run is None and said.cell > evidence.cell and near(said.cell)
            ),
            *(result for result in everything.results if near(result.cell)),
        ),
    )


def _lines(*said: Said) -> list[Said]:
    lines = (replace(each, text=text) for each in said for text in each.text.splitlines())
    return list(islice(lines, _MOST_LINES_AFTER))


def _with_slips(run: Run, everything: Reported, submission: Submission) -> list[Comparison]:
    """The comparisons made during a run; where its model is known, with the way that predictions were made."""
    name = run.evidence.id
    own = [
        line
        for line in everything.comparisons
        if any(result[0] == name for result in line.results)
        or (line.raised and line.cell == run.evidence.cell)
    ]
    if run.model is None:
        return own
    view = view_of_run(run.model, run.evidence)
    return [replace(line, slip=prediction_slip(line, view, submission)) for line in own]


def judge_other_cells(
    runs: Sequence[Run], models: set[str], everything: Reported, next_cell: int | None
) -> tuple[Claim, ...]:
    """Figures shown about these models outside their loops: in cells that evaluate them, and as cells' results."""
    trained_in = {run.evidence.cell for run in runs}
    evaluated_in = {e.cell for e in everything.evaluations if e.model in models}
    last = max(trained_in, default=0)
    shown_in = {said.cell for said in everything.results if last <= said.cell < (next_cell or 10**9)}
    claims: list[Claim] = []
    for cell in sorted(evaluated_in | shown_in):
        said = [
            said
            for said in everything.said
            if said.cell == cell and said.run is None and cell not in trained_in
        ]
        said += [result for result in everything.results if result.cell == cell]
        comparisons = [c for c in everything.comparisons if c.cell == cell]
        claims.extend(judge_outside(said, comparisons, _moments(runs, cell)))
    return tuple(claims)


def without_run(everything: Reported, markers: Markers, exercise: int) -> tuple[Claim, ...]:
    """Figures printed in an exercise in which nothing was trained: nothing can be said for or against them."""
    lines = [
        said
        for said in everything.said
        if said.run is None and said.where is not None and markers.exercise_at(said.where) == exercise
    ]
    return judge_outside(lines, (), ())


def _moments(runs: Sequence[Run], cell: int) -> list[Measured]:
    """The models' figures as they stood around a cell: at the start of later runs, at the end of earlier ones."""
    later = [run.evidence.first for run in runs if run.evidence.cell > cell]
    earlier = [run.evidence.last for run in runs if run.evidence.cell <= cell]
    return [measured for measured in [*later, *earlier] if measured is not None]
