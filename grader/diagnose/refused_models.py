"""Exceptions raised while a model is built or called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from grader.diagnose.data import costs_of, split_exercise
from grader.diagnose.scene import Scene
from grader.model.evidence import Evidence
from grader.model.failure import Failure, LibraryCall, Operand
from grader.model.finding import Mistake

_BEFORE_INIT = re.compile(r"cannot assign \w+ before Module.__init__\(\) call")
_INNER_PARTS = re.compile(r"has no attribute '(_parameters|_buffers|_modules|_\w*hooks\w*|training)'")
_DTYPES_DIFFER = re.compile(
    r"same dtype|expected scalar type \w+|must be Tensor, not (\S*ndarray|DataFrame|Series)"
)
_WIDTHS_DIFFER = re.compile(r"shapes cannot be multiplied")
_NOTHING_TO_TRAIN = "optimizer got an empty parameter list"


def missing_super_init(scene: Scene, failure: Failure) -> Mistake | None:
    """The module was used without nn.Module's own set-up, or without the class's."""
    built = _bare_class(scene.evidence) if _NOTHING_TO_TRAIN in failure.message else None
    if _BEFORE_INIT.search(failure.message) or _INNER_PARTS.search(failure.message):
        text = "The model keeps layers before nn.Module is set up: super().__init__() was not called."
    elif built is not None or _is_without_init(failure):
        text = "The class has no __init__ of its own, so building the model makes none of its layers."
    else:
        return None
    return scene.mistake(
        "model-missing-super-init",
        scene.task.spec.model_exercise,
        text,
        "Spell it __init__, with two underscores on each side, and begin it with super().__init__().",
        failure.where,
        explains=(failure.cell,),
        model_maps="fail",
        model_nonlinear="fail",
        model_logits="fail",
    )


def _is_without_init(failure: Failure) -> bool:
    """A class of the student's without `__init__` was given arguments, or asked for a layer."""
    if failure.error not in ("AttributeError", "TypeError"):
        return False
    asked = [call for call in failure.calls if call.function.endswith(("Module.__getattr__", "__init__"))]
    owners = [_owner(call) for call in asked]
    return any(owner is not None and owner.family == "own" and not owner.own_init for owner in owners)


def _owner(call: LibraryCall) -> Operand | None:
    return call.operands.get("self") or call.operands.get("module")


def _bare_class(evidence: Evidence) -> str | None:
    bare = [model for model in evidence.models if not model.own_init and not model.parameters]
    return bare[-1].class_name if bare else None


def layers_out_of_reach(scene: Scene, failure: Failure) -> Mistake | None:
    """An optimizer found no parameters: the layers are kept, or made, where the model does not know of them."""
    empty = [m for m in scene.evidence.models if m.own_init and not m.parameters]
    if _NOTHING_TO_TRAIN not in failure.message or not empty:
        return None
    model = empty[-1]
    if model.loose_layers:
        return scene.mistake(
            "model-layers-unregistered",
            scene.task.spec.model_exercise,
            "The model keeps its layers in a plain list, so model.parameters() holds nothing.",
            "Keep layers as attributes, or in an nn.ModuleList or nn.Sequential instead of a plain list.",
            model.where,
            explains=(failure.cell,),
            model_maps="fail",
            model_nonlinear="fail",
            model_logits="fail",
        )
    if _forward_builds_layers(scene.evidence, model.class_name):
        return scene.mistake(
            "model-layers-made-in-forward",
            scene.task.spec.model_exercise,
            "The forward pass makes new layers each time it runs, so the model owns no parameters to train.",
            "Make the layers once in __init__ and call them in forward().",
            model.where,
            explains=(failure.cell,),
            model_maps="fail",
            model_nonlinear="fail",
            model_logits="fail",
        )
    return None


def _forward_builds_layers(evidence: Evidence, class_name: str) -> bool:
    """Whether the class's `forward` builds modules; nothing ran, so that only the syntax tree can tell."""
    for method in _methods(evidence, class_name):
        if method.name == "forward":
            calls = (node for node in ast.walk(method) if isinstance(node, ast.Call))
            return any(
                isinstance(c.func, ast.Attribute) and c.func.attr in ("Linear", "Sequential") for c in calls
            )
    return False


def _methods(evidence: Evidence, class_name: str) -> Iterator[ast.FunctionDef]:
    for cell in evidence.submission.code_cells:
        try:
            tree = ast.parse(cell.source)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == class_name:
                yield from (item for item in node.body if isinstance(item, ast.FunctionDef))


def activation_not_instance(scene: Scene, failure: Failure) -> Mistake | None:
    """An activation's class stands where an activation, or its result, was needed."""
    seen = next((name for call in failure.calls if (name := _uncalled_activation(call))), None)
    if seen is None and failure.error == "AttributeError" and failure.calls:
        owner = _owner(failure.calls[-1])
        seen = owner.type if owner is not None and owner.family == "activation" else None
    if seen is None:
        return None
    return scene.mistake(
        "model-activation-not-instance",
        scene.task.spec.model_exercise,
        f"The class {seen} was used where an activation's result is needed: the class only builds activations.",
        f"Build it first, with parentheses: nn.{seen}(); then hand the data to what you built.",
        failure.where,
        explains=(failure.cell,),
        model_nonlinear="fail",
    )


def _uncalled_activation(call: LibraryCall) -> str | None:
    """The activation that a call took for a module or for data, or that was built from data."""
    for name, operand in call.operands.items():
        if operand.type == "type" and operand.family == "activation":
            return operand.class_name
        if operand.family == "activation" and name not in ("self", "module"):
            return operand.type
    owner = _owner(call)
    from_data = any(operand.type == "Tensor" for operand in call.operands.values())
    building = call.function.endswith("__init__") and owner is not None and owner.family == "activation"
    return owner.type if owner is not None and building and from_data else None


def wrong_dtype(scene: Scene, failure: Failure) -> Mistake | None:
    """A layer got rows of another precision than its weights, or no tensor at all."""
    if not _DTYPES_DIFFER.search(failure.message):
        return None
    layer = next((call for call in failure.calls if call.function.endswith("Linear.forward")), None)
    given = layer.operands.get("input") if layer is not None else None
    if layer is None and ".functional." in " ".join(call.function for call in failure.calls):
        return None  # a loss's business
    return mistaken_dtype(scene, failure, given, "The model", "")


def mistaken_dtype(scene: Scene, failure: Failure, given: Operand | None, who: str, why: str) -> Mistake:
    """`data-wrong-dtype`, where the data was made into what was refused."""
    spec = scene.task.spec
    exercise = split_exercise(scene.assignment, spec.dataset)
    kind = "data of another type" if given is None else given.dtype or given.type
    return Mistake(
        "data-wrong-dtype",
        exercise.number if exercise is not None else spec.loop_exercise,
        f"{who} got {kind}, which does not go with its float32 numbers{why}.",
        "Make float32 tensors of the data at the start, features and labels alike: "
        "torch.from_numpy(X).type(torch.float32).",
        failure.where,
        {} if exercise is None else costs_of(exercise, {"data.tensors": "fail"}),
        frozenset((failure.cell,)),
    )


def wrong_width(scene: Scene, failure: Failure) -> Mistake | None:
    """A layer got rows of another width than it was made for."""
    if not _WIDTHS_DIFFER.search(failure.message):
        return None
    return scene.mistake(
        "model-wrong-width",
        scene.task.spec.model_exercise,
        f"A layer got rows of another width than it was made for ({failure.message[:120]}).",
        "in_features of the first layer is the number of columns of X; "
        "of each further layer, the out_features of the one before.",
        failure.where,
        explains=(failure.cell,),
        model_maps="fail",
        model_nonlinear="fail",
        model_logits="fail",
    )
