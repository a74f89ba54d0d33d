"""Mistakes in the order of a loop's parts, and in what they work on."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.diagnose.scene import Scene
from grader.model.evidence import RunEvidence
from grader.model.finding import Mistake
from grader.model.recording import CellError
from grader.model.submission import Where

_WALKED_TWICE = "backward through the graph a second time"
_CHANGED_BETWEEN = "modified by an inplace operation"
_NO_GRAPH = "does not require grad"


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
    return run.cut_off and run.outputs_detached and not _rewraps(scene, run)


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


def _rewraps(scene: Scene, run: RunEvidence) -> bool:
    """Whether the name that goes backward was given a new tensor, as only the source can show."""
    cells = [run.where.cell if run.where else run.cell, run.cell]
    return any(_made_a_tensor(scene.evidence.submission.cell(number)) for number in dict.fromkeys(cells))


def _made_a_tensor(cell: object) -> bool:
    try:
        tree = ast.parse(getattr(cell, "source", ""))
    except (SyntaxError, ValueError, RecursionError):
        return False
    going = {
        node.func.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "backward"
        and isinstance(node.func.value, ast.Name)
    }
    return any(
        isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id in going for target in node.targets)
        and isinstance(node.value, ast.Call)
        and _called(node.value) in ("tensor", "as_tensor", "Tensor", "FloatTensor", "Variable", "from_numpy")
        for node in ast.walk(tree)
    )


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
