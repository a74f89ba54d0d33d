"""Exceptions that a named mistake explains: told by what the library was given when it refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from grader.diagnose import refused_losses, refused_models
from grader.diagnose.scene import Scene
from grader.model.assignment import Assignment
from grader.model.evidence import Evidence, TaskEvidence
from grader.model.failure import Failure
from grader.model.finding import Mistake

Reader = Callable[[Scene, Failure], Mistake | None]

_READERS: tuple[Reader, ...] = (
    refused_models.missing_super_init,
    refused_models.layers_out_of_reach,
    refused_models.activation_not_instance,
    refused_losses.loss_not_instance,
    refused_losses.arguments_swapped,
    refused_models.wrong_dtype,
    refused_models.wrong_width,
    refused_losses.wrong_dtype,
    refused_losses.bce_on_logits,
    refused_losses.one_column_cross_entropy,
    refused_losses.on_argmax,
    refused_losses.class_count,
    refused_losses.target_type,
    refused_losses.shape_mismatch,
)
"""The deeper cause before the one that follows from it."""


def failure_mistakes(assignment: Assignment, evidence: Evidence) -> Iterator[Mistake]:
    """For each cell that raised, the mistake that its exception shows, where one does."""
    for failure in evidence.failures:
        task = _task_of(failure, evidence)
        if task is None:
            continue
        scene = Scene(assignment, evidence, task)
        found = (read(scene, failure) for read in _READERS)
        mistake = next((mistake for mistake in found if mistake is not None), None)
        if mistake is not None:
            yield mistake


def _task_of(failure: Failure, evidence: Evidence) -> TaskEvidence | None:
    """By its marker; without one, the task whose run or model is there, else the first that never trained."""
    tasks = list(evidence.tasks.values())
    if failure.exercise is not None:
        return next((task for task in tasks if failure.exercise in _exercises(task)), None)
    for task in tasks:
        cells = {run.cell for run in task.runs} | {model.cell for model in task.models}
        if failure.cell in cells:
            return task
    return next((task for task in tasks if task.run is None), tasks[-1] if tasks else None)


def _exercises(task: TaskEvidence) -> set[int]:
    spec = task.spec
    return {
        spec.model_exercise,
        spec.loss_exercise,
        spec.optimizer_exercise,
        spec.loop_exercise,
        spec.plot_exercise,
    }
