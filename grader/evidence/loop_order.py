"""What the order of a loop's events tells: steps that come too early, graphs walked twice, no graph at all."""

from __future__ import annotations

from grader.evidence.raw import RawRun


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
    """No loss reached a parameter, because the outputs or the loss had no graph to begin with.

    A loss that was made by operations of its own, and still reaches none, was taken on outputs that were cut off.
    """
    cut = bool(event.details) and all(detail.reached == 0 for detail in event.details)
    cut_before = all(
        not detail.outputs_grad or not detail.grad or not detail.leaf for detail in event.details
    )
    return cut and cut_before
