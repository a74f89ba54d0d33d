"""Mistakes in the order of a loop's parts, and in what they work on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.diagnose.scene import Scene
from grader.model.evidence import RunEvidence
from grader.model.finding import Mistake
from grader.model.recording import CellError
from grader.model.submission import Cell, Where

_WALKED_TWICE = "backward through the graph a second time"
_CHANGED_BETWEEN = "modified by an inplace operation"
_NO_GRAPH = "does not require grad"
_NEW_TENSORS = {"tensor", "as_tensor", "Tensor", "FloatTensor", "Variable", "from_numpy"}
_CUTS = {"detach", "detach_", "data", "item", "numpy"}


def ending(scene: Scene, run: RunEvidence) -> CellError | None:
    """The error that ended the run: that of its cell, if no other run began there later."""
    cell = next((cell for cell in scene.evidence.cells if cell.number == run.cell), None)
    if cell is None or cell.error is None:
        return None
    others = (
        other for task in scene.evidence.tasks.values() for other in task.runs if other.cell == run.cell
    )
    last = max(others, key=lambda other: (len(other.id), other.id), default=run)
    return cell.error if last.id == run.id else None


def _place(run: RunEvidence, error: CellError | None) -> Where | None:
    """The run's own line; its cell's, where the error alone tells of it."""
    return run.where or (Where(cell=run.cell, line=error.line) if error else None)


def _explained(run: RunEvidence, error: CellError | None) -> tuple[int, ...]:
    return (run.cell,) if error else ()


def backward_twice(scene: Scene, run: RunEvidence) -> bool:
    """A graph was walked again: gradients counted double, or torch refused."""
    error = ending(scene, run)
    return run.walked_again or (error is not None and _WALKED_TWICE in error.message)


def loop_backward_twice(scene: Scene) -> Iterator[Mistake]:
    """The same graph walked again."""
    run = scene.task.run
    if run is None or not backward_twice(scene, run):
        return
    error = ending(scene, run)
    refused = (
        error if error and (_WALKED_TWICE in error.message or _CHANGED_BETWEEN in error.message) else None
    )
    yield scene.mistake(
        "loop-backward-twice",
        scene.task.spec.loop_exercise,
        "backward() walks a graph that it has walked before; each forward pass is good for one backward pass.",
        "In every step compute outputs and loss anew, and call backward() once on that step's loss alone.",
        _place(run, refused),
        _explained(run, refused),
        loop_learns="fail",
    )


def loop_step_before_backward(scene: Scene) -> Iterator[Mistake]:
    """Each step goes by gradients that are absent or belong to the step before."""
    run = scene.task.run
    if run is None or not run.stepped_first or backward_twice(scene, run) or run.cut_off:
        return
    error = ending(scene, run)
    refused = error if error and _CHANGED_BETWEEN in error.message else None
    seen = "there are no gradients yet" if not run.moved else "it goes by the gradients of the step before"
    yield scene.mistake(
        "loop-step-before-backward",
        scene.task.spec.loop_exercise,
        f"step() comes before backward(): {seen}.",
        "Keep the order: zero_grad(), backward(), step().",
        _place(run, refused),
        _explained(run, refused),
        loop_learns="fail",
    )


def loop_model_rebuilt(scene: Scene) -> Iterator[Mistake]:
    """A new model in each epoch."""
    run = scene.task.run
    if run is None or not run.rebuilt:
        return
    yield scene.mistake(
        "loop-model-rebuilt",
        scene.task.spec.loop_exercise,
        f"The loop went through {run.rebuilt} models, each new and untrained: what one epoch learned, the next lost.",
        "Build the model, and its optimizer, once before the loop.",
        run.where,
        loop_learns="fail",
    )


def without_graph(scene: Scene, run: RunEvidence) -> bool:
    """The forward pass left nothing that backward() could follow; a wrapped loss is another mistake."""
    if not run.cut_off:
        return False
    trees = [tree for cell in _cells_of(scene, run) if (tree := _parsed(cell)) is not None]
    if run.outputs_detached:
        return not any(_ends_in(_NEW_TENSORS, tree) for tree in trees)
    return any(_asks_for_gradients(tree) and not _ends_in(_NEW_TENSORS | _CUTS, tree) for tree in trees)


def loop_under_no_grad(scene: Scene) -> Iterator[Mistake]:
    """The forward pass under `no_grad`, or detached."""
    run = scene.task.run
    if run is None or not without_graph(scene, run):
        return
    error = ending(scene, run)
    refused = error if error and _NO_GRAPH in error.message else None
    yield scene.mistake(
        "loop-under-no-grad",
        scene.task.spec.loop_exercise,
        "The outputs that the loss was taken on have no graph, so backward() has no way to the parameters.",
        "Leave no_grad(), inference_mode() and detach() to evaluation; the training forward pass needs gradients.",
        _place(run, refused),
        _explained(run, refused),
        loop_learns="fail",
    )


def _cells_of(scene: Scene, run: RunEvidence) -> Iterator[Cell]:
    """Where the run's backward() stands and where it was called from; only the source tells what was done there."""
    for number in dict.fromkeys([run.where.cell if run.where else run.cell, run.cell]):
        cell = scene.evidence.submission.cell(number)
        if cell is not None:
            yield cell


def _parsed(cell: Cell) -> ast.Module | None:
    try:
        return ast.parse(cell.source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _going_backward(tree: ast.Module) -> set[str]:
    """The names on which `backward()` is called."""
    return {
        node.func.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "backward"
        and isinstance(node.func.value, ast.Name)
    }


def _values_of(tree: ast.Module, names: set[str]) -> Iterator[ast.expr]:
    """What is assigned to these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id in names for target in node.targets
        ):
            yield node.value


def _ends_in(calls: set[str], tree: ast.Module) -> bool:
    """Whether a name that goes backward was assigned the result of one of these calls or attributes."""
    values = _values_of(tree, _going_backward(tree))
    return any(part in calls for value in values for part in _outermost(value))


def _asks_for_gradients(tree: ast.Module) -> bool:
    """Whether a name that goes backward was made to ask for gradients, which a loss of sound outputs never needs."""
    going = _going_backward(tree)
    if any("requires_grad_" in _outermost(value) for value in _values_of(tree, going)):
        return True
    return any(
        isinstance(node, ast.Attribute)
        and node.attr in ("requires_grad_", "requires_grad")
        and isinstance(node.value, ast.Name)
        and node.value.id in going
        for node in ast.walk(tree)
    )


def _outermost(value: ast.expr) -> list[str]:
    """The calls and attributes of a chain, the last first: `f(x).mean().data` gives data, mean, f."""
    found = []
    while isinstance(value, (ast.Call, ast.Attribute)):
        if isinstance(value, ast.Call):
            found.extend([value.func.id] if isinstance(value.func, ast.Name) else [])
            value = value.func
        else:
            found.append(value.attr)
            value = value.value
    return found
