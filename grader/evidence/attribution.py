"""Which model, run and optimizer belong to which task: by the file's markers, and by meaning where they are silent.

A marker is believed unless the data contradicts it: a loop over blobs under the heading of Ex 7 is the blobs' task.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from grader.evidence.markers import Markers
from grader.evidence.models import Model, place_of
from grader.evidence.runs import Run
from grader.model.assignment import Assignment, TaskSpec
from grader.model.evidence import OptimizerEvidence

BY_MARKERS = "Found by the exercise markers in the file."
BY_MEANING = (
    "Found by what the code does (its data, models and order), where markers are missing or disagree."
)


@dataclass(frozen=True)
class Assigned:
    """What belongs to one task."""

    task: TaskSpec
    runs: tuple[Run, ...]
    run: Run | None
    models: tuple[Model, ...]
    model: Model | None
    optimizers: tuple[OptimizerEvidence, ...]
    how: str


def exercises_of(task: TaskSpec) -> frozenset[int]:
    """All exercises that judge some part of this task."""
    return frozenset(
        (
            task.model_exercise,
            task.loss_exercise,
            task.optimizer_exercise,
            task.loop_exercise,
            task.plot_exercise,
        )
    )


def assign(
    assignment: Assignment,
    markers: Markers,
    models: Mapping[str, Model],
    runs: Sequence[Run],
    optimizers: Mapping[str, OptimizerEvidence],
) -> dict[str, Assigned]:
    """Give every task its runs, models and optimizers."""
    marked = {run.evidence.id: _marked_task(run, assignment, markers) for run in runs}
    by_meaning = _by_meaning(
        [run for run in runs if not marked[run.evidence.id]], assignment, markers, marked
    )
    found = {}
    for task in assignment.tasks:
        own = [run for run in runs if task.id in (marked[run.evidence.id], by_meaning.get(run.evidence.id))]
        found[task.id] = _assigned(
            task, own, any(marked[run.evidence.id] for run in own), markers, models, optimizers
        )
    return _without_shared_models(found, markers, models, optimizers)


def _marked_task(run: Run, assignment: Assignment, markers: Markers) -> str | None:
    """The task that the run's place is marked as, unless the rows it trained on are another task's."""
    exercise = _exercise_of_stack(run, markers)
    if exercise is None:
        return None
    dataset = run.evidence.dataset
    exact = [task for task in assignment.tasks if task.loop_exercise == exercise]
    near = [task for task in assignment.tasks if exercise in exercises_of(task)]
    for task in [*exact, *near]:
        if dataset is None or task.dataset == dataset:
            return task.id
    return None


def _exercise_of_stack(run: Run, markers: Markers) -> int | None:
    """The exercise of the line that was running, or of the first marked function it called."""
    return markers.exercise_at(markers.place(run.raw.at, run.raw.cell))


def _by_meaning(
    runs: Sequence[Run], assignment: Assignment, markers: Markers, marked: Mapping[str, str | None]
) -> dict[str, str]:
    """Tasks for runs that no marker places: by data, then by how the model behaves, then by order."""
    taken = {task for task in marked.values() if task}
    found: dict[str, str] = {}
    for dataset in {task.dataset for task in assignment.tasks}:
        own = [run for run in runs if run.evidence.dataset == dataset and not _is_extra(run, markers)]
        open_tasks = [task for task in assignment.tasks if task.dataset == dataset and task.id not in taken]
        found.update(_share_out(own, open_tasks))
    return found


def _is_extra(run: Run, markers: Markers) -> bool:
    return _exercise_of_stack(run, markers) == 0


def _share_out(runs: Sequence[Run], tasks: Sequence[TaskSpec]) -> dict[str, str]:
    """Runs over one dataset among the tasks on it."""
    names = list(dict.fromkeys(run.evidence.model for run in runs))
    if not names or not tasks:
        return {}
    alone = len(tasks) == 1
    chosen = dict.fromkeys(names, tasks[0].id) if alone else _models_to_tasks(runs, names, tasks)
    return {run.evidence.id: chosen[run.evidence.model] for run in runs if run.evidence.model in chosen}


def _models_to_tasks(runs: Sequence[Run], names: Sequence[str], tasks: Sequence[TaskSpec]) -> dict[str, str]:
    """Each model to the task whose behaviour it has; models that all behave alike, in order."""
    by_name = {run.evidence.model: run for run in runs}
    behaviours = {name: _behaviour(by_name[name]) for name in names}
    if len(names) == 1:
        return {names[0]: next((t.id for t in tasks if t.behaviour == behaviours[names[0]]), tasks[0].id)}
    if len(set(behaviours.values())) == 1:
        return dict(zip(_ends(names, len(tasks)), (task.id for task in tasks), strict=False))
    chosen = {}
    for name in names:
        fitting = [task for task in tasks if task.behaviour in (behaviours[name], "any")]
        if fitting:
            chosen[name] = fitting[0].id
    return chosen


def _ends(names: Sequence[str], count: int) -> list[str]:
    """The first models for the first tasks and the last one for the last: what lies between were trials."""
    return [*names[: count - 1], names[-1]]


def _behaviour(run: Run) -> str:
    facts = run.model.facts if run.model else None
    if facts is None or facts.affine is None:
        return "any"
    return "affine" if facts.affine or facts.affine_before_output else "nonlinear"


def _assigned(
    task: TaskSpec,
    runs: Sequence[Run],
    by_marker: bool,
    markers: Markers,
    models: Mapping[str, Model],
    optimizers: Mapping[str, OptimizerEvidence],
) -> Assigned:
    run = _judged_run(runs, task, markers)
    built = [model for model in models.values() if _built_for(model, task, markers)]
    model = _judged_model(run, built)
    how = BY_MARKERS if by_marker or (not runs and built) else BY_MEANING
    every = {
        m.facts.id: m for m in [*built, *(r.model for r in runs if r.model), *([model] if model else [])]
    }
    return Assigned(
        task,
        tuple(runs),
        run,
        tuple(every.values()),
        model,
        _optimizers_for(task, run, model, markers, optimizers),
        how,
    )


def _judged_run(runs: Sequence[Run], task: TaskSpec, markers: Markers) -> Run | None:
    """The last run of the task that moved its model; a run in the loop's own exercise before one elsewhere."""
    if not runs:
        return None

    def rank(run: Run) -> tuple[bool, bool]:
        return (_exercise_of_stack(run, markers) == task.loop_exercise, bool(run.evidence.moved))

    best = max(rank(run) for run in runs)
    return [run for run in runs if rank(run) == best][-1]


def _built_for(model: Model, task: TaskSpec, markers: Markers) -> bool:
    facts = model.facts
    if not facts.parameters and not facts.calls and facts.how == "unreadable":
        return markers.exercise_at(place_of(facts)) == task.model_exercise
    return (
        markers.exercise_at(place_of(facts)) == task.model_exercise and task.model_exercise in markers.marked
    )


def _judged_model(run: Run | None, built: Sequence[Model]) -> Model | None:
    """The trained one, unless another class was built where the model was asked for and this one was not."""
    trained = run.model if run else None
    if trained is None:
        return built[-1] if built else None
    if not built or trained in built or any(m.facts.class_name == trained.facts.class_name for m in built):
        return trained
    return built[-1] if any(m.facts.calls for m in built) else trained


def _optimizers_for(
    task: TaskSpec,
    run: Run | None,
    model: Model | None,
    markers: Markers,
    optimizers: Mapping[str, OptimizerEvidence],
) -> tuple[OptimizerEvidence, ...]:
    """Those that stepped in the run, those built where the exercise asks for one, those that hold the model."""
    used = list(run.evidence.optimizers) if run else []
    placed = [o for o in optimizers.values() if markers.exercise_at(o.where) == task.optimizer_exercise]
    holding = [o for o in optimizers.values() if model is not None and o.model == model.facts.id]
    return tuple({o.id: o for o in [*used, *placed, *holding]}.values())


def _without_shared_models(
    found: dict[str, Assigned],
    markers: Markers,
    models: Mapping[str, Model],
    optimizers: Mapping[str, OptimizerEvidence],
) -> dict[str, Assigned]:
    """Unmarked files whose loops are missing: models that were only built, with the optimizers made for them.

    They are given out by shape and behaviour; one of another shape, by its behaviour and by its place between the
    models of the tasks before and after.
    """
    held = {optimizer.model for optimizer in optimizers.values()}
    for stands in (_fits, _in_place):
        for name, item in found.items():
            if markers.marked or item.model is not None:
                continue
            taken = {other.model.facts.id for other in found.values() if other.model}
            free = [m for m in models.values() if m.facts.id not in taken and _meant(m, held)]
            fitting = [model for model in free if stands(model, name, found)]
            if fitting:
                chosen = fitting[-1]
                own = _optimizers_for(item.task, None, chosen, markers, optimizers)
                found[name] = Assigned(item.task, (), None, (chosen,), chosen, own, BY_MEANING)
    return found


def _meant(model: Model, held: Collection[str | None]) -> bool:
    """A class of the student's own, or a model that an optimizer was made for."""
    return not model.raw.library_class or model.facts.id in held


def _fits(model: Model, name: str, found: Mapping[str, Assigned]) -> bool:
    facts, task = model.facts, found[name].task
    behaviour = "affine" if facts.affine else "nonlinear"
    return (
        facts.output_width == task.outputs and facts.input_width == 2 and task.behaviour in ("any", behaviour)
    )


def _in_place(model: Model, name: str, found: Mapping[str, Assigned]) -> bool:
    """Whether it behaves as the task asks, as far as that is known, and stands between its neighbours' models."""
    wanted = found[name].task.behaviour
    if model.facts.affine is not None and wanted not in (
        "any",
        "affine" if model.facts.affine else "nonlinear",
    ):
        return False
    order = list(found)
    return all(
        (_reading_place(item.model) < _reading_place(model)) == (order.index(other) < order.index(name))
        for other, item in found.items()
        if item.model is not None
    )


def _reading_place(model: Model) -> tuple[int, int]:
    place = place_of(model.facts)
    return place.cell, place.line or 0
