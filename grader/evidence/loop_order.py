"""What the order of a loop's events tells: steps that come too early, graphs walked twice, models made anew."""

from __future__ import annotations

from collections.abc import Sequence

from grader.evidence.raw import RawRun
from grader.model.evidence import RunEvidence

_FEWEST_MODELS = 3


def stepped_first(event: RawRun) -> bool:
    """Each step came before its backward pass, though no closure made one within the step.

    A single step ahead of the loop, which quietens a scheduler, is one step more than backward passes.
    """
    begins = event.order.lstrip("Z").startswith("S")
    return begins and not event.closure and event.steps == event.backwards > 0


def walked_again(event: RawRun) -> bool:
    """A graph was walked once more before anything cleared or used the gradients of the first time."""
    return any(detail.again and detail.after == "B" and detail.grads_before for detail in event.details)


def outputs_detached(event: RawRun) -> bool:
    """No loss reached a parameter, because the outputs or the loss had no graph to begin with."""
    cut = event.details and all(detail.reached == 0 for detail in event.details)
    return bool(cut) and all(not detail.outputs_grad or not detail.grad for detail in event.details)


def rebuilt_models(runs: Sequence[RunEvidence]) -> dict[str, int]:
    """Of runs that one line made of ever new models, each for an epoch at most: id of the last → how many.

    `runs` in the order in which they began. Trials of several settings train each model for longer.
    """
    found: dict[str, int] = {}
    for group in _alike(runs):
        models = {run.model for run in group}
        if len(models) == len(group) >= _FEWEST_MODELS:
            found[group[-1].id] = len(group)
    return found


def _alike(runs: Sequence[RunEvidence]) -> list[list[RunEvidence]]:
    groups: dict[tuple[int, str], list[RunEvidence]] = {}
    for run in runs:
        if 0 < run.backwards <= (run.steps_per_epoch or 1):
            groups.setdefault((run.cell, str(run.where)), []).append(run)
    return list(groups.values())
