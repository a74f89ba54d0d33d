"""Checks about a model's structure and behaviour (exercises 3, 6 and 9)."""

from __future__ import annotations

from grader.check.case import Case, Options, failed, missing, partly, passed, unknown
from grader.model.evidence import ModelEvidence, TaskEvidence
from grader.model.finding import Finding


def _no_model(case: Case) -> Finding:
    return missing("No model for this exercise was found.", "an nn.Module", case.place)


class MapsOptions(Options):
    inputs: int
    outputs: int
    hidden: int = 0


def maps(case: Case) -> Finding:
    """The model takes the data's features and gives as many outputs as the task needs."""
    options = case.read(MapsOptions)
    model = case.task.model
    if model is None:
        return _no_model(case)
    expected = f"(N, {options.inputs}) to (N, {options.outputs})"
    width = _output_width(case.task, model)
    if width is None:
        return _not_run(model, expected)
    actual = f"(N, {model.input_width or '?'}) to (N, {width})"
    fits_input = model.input_width in (None, options.inputs)
    if not fits_input or not _fits_output(width, options.outputs, case.task):
        return failed(f"The model `{model.class_name}` does not fit the data.", expected, actual, model.where)
    if options.hidden and model.how == "graph" and len(model.linear_layers) < options.hidden + 1:
        return failed(
            "The model has no hidden layer.",
            f"at least {options.hidden + 1} linear layers",
            "1 linear layer",
            model.where,
        )
    return passed(f"The model `{model.class_name}` maps {actual}.", actual, model.where)


def _output_width(task: TaskEvidence, model: ModelEvidence) -> int | None:
    if model.output_width is not None:
        return model.output_width
    shape = task.run.output_shape if task.run and task.run.model == model.id else None
    if shape is None:
        return None
    return 1 if len(shape) == 1 else shape[-1]


def _fits_output(width: int, wanted: int, task: TaskEvidence) -> bool:
    """Two columns under cross entropy are another way to tell two classes apart."""
    two_columns = (
        wanted == 1 and width == 2 and task.run is not None and task.run.loss_kind == "cross-entropy"
    )
    return width == wanted or two_columns


def _not_run(model: ModelEvidence, expected: str) -> Finding:
    """A model whose forward pass raises is the student's; one we cannot follow is not."""
    if model.unreadable and (
        "raised" in model.unreadable or "never called" in model.unreadable or "new layers" in model.unreadable
    ):
        return failed(
            f"`{model.class_name}` gives no output: {model.unreadable}.", expected, "no output", model.where
        )
    return unknown(
        f"`{model.class_name}` could not be run outside the notebook: {model.unreadable}.", model.where
    )


class LayersOptions(Options):
    count: int


def linear_layers(case: Case) -> Finding:
    """Exactly so many linear layers lie on the path from input to output."""
    count = case.read(LayersOptions).count
    model = case.task.model
    if model is None:
        return _no_model(case)
    if model.how != "graph":
        return unknown(
            f"The layers of `{model.class_name}` could not be read: {model.unreadable}.", model.where
        )
    seen = len(model.linear_layers)
    shapes = ", ".join(f"{layer.inputs} → {layer.outputs}" for layer in model.linear_layers) or "none"
    if seen != count:
        unused = {name.rsplit(".", 1)[0] for name in model.unused_layers}
        text = f"The path from input to output has {seen} linear layer{'s' * (seen != 1)}."
        # Layers that were made and left out cost half, as one layer too many that is left out does.
        share = 0.5 if seen + len(unused) == count else 0.0
        return partly(share, text, f"exactly {count} linear layers", shapes, model.where)
    return passed(f"{count} linear layers: {shapes}.", shapes, model.where)


def affine(case: Case) -> Finding:
    """The model behaves affinely; a lone sigmoid at its end costs half."""
    model = case.task.model
    if model is None:
        return _no_model(case)
    expected = "no activation: a straight-line model"
    if model.affine is None:
        return unknown(
            f"The behaviour of `{model.class_name}` could not be tested: {model.unreadable}.", model.where
        )
    if model.affine:
        return passed("The model behaves as a straight-line model.", where=model.where)
    if model.affine_before_output and model.output_activation == "sigmoid":
        return partly(
            0.5,
            "The model ends in a sigmoid, which belongs into the loss.",
            expected,
            "a sigmoid at the end",
            model.where,
        )
    actual = ", ".join(model.hidden_activations) or f"{model.output_activation} at the end"
    return failed("The baseline is not a straight-line model.", expected, actual, model.where)


def nonlinear(case: Case) -> Finding:
    """A non-linearity between linear layers makes the model behave non-affinely."""
    model = case.task.model
    if model is None:
        return _no_model(case)
    expected = "a non-linear activation between linear layers"
    if model.affine is None:
        return unknown(
            f"The behaviour of `{model.class_name}` could not be tested: {model.unreadable}.", model.where
        )
    if model.affine or model.affine_before_output:
        return failed(
            "The model still behaves as a straight-line model.",
            expected,
            "no effect of any activation",
            model.where,
        )
    return passed("The model is non-linear.", ", ".join(model.hidden_activations) or None, model.where)


def logits(case: Case) -> Finding:
    """The output fits the loss that is used with it."""
    model = case.task.model
    if model is None:
        return _no_model(case)
    expected = "raw logits, which the loss turns into probabilities itself"
    if model.how == "predictions" and case.task.run and case.task.run.activation_before_loss == "none":
        return passed("The model's output goes to the loss as it is.", where=model.where)
    if model.how != "graph":
        return _not_run(model, expected)
    ending, kind = model.output_activation, case.task.run.loss_kind if case.task.run else "bce-with-logits"
    fitting = {"sigmoid": ("bce", "mse", "l1"), "log_softmax": ("nll", "cross-entropy")}
    if ending == "none" or kind in fitting.get(ending, ()):
        return passed("The model's output fits the loss used with it.", where=model.where)
    return failed(
        f"The model ends in {ending}, which the loss does not expect.",
        expected,
        f"{ending} output",
        model.where,
    )


def own_name(case: Case) -> Finding:
    """The model's class has a name that no earlier model has."""
    model = case.task.model
    if model is None:
        return _no_model(case)
    taken = case.evidence.shadowing(model, case.page.cells)
    if taken is not None:
        return failed(
            f"The class name `{model.class_name}` was already taken by an earlier model.",
            "a name of its own",
            model.class_name,
            taken,
        )
    return passed(f"The model has a name of its own, `{model.class_name}`.", model.class_name, model.where)
