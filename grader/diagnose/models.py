"""Mistakes in building a model."""

from __future__ import annotations

from collections.abc import Iterator

from grader.diagnose.scene import Scene
from grader.model.evidence import ModelEvidence
from grader.model.finding import Mistake


def model_not_affine(scene: Scene) -> Iterator[Mistake]:
    """An activation in a model that was to be a straight line."""
    model = scene.task.model
    if (
        model is None
        or scene.task.spec.behaviour != "affine"
        or model.affine is not False
        or model.affine_before_output
    ):
        return
    seen = ", ".join(model.hidden_activations) or model.output_activation
    yield scene.mistake(
        "model-not-affine",
        scene.task.spec.model_exercise,
        f"The baseline bends: its outputs are no straight-line function of its inputs ({seen}).",
        "Leave every activation out of this model; the non-linear one comes later.",
        model.where,
        model_affine="fail",
    )


def model_affine(scene: Scene) -> Iterator[Mistake]:
    """An activation that is absent, unused, or stands between nothing."""
    model = scene.task.model
    if (
        model is None
        or scene.task.spec.behaviour != "nonlinear"
        or not (model.affine or model.affine_before_output)
    ):
        return
    yield scene.mistake(
        "model-affine",
        scene.task.spec.model_exercise,
        "The model still draws a straight line: no activation between its linear layers takes effect.",
        "Call an activation such as ReLU between the layers in forward(); building it in __init__ alone does nothing.",
        model.where,
        model_nonlinear="fail",
    )


def model_layer_count(scene: Scene) -> Iterator[Mistake]:
    """Another number of linear layers than was asked for."""
    model = scene.task.model
    wanted = scene.option("model.linear-layers", "count")
    if model is None or wanted is None or model.how != "graph" or len(model.linear_layers) == wanted:
        return
    yield scene.mistake(
        "model-layer-count",
        scene.task.spec.model_exercise,
        f"Input reaches output through {len(model.linear_layers)} linear layers; {wanted} were asked for.",
        "Count the nn.Linear layers that forward() really calls.",
        model.where,
        model_linear_layers="fail",
    )


def model_layer_unused(scene: Scene) -> Iterator[Mistake]:
    """A layer that the forward pass never uses."""
    model = scene.task.model
    if model is None or not model.unused_layers or model.how != "graph":
        return
    names = ", ".join(dict.fromkeys(name.rsplit(".", 1)[0] for name in model.unused_layers))
    yield scene.mistake(
        "model-layer-unused",
        scene.task.spec.model_exercise,
        f"No output depends on {names}: the forward pass never uses it.",
        "Call every layer in forward(), or remove it from __init__.",
        model.where,
        model_linear_layers="part",
    )


def model_wrong_width(scene: Scene) -> Iterator[Mistake]:
    """An input or output width that does not fit the data."""
    task, model = scene.task, scene.task.model
    if model is None or model.output_width is None:
        return
    features = scene.evidence.datasets[task.spec.dataset].features.shape[1]
    classes = scene.assignment.dataset(task.spec.dataset).classes
    if model.input_width not in (None, features):
        text = f"The model takes {model.input_width} features; a row of the data has {features}."
    elif task.spec.outputs == 1 and model.output_width > 1 and not _two_columns(scene, model):
        text = f"The model gives {model.output_width} numbers per row; the task needs one."
    elif task.spec.loss == "cross-entropy" and model.output_width > classes > 0:
        text = f"The model gives {model.output_width} numbers per row; the data have {classes} classes."
    else:
        return
    yield scene.mistake(
        "model-wrong-width",
        task.spec.model_exercise,
        text,
        "The first layer's in_features is the number of columns of X, "
        "the last layer's out_features what the loss needs.",
        model.where,
        model_maps="fail",
    )


def _two_columns(scene: Scene, model: ModelEvidence) -> bool:
    run = scene.task.run
    return model.output_width == 2 and run is not None and run.loss_kind == "cross-entropy"


def loss_class_count(scene: Scene) -> Iterator[Mistake]:
    """Fewer outputs than classes."""
    task, model = scene.task, scene.task.model
    if task.spec.loss != "cross-entropy" or model is None or model.output_width is None:
        return
    classes = scene.assignment.dataset(task.spec.dataset).classes
    if 0 < model.output_width < classes:
        yield scene.mistake(
            "loss-class-count",
            task.spec.model_exercise,
            f"The model has {model.output_width} outputs for {classes} classes.",
            "Give the last layer one output per class.",
            model.where,
            model_maps="fail",
        )


def model_layers_unregistered(scene: Scene) -> Iterator[Mistake]:
    """Layers kept where parameters() does not find them."""
    model = scene.task.model
    if model is not None and model.unregistered:
        yield scene.mistake(
            "model-layers-unregistered",
            scene.task.spec.model_exercise,
            "The model uses layers that it has not registered, so model.parameters() does not hold them.",
            "Keep layers as attributes, or in an nn.ModuleList or nn.Sequential instead of a plain list.",
            model.where,
            model_maps="fail",
        )


def model_layers_made_in_forward(scene: Scene) -> Iterator[Mistake]:
    """New layers at every call."""
    model = scene.task.model
    if model is not None and model.unreadable == "it makes new layers at every call":
        yield scene.mistake(
            "model-layers-made-in-forward",
            scene.task.spec.model_exercise,
            "The forward pass makes new layers each time it runs, with new random weights that nothing trains.",
            "Make the layers once in __init__ and call them in forward().",
            model.where,
            model_maps="fail",
        )


def model_relu_on_output(scene: Scene) -> Iterator[Mistake]:
    """ReLU after the last layer."""
    model = scene.task.model
    if model is not None and model.output_activation == "relu" and scene.task.spec.loss != "regression":
        yield scene.mistake(
            "model-relu-on-output",
            scene.task.spec.model_exercise,
            "A ReLU after the last layer keeps the model from ever giving a negative logit, so it cannot say class 0.",
            "Let the last layer's output go to the loss as it is.",
            model.where,
            model_logits="fail",
        )


def model_softmax_on_one_output(scene: Scene) -> Iterator[Mistake]:
    """Softmax over a single output: the probability is always 1."""
    model = scene.task.model
    if (
        model is not None
        and model.output_width == 1
        and model.output_activation in ("softmax", "log_softmax")
    ):
        yield scene.mistake(
            "model-softmax-on-one-output",
            scene.task.spec.model_exercise,
            "Softmax over a single output is 1 whatever the input.",
            "For two classes with one output, use a sigmoid (inside the loss: BCE with logits).",
            model.where,
            model_maps="fail",
        )


def model_name_shadowed(scene: Scene) -> Iterator[Mistake]:
    """The same class name as an earlier model's."""
    model = scene.task.model
    page = scene.evidence.exercises.get(scene.task.spec.model_exercise)
    if model is None or page is None or not scene.costs({"model.own-name": "fail"}):
        return
    taken = scene.evidence.shadowing(model, page.cells)
    if taken is not None:
        yield scene.mistake(
            "model-name-shadowed",
            scene.task.spec.model_exercise,
            f"The class `{model.class_name}` replaces an earlier model's class of the same name.",
            "Give each model a name of its own, so that the earlier one stays usable.",
            taken,
            model_own_name="fail",
        )
