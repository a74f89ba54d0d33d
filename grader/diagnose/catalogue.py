"""All diagnoses, and the one function that has them look at a submission."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from grader.diagnose import integrity, loop_order, loops, losses, models, plots, probe, reports
from grader.diagnose.codes import codes
from grader.diagnose.consequences import told_once
from grader.diagnose.data import data_mistakes
from grader.diagnose.failures import failure_mistakes
from grader.diagnose.scene import Diagnosis, Scene
from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.finding import Mistake

CATALOGUE: tuple[Diagnosis, ...] = (
    models.model_not_affine,
    models.model_affine,
    models.model_layer_count,
    models.model_layer_unused,
    models.model_wrong_width,
    models.model_layers_unregistered,
    models.model_layers_made_in_forward,
    models.model_relu_on_output,
    models.model_softmax_on_one_output,
    models.model_name_shadowed,
    losses.loss_wrong_kind,
    losses.loss_sigmoid_twice,
    losses.loss_bce_on_logits,
    losses.loss_softmax_twice,
    losses.loss_one_column_ce,
    losses.loss_arguments_swapped,
    losses.loss_on_classes,
    losses.loss_broadcast,
    models.loss_class_count,
    losses.optimizer_wrong_model,
    losses.optimizer_missing_parameters,
    losses.optimizer_not_recommended,
    losses.optimizer_wrong_rate,
    losses.optimizer_rebuilt,
    loops.loop_no_zero_grad,
    loops.loop_zero_grad_before_step,
    loops.loop_no_backward,
    loops.loop_no_step,
    loop_order.loop_step_before_backward,
    loop_order.loop_backward_twice,
    loop_order.loop_model_rebuilt,
    loop_order.loop_under_no_grad,
    loops.loop_loss_rewrapped,
    loops.loop_weights_carried_over,
    loops.loop_trains_on_test,
    loops.loop_diverged,
    loops.loop_undertrained,
    reports.metric_slips,
    reports.metric_untrue,
    reports.metric_keeps_graph,
    reports.metric_not_reported,
    plots.plot_missing,
    plots.plot_wrong_model,
    plots.plot_raw_logits,
    plots.plot_grid_transposed,
    plots.plot_wrong_data,
    probe.integrity_fails_on_turned_data,
    integrity.integrity_figures_written_down,
    integrity.integrity_figures_without_loop,
    integrity.integrity_losses_without_weights,
    integrity.integrity_weights_without_steps,
)


def diagnose(
    assignment: Assignment,
    evidence: Evidence,
    report: Callable[[str, Exception], None] = lambda name, error: None,
) -> tuple[Mistake, ...]:
    """Every mistake in the submission, in the order of the catalogue within each task.

    A diagnosis that breaks names nothing; it is told to `report`, and costs nothing.
    """
    scenes = [Scene(assignment, evidence, evidence.tasks[task.id]) for task in assignment.tasks]
    looks: list[tuple[str, Callable[[], Iterable[Mistake]]]] = [
        ("data_mistakes", partial(data_mistakes, assignment, evidence)),
        ("failure_mistakes", partial(failure_mistakes, assignment, evidence)),
        *((look.__name__, partial(look, scene)) for scene in scenes for look in CATALOGUE),
    ]
    found: list[Mistake] = []
    for name, look in looks:
        try:
            found.extend(look())
        except Exception as error:  # a fault of ours must never cost points
            report(name, error)
    return tuple(_with_link(mistake) for mistake in told_once(assignment, evidence, found))


def _with_link(mistake: Mistake) -> Mistake:
    code = codes().get(mistake.code)
    return mistake if code is None else replace(mistake, link=code.read)
