"""Mistakes in what is drawn."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.diagnose.loop_order import ending
from grader.diagnose.scene import Scene
from grader.model.evidence import DrawnMap
from grader.model.finding import Mistake
from grader.model.submission import Cell

_LINES = frozenset({"plot", "lineplot", "semilogy", "loglog"})
"""Methods that draw lines."""


def _maps(scene: Scene) -> tuple[DrawnMap, ...]:
    """The maps of a task whose rubric asks for them; one part's true map outweighs a wrong trial of the same part.

    Where both parts have theirs, so does one over neither.
    """
    if not scene.costs({"boundary.true": "fail"}):
        return ()
    right = {drawn.over for drawn in scene.task.maps if drawn.verdict == "true"}
    if right >= {"train", "test"}:
        right.add("none")
    return tuple(drawn for drawn in scene.task.maps if drawn.verdict == "true" or drawn.over not in right)


def _drawing_failed(scene: Scene) -> bool:
    """Whether a cell of the loop's exercise, or one that draws lines, raised: it has said why none is there."""
    page = scene.evidence.exercises.get(scene.task.spec.loop_exercise)
    if page is not None and page.errors:
        return True
    raised = (cell.number for cell in scene.evidence.cells if cell.error is not None)
    return any(_draws_lines(scene.evidence.submission.cell(number)) for number in raised)


def _draws_lines(cell: Cell | None) -> bool:
    try:
        tree = ast.parse(cell.source if cell else "")
    except (SyntaxError, ValueError, RecursionError):
        return False
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(isinstance(call, ast.Attribute) and call.attr in _LINES for call in calls)


def plot_missing(scene: Scene) -> Iterator[Mistake]:
    """No figure where one is asked for."""
    task = scene.task
    page = scene.evidence.exercises.get(task.spec.plot_exercise)
    curves_asked = scene.costs({"reports.plotted": "fail"})
    died = task.run is not None and (ending(scene, task.run) is not None or _drawing_failed(scene))
    plotted = any(claim.how == "plotted" for claim in task.reports.claims)
    if curves_asked and task.run is not None and not plotted and not died:
        yield scene.mistake(
            "plot-missing",
            task.spec.loop_exercise,
            "No line shows how loss or accuracy went.",
            "Plot the lists that the loop fills, for example with plt.plot(losses).",
            task.run.where,
            reports_plotted="fail",
        )
    maps_asked = scene.costs({"boundary.drawn": "fail"})
    # A cell that raised has said already why nothing was drawn.
    if maps_asked and page is not None and page.attempted and not page.errors and not task.maps:
        yield scene.mistake(
            "plot-missing",
            task.spec.plot_exercise,
            "No decision boundary is drawn.",
            "Call plot_decision_boundary for the train rows and for the test rows.",
            scene.evidence.exercise_where(task.spec.plot_exercise),
            boundary_drawn="fail",
        )


def plot_wrong_model(scene: Scene) -> Iterator[Mistake]:
    """Another model's boundary."""
    wrong = [drawn for drawn in _maps(scene) if drawn.verdict == "wrong-model"]
    if not wrong or scene.task.run is None:
        return
    names = {model.id: model.class_name for model in scene.evidence.models}
    whose = f": it is that of `{names[wrong[0].other_model]}`" if wrong[0].other_model in names else ""
    yield scene.mistake(
        "plot-wrong-model",
        scene.task.spec.plot_exercise,
        f"The drawn boundary is not the trained model's{whose}.",
        "Hand the plotting function the model that the last loop trained, after it was trained.",
        wrong[0].where,
        boundary_true="fail",
    )


def plot_raw_logits(scene: Scene) -> Iterator[Mistake]:
    """Logits drawn as if they were classes."""
    wrong = [drawn for drawn in _maps(scene) if drawn.verdict == "raw-logits"]
    if wrong:
        yield scene.mistake(
            "plot-raw-logits",
            scene.task.spec.plot_exercise,
            "The map shows raw logits in many shades; no line divides the classes.",
            "Turn logits into classes first: (logits > 0), or round the sigmoid.",
            wrong[0].where,
            boundary_true="part",
        )


def plot_grid_transposed(scene: Scene) -> Iterator[Mistake]:
    """x and y of the grid are exchanged."""
    wrong = [drawn for drawn in _maps(scene) if drawn.verdict == "transposed"]
    if wrong:
        yield scene.mistake(
            "plot-grid-transposed",
            scene.task.spec.plot_exercise,
            "The map is mirrored: x and y of the grid are exchanged.",
            "Use the same indexing for meshgrid, for the points handed to the model and for the drawing.",
            wrong[0].where,
            boundary_true="fail",
        )


def plot_wrong_data(scene: Scene) -> Iterator[Mistake]:
    """The same part drawn twice, or parts exchanged under their titles."""
    maps = [drawn for drawn in _maps(scene) if drawn.over in ("train", "test")]
    crossed = [d for d in maps if d.title_part in ("train", "test") and d.title_part != d.over]
    if crossed:
        yield scene.mistake(
            "plot-wrong-data",
            scene.task.spec.plot_exercise,
            f"The figure titled “{crossed[0].title}” shows the {crossed[0].over} rows.",
            "Hand the plotting function the rows that the title names.",
            crossed[0].where,
            boundary_true="part",
        )
