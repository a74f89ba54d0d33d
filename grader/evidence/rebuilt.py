"""A loop that makes its model anew in each epoch leaves many short runs: here they become one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grader.evidence.raw import Raw, RawComparison, RawEvaluation, RawEvents, RawRun, RawSay, RawSnapshot

Array = np.ndarray[Any, Any]
Offsets = Mapping[str | None, tuple[str, int]]
"""Run id → id of the joined run, and backward passes of the runs before it."""
_FEWEST = 3


@dataclass(frozen=True)
class _Group:
    """Runs of different models that one line began, each for an epoch at most, in order."""

    runs: tuple[RawRun, ...]

    @property
    def name(self) -> str:
        return self.runs[-1].run

    def offsets(self) -> dict[str, int]:
        """Run id → backward passes of all runs before it."""
        found, done = {}, 0
        for run in self.runs:
            found[run.run] = done
            done += run.backwards
        return found


def with_runs_joined(raw: RawEvents) -> RawEvents:
    """The events with each such group as one run, named as its last; what was said and compared follows it."""
    groups = list(_groups(raw))
    if not groups:
        return raw
    offsets: Offsets = {name: (group.name, at) for group in groups for name, at in group.offsets().items()}
    said = {event.run for event in raw.of(RawSay)}
    tensors = dict(raw.tensors)
    joined = {group.name: _joined(group, raw, tensors, said) for group in groups}
    runs = [
        joined.get(run.run, run) for run in raw.of(RawRun) if offsets.get(run.run, (run.run, 0))[0] == run.run
    ]
    by_kind: dict[type[Raw], tuple[Raw, ...]] = {
        **raw.by_kind,
        RawRun: tuple(runs),
        RawSay: tuple(_moved_say(event, offsets) for event in raw.of(RawSay)),
        RawComparison: tuple(_moved_results(event, offsets) for event in raw.of(RawComparison)),
        RawEvaluation: tuple(_moved_evaluation(event, offsets) for event in raw.of(RawEvaluation)),
    }
    return replace(raw, by_kind=by_kind, tensors=tensors)


def _groups(raw: RawEvents) -> Iterator[_Group]:
    found: dict[tuple[int, str], list[RawRun]] = {}
    for run in {event.run: event for event in raw.of(RawRun)}.values():
        if run.backwards and run.at and _one_epoch(run, raw):
            found.setdefault((run.cell, str(run.at)), []).append(run)
    for runs in found.values():
        if len(runs) >= _FEWEST and len({run.model for run in runs}) == len(runs):
            yield _Group(tuple(runs))


def _one_epoch(run: RawRun, raw: RawEvents) -> bool:
    """No row went in twice. Trials of several settings train each model for longer."""
    rows, sizes = raw.array(run.rows), raw.array(run.batch_rows)
    if rows is None or sizes is None or rows.ndim != 2:
        return False
    return float(np.nansum(sizes)) <= 1.02 * len(np.unique(rows, axis=0))


def _joined(group: _Group, raw: RawEvents, tensors: dict[str, Array], said: set[str | None]) -> RawRun:
    last, offsets = group.runs[-1], group.offsets()
    names = {}
    for field in ("losses", "batch_rows"):
        parts = [
            part.reshape(-1) for run in group.runs if (part := raw.array(getattr(run, field))) is not None
        ]
        names[field] = f"{group.name} joined {field}"
        tensors[names[field]] = np.concatenate(parts) if parts else np.array([])
    told = [run for run in group.runs if run.run in said or run in (group.runs[0], last)]
    return last.model_copy(
        update={
            **names,
            "backwards": sum(run.backwards for run in group.runs),
            "steps": sum(run.steps for run in group.runs),
            "order": "".join(run.order for run in group.runs)[:64],
            "optimizers": list(
                dict.fromkeys(name for run in reversed(group.runs) for name in run.optimizers)
            ),
            "details": [detail for run in group.runs[:6] for detail in run.details][:100],
            "head": last.head or group.runs[0].head,
            "rows": group.runs[0].rows,
            "targets": group.runs[0].targets,
            "snapshots": [shot for run in told for shot in _moved_shots(run, offsets[run.run])],
            "rebuilt": len(group.runs),
        }
    )


def _moved_shots(run: RawRun, offset: int) -> Sequence[RawSnapshot]:
    return [shot.model_copy(update={"step": shot.step + offset}) for shot in run.snapshots]


def _moved_say(event: RawSay, offsets: Offsets) -> RawSay:
    if event.run not in offsets:
        return event
    name, at = offsets[event.run]
    return event.model_copy(update={"run": name, "step": event.step + at})


def _moved_results(event: RawComparison, offsets: Offsets) -> RawComparison:
    results = [
        (offsets[run][0], step + offsets[run][1], agreed, total)
        if run in offsets
        else (run, step, agreed, total)
        for run, step, agreed, total in event.results
    ]
    return event.model_copy(update={"results": results})


def _moved_evaluation(event: RawEvaluation, offsets: Offsets) -> RawEvaluation:
    if event.run not in offsets:
        return event
    name, at = offsets[event.run]
    return event.model_copy(update={"run": name, "step": (event.step or 0) + at})
