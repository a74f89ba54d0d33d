"""Checks about the loss and the optimizer (exercises 4, 7 and 9)."""

from __future__ import annotations

from typing import Literal

from grader.check.case import Case, Options, failed, missing, partly, passed
from grader.model.evidence import ModelEvidence, TaskEvidence, usual_loss
from grader.model.finding import Finding
from grader.model.submission import Where

_NAMES = {
    "bce-with-logits": "binary cross entropy with logits",
    "bce": "binary cross entropy on probabilities",
    "cross-entropy": "cross entropy",
    "nll": "negative log likelihood",
    "mse": "mean squared error",
    "l1": "mean absolute error",
    "smooth-l1": "a smooth L1 loss",
    "regression": "a regression loss",
}
_MODULES = {
    "BCEWithLogitsLoss": "bce-with-logits",
    "BCELoss": "bce",
    "CrossEntropyLoss": "cross-entropy",
    "NLLLoss": "nll",
    "MSELoss": "mse",
    "L1Loss": "l1",
    "SmoothL1Loss": "smooth-l1",
    "HuberLoss": "smooth-l1",
}
_REGRESSION = ("mse", "l1", "smooth-l1")


class LossOptions(Options):
    kind: Literal["bce-with-logits", "cross-entropy", "regression"]


def loss_in_use(task: TaskEvidence) -> tuple[str | None, Where | None]:
    """The kind of loss that trained the model; where nothing was trained, the one that was made."""
    if task.run is not None and task.run.loss_kind != "unknown":
        return task.run.loss_kind, task.loss_modules[-1][1] if task.loss_modules else task.run.where
    for name, where in reversed(task.loss_modules):
        return _MODULES.get(name, "other"), where
    return _told_by_reports(task)


def _told_by_reports(task: TaskEvidence) -> tuple[str | None, Where | None]:
    """A function's loss that never went backward has no graph; what was reported is compared with the usual one."""
    model, run = task.model, task.run
    true = any(claim.meaning == "loss" and claim.verdict == "true" for claim in task.reports.claims)
    if model is None or run is None or run.backwards or not true:
        return None, None
    return usual_loss((model.output_width or 1) > 1, model.output_activation == "sigmoid"), run.where


def loss_kind(case: Case) -> Finding:
    """The loss fits the task: what it computes counts, not how it is spelt."""
    wanted = case.read(LossOptions).kind
    kind, where = loss_in_use(case.task)
    expected = _NAMES[wanted]
    if kind is None:
        return missing("No loss for this exercise was found.", expected, case.place)
    actual = _NAMES.get(kind, "another loss")
    if kind == wanted or (wanted == "regression" and kind in _REGRESSION):
        return passed(f"The loss is {actual}.", actual, where)
    if wanted == "bce-with-logits" and kind == "bce":
        return partly(
            0.6,
            "BCELoss on a sigmoid works, but BCE with logits is the recommended, steadier form.",
            expected,
            actual,
            where,
        )
    return partly(0.5, f"The loss is {actual}.", expected, actual, where)


def _no_optimizer(case: Case) -> Finding:
    return missing("No optimizer for this exercise was found.", "an optimizer of torch.optim", case.place)


def _all_parameters(model: ModelEvidence) -> str:
    return f"all {len(model.trainable)} parameters of `{model.class_name}`"


def _moved_by_hand(case: Case) -> Finding | None:
    """What a loop that makes its steps itself does with the model's parameters; None where it makes none."""
    model, run = case.task.model, case.task.run
    if (
        model is None
        or run is None
        or run.model != model.id
        or run.steps
        or not (run.backwards and run.moved)
    ):
        return None
    moved = len(model.trainable) - len(run.unmoved)
    if run.unmoved:
        return partly(
            0.5,
            "The loop moves only some of the model's parameters.",
            _all_parameters(model),
            f"{moved} of them",
            run.where,
        )
    return passed("The loop moves all the model's parameters itself.", f"{moved} parameters", run.where)


class KindOptions(Options):
    kind: str
    other: float = 0.5


def optimizer_kind(case: Case) -> Finding:
    """The optimizer is of the recommended kind."""
    options = case.read(KindOptions)
    optimizer = case.task.optimizer
    if optimizer is None:
        return _no_optimizer(case)
    if optimizer.class_name == options.kind:
        return passed(f"The optimizer is {options.kind}.", options.kind, optimizer.where)
    return partly(
        options.other,
        f"The optimizer is {optimizer.class_name}; {options.kind} was recommended.",
        options.kind,
        optimizer.class_name,
        optimizer.where,
    )


class RateOptions(Options):
    rate: float
    kind: str = "SGD"


def learning_rate(case: Case) -> Finding:
    """The learning rate is the asked one; for another optimizer, a sane one."""
    options = case.read(RateOptions)
    optimizer = case.task.optimizer
    if optimizer is None:
        return _no_optimizer(case)
    rate = optimizer.settings.get("lr")
    given = float(rate) if isinstance(rate, (int, float)) else 0.0
    own = optimizer.class_name == options.kind
    expected = f"{options.rate:g}" if own else "between 0.00001 and 1"
    right = abs(given - options.rate) < 1e-9 if own else 1e-5 <= given <= 1.0
    if right:
        return passed(f"The learning rate is {given:g}.", f"{given:g}", optimizer.where)
    return failed(f"The learning rate is {given:g}.", expected, f"{given:g}", optimizer.where)


def optimizer_parameters(case: Case) -> Finding:
    """It holds all the trainable parameters of the model, and no other model's."""
    model, optimizer = case.task.model, case.task.optimizer
    if optimizer is None:
        return _moved_by_hand(case) or _no_optimizer(case)
    if model is None:
        return missing(
            "There is no model whose parameters it could hold.", "the model's parameters", case.place
        )
    expected = _all_parameters(model)
    if optimizer.model != model.id:
        return failed(
            "The optimizer does not hold this model's parameters.",
            expected,
            "another model's",
            optimizer.where,
        )
    held = set(optimizer.parameters) & set(model.trainable)
    if len(held) < len(model.trainable):
        return partly(
            0.5,
            "The optimizer holds only some of the model's parameters.",
            expected,
            f"{len(held)} of them",
            optimizer.where,
        )
    return passed(
        "The optimizer holds all the model's parameters.", f"{len(held)} parameters", optimizer.where
    )
