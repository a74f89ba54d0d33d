"""Mistakes in the training loop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grader.diagnose.loop_order import backward_twice, ending, without_graph
from grader.diagnose.scene import Scene
from grader.model.evidence import RunEvidence
from grader.model.finding import Mistake


def loop_no_zero_grad(scene: Scene) -> Iterator[Mistake]:
    """Gradients of one step are still there at the next."""
    run = scene.task.run
    if run is None or run.reset is not False or not run.moved or run.stepped_first or run.rebuilt:
        return
    yield scene.mistake(
        "loop-no-zero-grad",
        scene.task.spec.loop_exercise,
        "Each step adds its gradients to those of all steps before: they were never cleared.",
        "Call optimizer.zero_grad() once in every step, with its parentheses.",
        run.where,
        loop_learns="fail",
    )


def loop_zero_grad_before_step(scene: Scene) -> Iterator[Mistake]:
    """Gradients are cleared between backward and step."""
    run = scene.task.run
    if run is None or not run.reset_before_step or run.moved or run.stepped_first:
        return
    yield scene.mistake(
        "loop-zero-grad-before-step",
        scene.task.spec.loop_exercise,
        "The gradients are cleared after backward() and before step(), so the step has nothing to go by.",
        "Clear them first: zero_grad(), then backward(), then step().",
        run.where,
        loop_learns="fail",
    )


def loop_no_backward(scene: Scene) -> Iterator[Mistake]:
    """Steps without any gradients."""
    run = scene.task.run
    if run is None or run.backwards or not run.steps:
        return
    yield scene.mistake(
        "loop-no-backward",
        scene.task.spec.loop_exercise,
        "The optimizer steps, but backward() is never called: there are no gradients to step along.",
        "Call loss.backward() between zero_grad() and step().",
        run.where,
        loop_learns="fail",
    )


def loop_no_step(scene: Scene) -> Iterator[Mistake]:
    """Gradients are computed, and nothing uses them."""
    run = scene.task.run
    if run is None or run.steps or run.moved or not run.backwards or run.cut_off:
        return
    if run.rebuilt or backward_twice(scene, run):
        return
    yield scene.mistake(
        "loop-no-step",
        scene.task.spec.loop_exercise,
        "Gradients are computed, but no step follows: the model's parameters stay as they were.",
        "Call optimizer.step() after loss.backward().",
        run.where,
        loop_learns="fail",
    )


def loop_loss_rewrapped(scene: Scene) -> Iterator[Mistake]:
    """The loss that goes backward does not depend on the model."""
    run = scene.task.run
    if run is None or not run.backwards or not run.cut_off or without_graph(scene, run):
        return
    error = ending(scene, run)
    yield scene.mistake(
        "loop-loss-rewrapped",
        scene.task.spec.loop_exercise,
        "The loss is cut off from the model: no parameter of it can be reached by backward().",
        "Call backward() on the very tensor the loss function returned; do not wrap it in a new tensor or detach it.",
        run.where,
        (run.cell,) if error and "does not require grad" in error.message else (),
        loop_learns="fail",
    )


def loop_weights_carried_over(scene: Scene) -> Iterator[Mistake]:
    """The run begins with the weights that another exercise's run ended with."""
    run = scene.task.run
    if run is None or run.initial_weights_of is None or scene.task.spec.behaviour != "nonlinear":
        return
    if run.initial_weights_of in {own.id for own in scene.task.runs}:
        return
    yield scene.mistake(
        "loop-weights-carried-over",
        scene.task.spec.loop_exercise,
        "Training goes on with the weights that an earlier exercise's training ended with.",
        "Build the new model again before its loop.",
        run.where,
        loop_learns="part",
    )


def loop_trains_on_test(scene: Scene) -> Iterator[Mistake]:
    """Test rows among the training batches."""
    run = scene.task.run
    split = scene.evidence.datasets[scene.task.spec.dataset].split
    if run is None or run.train_rows is None or split is None or split.source != "names":
        return
    if not run.backwards:
        return  # it trains on nothing
    test = split.test_features.rows
    if test is None or run.dataset != scene.task.spec.dataset:
        return
    seen = np.unique(run.train_rows[run.train_rows >= 0])
    share = float(np.isin(seen, test[test >= 0]).mean()) if len(seen) else 0.0
    if share > 0.02:
        yield scene.mistake(
            "loop-trains-on-test",
            scene.task.spec.loop_exercise,
            f"{share:.0%} of the rows the loop trains on are test rows.",
            "Train on X_train only; the test rows are there to see how the model does on data it never saw.",
            run.where,
            loop_learns="fail",
        )


def loop_diverged(scene: Scene) -> Iterator[Mistake]:
    """The loss became infinite or no number."""
    run = scene.task.run
    if run is None or run.finite:
        return
    yield scene.mistake(
        "loop-diverged",
        scene.task.spec.loop_exercise,
        "The loss became infinite or NaN: the steps were too large.",
        "Lower the learning rate.",
        run.where,
        loop_learns="fail",
    )


def loop_undertrained(scene: Scene) -> Iterator[Mistake]:
    """A sound loop that was still improving when it stopped."""
    run = scene.task.run
    target = scene.option("accuracy.held-out", "full")
    if run is None or target is None or run.held_out_accuracy is None or run.held_out_accuracy >= target:
        return
    if run.reset is False or not run.moved or not run.finite or not _still_falling(run):
        return
    if run.rebuilt or ending(scene, run) is not None:
        return
    yield scene.mistake(
        "loop-undertrained",
        scene.task.spec.loop_exercise,
        "The loss was still falling when training stopped.",
        "Train for more epochs, or take larger steps.",
        run.where,
    )


def _still_falling(run: RunEvidence) -> bool:
    """Whether the last fifth of the training still lowered the loss, recomputed over all rows where that is known."""
    known = [point.train_loss for point in run.measured if point.train_loss is not None]
    if len(known) >= 5:
        before = known[-1 - max(1, len(known) // 5)]
        return known[-1] < before - 0.0002 * abs(before)
    losses = run.losses
    if len(losses) < 10:
        return True
    fifth = max(1, len(losses) // 5)
    return float(losses[-fifth:].mean()) < 0.995 * float(losses[-2 * fifth : -fifth].mean())
