"""Exceptions raised while a loss is built or computed."""

from __future__ import annotations

from dataclasses import dataclass

from grader.diagnose.refused_models import mistaken_dtype
from grader.diagnose.scene import Scene
from grader.model.failure import Failure, Operand
from grader.model.finding import Mistake

_FUNCTIONS = "torch.nn.functional."
_CROSS_ENTROPIES = ("cross_entropy", "nll_loss")
_BINARY = ("binary_cross_entropy_with_logits", "binary_cross_entropy")


@dataclass(frozen=True)
class _Refused:
    """A loss function's call that raised."""

    name: str
    input: Operand
    target: Operand

    @property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Of input and target, where both are tensors."""
        if self.input.shape is None or self.target.shape is None:
            return None
        return self.input.shape, self.target.shape

    @property
    def told(self) -> str:
        return f"outputs of shape {self.input.shape} and labels of shape {self.target.shape}"


def _refused(failure: Failure) -> _Refused | None:
    for call in failure.calls:
        name = call.function.removeprefix(_FUNCTIONS)
        takes_both = "input" in call.operands and "target" in call.operands
        if call.function.startswith(_FUNCTIONS) and takes_both:
            return _Refused(name, call.operands["input"], call.operands["target"])
    return None


def _is_whole(operand: Operand) -> bool:
    return operand.dtype in ("torch.int64", "torch.int32", "torch.int16", "torch.uint8", "torch.bool")


def loss_not_instance(scene: Scene, failure: Failure) -> Mistake | None:
    """A loss class was called with outputs and labels: that builds a loss, and computes none."""
    for call in failure.calls:
        owner = call.operands.get("self") or call.operands.get("module")
        built = call.function.endswith("__init__") and any(o.type == "Tensor" for o in call.operands.values())
        asked = call.function.endswith("Module.__getattr__")
        if owner is not None and owner.family == "loss" and (built or asked):
            return scene.mistake(
                "loss-not-instance",
                scene.task.spec.loss_exercise,
                f"{owner.type} was called with outputs and labels: that builds a loss function, and computes no loss.",
                f"Build it once, loss_fn = nn.{owner.type}(), then call loss_fn(outputs, labels).",
                failure.where,
                explains=(failure.cell,),
                loss_kind="fail",
            )
    return None


def arguments_swapped(scene: Scene, failure: Failure) -> Mistake | None:
    """The labels stand where the outputs belong."""
    loss = _refused(failure)
    if loss is None or loss.input.grad or not loss.target.grad:
        return None
    return swapped_arguments(
        scene, failure, f"{loss.name} got the labels first and the model's outputs second"
    )


def swapped_arguments(scene: Scene, failure: Failure, told: str) -> Mistake:
    return scene.mistake(
        "loss-arguments-swapped",
        scene.task.spec.loop_exercise,
        f"{told}; a loss takes the outputs first.",
        "Call loss_fn(outputs, labels), in this order.",
        failure.where,
        explains=(failure.cell,),
        loop_learns="fail",
    )


def wrong_dtype(scene: Scene, failure: Failure) -> Mistake | None:
    """A loss got labels that are no tensor; a binary one, labels that are no float32."""
    loss = _refused(failure)
    if loss is None:
        return None
    stranger = next((o for o in (loss.input, loss.target) if o.type != "Tensor" and not o.family), None)
    if stranger is not None:
        return mistaken_dtype(scene, failure, stranger, "The loss", "")
    if loss.shapes is None or loss.shapes[0] != loss.shapes[1] or loss.name in _CROSS_ENTROPIES:
        return None
    if loss.target.dtype == loss.input.dtype:
        return None
    return mistaken_dtype(scene, failure, loss.target, "The loss", ", as labels")


def bce_on_logits(scene: Scene, failure: Failure) -> Mistake | None:
    """BCELoss got numbers that are no probabilities."""
    loss = _refused(failure)
    if loss is None or "between 0 and 1" not in failure.message:
        return None
    return scene.mistake(
        "loss-bce-on-logits",
        scene.task.spec.loss_exercise,
        "BCELoss expects probabilities between 0 and 1, but gets raw logits.",
        "Use BCEWithLogitsLoss, or put a sigmoid before BCELoss.",
        failure.where,
        explains=(failure.cell,),
        loss_kind="fail",
    )


def one_column_cross_entropy(scene: Scene, failure: Failure) -> Mistake | None:
    """Cross entropy got a single score for each row."""
    loss = _refused(failure)
    if loss is None or loss.name not in _CROSS_ENTROPIES or loss.input.shape is None or not loss.input.grad:
        return None
    if len(loss.input.shape) == 2 and loss.input.shape[1] > 1:
        return None
    return scene.mistake(
        "loss-one-column-ce",
        scene.task.spec.loss_exercise,
        f"Cross entropy got a single score per row (shape {loss.input.shape}): there is nothing to choose between.",
        "Use BCEWithLogitsLoss with one output, or give the model one output per class.",
        failure.where,
        explains=(failure.cell,),
        loss_kind="fail",
    )


def on_argmax(scene: Scene, failure: Failure) -> Mistake | None:
    """Cross entropy got one class number for each row, in place of one score for each class."""
    loss = _refused(failure)
    if loss is None or loss.input.shape is None or loss.input.grad or len(loss.input.shape) != 1:
        return None
    if loss.name not in _CROSS_ENTROPIES and not _is_whole(loss.input):
        return None
    return scene.mistake(
        "loss-on-argmax",
        scene.task.spec.loss_exercise,
        "The loss got class numbers, one per row, in place of the model's scores: no gradient can pass an argmax.",
        "Hand the raw outputs to the loss; take argmax only for the accuracy.",
        failure.where,
        explains=(failure.cell,),
        loss_kind="fail",
    )


def class_count(scene: Scene, failure: Failure) -> Mistake | None:
    """A label names a class that has no output."""
    loss = _refused(failure)
    if loss is None or "out of bounds" not in failure.message or loss.input.shape is None:
        return None
    classes = scene.assignment.dataset(scene.task.spec.dataset).classes
    if not 1 < loss.input.shape[-1] < classes:
        return None
    return scene.mistake(
        "loss-class-count",
        scene.task.spec.model_exercise,
        f"The model has {loss.input.shape[-1]} outputs for {classes} classes.",
        "Give the last layer one output per class.",
        scene.task.model.where if scene.task.model is not None else failure.where,
        explains=(failure.cell,),
        model_maps="fail",
    )


def target_type(scene: Scene, failure: Failure) -> Mistake | None:
    """Cross entropy got labels that are neither class numbers nor probabilities."""
    loss = _refused(failure)
    if loss is None or loss.name not in _CROSS_ENTROPIES or loss.shapes is None:
        return None
    outputs, labels = loss.shapes
    one_hot = outputs == labels and _is_whole(loss.target)
    fitting = labels in (outputs[:1], (*outputs[:1], 1))
    if not one_hot and not (fitting and loss.target.dtype not in ("torch.int64", "torch.uint8")):
        return None
    return scene.mistake(
        "loss-target-type",
        scene.task.spec.loss_exercise,
        f"Cross entropy got labels of type {loss.target.dtype} and shape {labels}; "
        "it takes class numbers (int64, one per row), or probabilities as floats.",
        "Make the labels class numbers: y.type(torch.long), of shape (N,).",
        failure.where,
        explains=(failure.cell,),
        loss_kind="fail",
    )


def shape_mismatch(scene: Scene, failure: Failure) -> Mistake | None:
    """Outputs and labels of different shapes, refused by the loss."""
    loss = _refused(failure)
    if loss is None or loss.shapes is None or loss.shapes[0] == loss.shapes[1]:
        return None
    outputs, labels = loss.shapes
    if loss.name in _CROSS_ENTROPIES and labels == outputs[:1]:
        return None
    same_rows = outputs[:1] == labels[:1]
    if (
        loss.name in _BINARY
        and same_rows
        and len(outputs) == 2
        and outputs[1] > 1
        and labels[1:] in ((), (1,))
    ):
        return _too_many_outputs(scene, failure, outputs[1])
    return scene.mistake(
        "loss-shape-mismatch",
        scene.task.spec.loop_exercise,
        f"The loss was given {loss.told}: "
        + ("one column too many." if same_rows else "they are not about the same rows."),
        "Bring both to the same shape, for example with outputs.squeeze(1) or y.unsqueeze(1)."
        if same_rows
        else "Compare the outputs for some rows with the labels of these same rows.",
        failure.where,
        explains=(failure.cell,),
        loop_learns="fail",
    )


def _too_many_outputs(scene: Scene, failure: Failure, columns: int) -> Mistake:
    return scene.mistake(
        "model-wrong-width",
        scene.task.spec.model_exercise,
        f"The model gives {columns} numbers per row; this loss needs one.",
        "Give the last layer out_features=1, or use CrossEntropyLoss with one output per class.",
        scene.task.model.where if scene.task.model is not None else failure.where,
        explains=(failure.cell,),
        model_maps="fail",
    )
