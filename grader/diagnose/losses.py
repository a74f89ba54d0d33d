"""Mistakes in choosing and calling a loss or an optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from grader.diagnose.scene import Scene
from grader.model.evidence import RunEvidence
from grader.model.finding import Mistake

_REGRESSION = {"mse": "mean squared error", "l1": "mean absolute error", "smooth-l1": "a smooth L1 loss"}


def loss_wrong_kind(scene: Scene) -> Iterator[Mistake]:
    """A regression loss for a class label."""
    run = scene.task.run
    if run is None or scene.task.spec.loss == "regression" or run.loss_kind not in _REGRESSION:
        return
    yield scene.mistake(
        "loss-wrong-kind",
        scene.task.spec.loss_exercise,
        f"The loss is {_REGRESSION[run.loss_kind]}, which measures distances, not how likely a class is.",
        "Use BCEWithLogitsLoss for two classes, CrossEntropyLoss for more.",
        run.where,
        loss_kind="part",
    )


def loss_sigmoid_twice(scene: Scene) -> Iterator[Mistake]:
    """A sigmoid's output into a loss that applies one itself."""
    run = scene.task.run
    if run is None or run.loss_kind != "bce-with-logits" or run.activation_before_loss != "sigmoid":
        return
    yield scene.mistake(
        "loss-sigmoid-twice",
        scene.task.spec.loss_exercise,
        "The loss applies a sigmoid to outputs that went through one already.",
        "Give BCEWithLogitsLoss the raw output of the last layer.",
        run.where,
        loss_kind="part",
        model_logits="fail",
    )


def loss_bce_on_logits(scene: Scene) -> Iterator[Mistake]:
    """BCELoss on raw logits."""
    run = scene.task.run
    if run is None or run.loss_kind != "bce" or run.activation_before_loss != "none":
        return
    yield scene.mistake(
        "loss-bce-on-logits",
        scene.task.spec.loss_exercise,
        "BCELoss expects probabilities between 0 and 1, but gets raw logits.",
        "Use BCEWithLogitsLoss, or put a sigmoid before BCELoss.",
        run.where,
        loss_kind="fail",
    )


def loss_softmax_twice(scene: Scene) -> Iterator[Mistake]:
    """A softmax's output into cross entropy, which applies one itself."""
    run = scene.task.run
    if run is None or run.loss_kind != "cross-entropy" or run.activation_before_loss != "softmax":
        return
    if scene.task.spec.outputs == 1 and scene.task.model and scene.task.model.output_width == 1:
        return
    yield scene.mistake(
        "loss-softmax-twice",
        scene.task.spec.loss_exercise,
        "Cross entropy applies a softmax to outputs that went through one already, which flattens its gradients.",
        "Give CrossEntropyLoss the raw output of the last layer.",
        run.where,
        loss_kind="part",
    )


def loss_one_column_ce(scene: Scene) -> Iterator[Mistake]:
    """Cross entropy over a single logit is always zero."""
    run = scene.task.run
    if run is None or run.loss_kind not in ("cross-entropy", "nll"):
        return
    columns = run.output_shape[-1] if run.output_shape and len(run.output_shape) > 1 else None
    if columns == 1:
        yield scene.mistake(
            "loss-one-column-ce",
            scene.task.spec.loss_exercise,
            "Cross entropy over a single output is always 0: there is nothing to choose between.",
            "Use BCEWithLogitsLoss with one output, or give the model one output per class.",
            run.where,
            loss_kind="fail",
        )


def loss_arguments_swapped(scene: Scene) -> Iterator[Mistake]:
    """Gradients reach the model by way of the loss's targets alone."""
    run = scene.task.run
    if run is None or not run.swapped:
        return
    yield scene.mistake(
        "loss-arguments-swapped",
        scene.task.spec.loop_exercise,
        "The loss got the labels first and the model's outputs second; it takes the outputs first.",
        "Call loss_fn(outputs, labels), in this order.",
        run.where,
        loop_learns="fail",
    )


def loss_on_classes(scene: Scene) -> Iterator[Mistake]:
    """The loss was taken on predicted classes, through which no gradient passes."""
    run = scene.task.run
    if run is None or run.hard_labels is None:
        return
    if run.hard_labels == "rounded":
        yield scene.mistake(
            "loss-on-rounded",
            scene.task.spec.loop_exercise,
            "The loss is taken on rounded predictions: rounding has no slope, so no gradient reaches the model.",
            "Hand the raw outputs to the loss; round only for the accuracy.",
            run.where,
            loop_learns="fail",
        )
    else:
        yield scene.mistake(
            "loss-on-argmax",
            scene.task.spec.loss_exercise,
            "The loss got class numbers in place of the model's scores: no gradient can pass an argmax.",
            "Hand the raw outputs to the loss; take argmax only for the accuracy.",
            run.where,
            loss_kind="fail",
        )


def loss_broadcast(scene: Scene) -> Iterator[Mistake]:
    """(N, 1) against (N,) silently spread to N × N."""
    run = scene.task.run
    if run is None or not run.broadcast:
        return
    yield scene.mistake(
        "loss-broadcast",
        scene.task.spec.loop_exercise,
        f"Outputs of shape {_shape(run)} met labels of another shape, so every output was compared with every label.",
        "Bring both to the same shape, for example with outputs.squeeze(1) or y.unsqueeze(1).",
        run.where,
        loop_learns="fail",
    )


def _shape(run: RunEvidence) -> str:
    return str(run.output_shape) if run.output_shape else "(N, 1)"


def optimizer_wrong_model(scene: Scene) -> Iterator[Mistake]:
    """It holds another model's parameters."""
    task = scene.task
    optimizer = scene.task.optimizer
    if optimizer is None or task.model is None or optimizer.model in (task.model.id, None):
        return
    if task.run is not None and task.run.rebuilt:
        return  # no optimizer could hold all of the models that the loop makes
    if (
        task.run is not None
        and task.run.moved
        and not any(o.model == optimizer.model for o in task.run.optimizers)
    ):
        return  # another optimizer than this one trained the model
    yield scene.mistake(
        "optimizer-wrong-model",
        task.spec.optimizer_exercise,
        "The optimizer holds the parameters of another model, so its steps do not move this one.",
        f"Build it with the parameters of the `{task.model.class_name}` that the loop trains.",
        optimizer.where,
        optimizer_parameters="fail",
        optimizer_fresh="fail",
        loop_learns="fail",
    )


def optimizer_missing_parameters(scene: Scene) -> Iterator[Mistake]:
    """It holds only some of the model's trainable parameters."""
    model, optimizer = scene.task.model, scene.task.optimizer
    if model is None or optimizer is None or optimizer.model != model.id:
        return
    absent = [name for name in model.trainable if name not in optimizer.parameters]
    if not absent or not optimizer.parameters:
        return
    yield scene.mistake(
        "optimizer-missing-parameters",
        scene.task.spec.optimizer_exercise,
        f"The optimizer does not hold {', '.join(absent[:4])}, so these never change.",
        "Hand it model.parameters(), which holds all of them.",
        optimizer.where,
        optimizer_parameters="part",
        optimizer_fresh="part",
    )


def optimizer_not_recommended(scene: Scene) -> Iterator[Mistake]:
    """Another optimizer than the one the exercise recommends."""
    optimizer = scene.task.optimizer
    wanted = scene.option("optimizer.kind", "kind")
    if optimizer is None or wanted is None or optimizer.class_name == wanted:
        return
    yield scene.mistake(
        "optimizer-not-recommended",
        scene.task.spec.optimizer_exercise,
        f"The optimizer is {optimizer.class_name}; this exercise recommends {wanted}.",
        f"Use torch.optim.{wanted} here; others are welcome later.",
        optimizer.where,
        optimizer_kind="part",
    )


def optimizer_wrong_rate(scene: Scene) -> Iterator[Mistake]:
    """A learning rate of SGD other than the asked one."""
    optimizer = scene.task.optimizer
    wanted = scene.option("optimizer.rate", "rate")
    if optimizer is None or wanted is None or optimizer.class_name != "SGD":
        return
    rate = optimizer.settings.get("lr")
    if isinstance(rate, (int, float)) and abs(float(rate) - float(str(wanted))) > 1e-9:
        yield scene.mistake(
            "optimizer-wrong-rate",
            scene.task.spec.optimizer_exercise,
            f"The learning rate is {rate:g}; {wanted:g} was asked for.",
            f"Pass lr={wanted:g} to the optimizer.",
            optimizer.where,
            optimizer_rate="fail",
        )


def optimizer_rebuilt(scene: Scene) -> Iterator[Mistake]:
    """The same line builds one optimizer after another while the loop runs."""
    run = scene.task.run
    if run is None:
        return
    places = [optimizer.where for optimizer in run.optimizers if optimizer.where is not None]
    again = next((place for place in places if places.count(place) >= 3), None)
    if again is not None:
        yield scene.mistake(
            "optimizer-rebuilt",
            scene.task.spec.loop_exercise,
            "The loop builds its optimizer again and again, which forgets momentum and all else it keeps.",
            "Build the optimizer once, before the loop.",
            again,
        )
