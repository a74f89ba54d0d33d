"""From an untrusted recording to the facts that checks judge: the stage's one entry, and its story."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from grader.evidence import reports
from grader.evidence.attribution import Assigned, assign
from grader.evidence.datasets import RowFinder, make_rows, rows_used
from grader.evidence.failures import failures
from grader.evidence.figures import read_figures
from grader.evidence.incidents import incidents
from grader.evidence.losses_made import losses_made
from grader.evidence.maps import drawn_maps, place_of
from grader.evidence.markers import Markers
from grader.evidence.measuring import held_out_accuracy, view_of_run
from grader.evidence.models import Model, read_models
from grader.evidence.pages import Pages, cells_by_meaning
from grader.evidence.parts import find_split, known_arrays, split_from_training
from grader.evidence.pictures import boundaries, curves
from grader.evidence.raw import RawEvaluation, RawEvents, RawRun, in_file_lines, read_events
from grader.evidence.rebuilt import with_runs_joined
from grader.evidence.run_rows import Data
from grader.evidence.runs import Run, read_optimizers, read_runs
from grader.evidence.tampering import tampering
from grader.model.assignment import Assignment, TaskSpec
from grader.model.evidence import (
    ClassDefinition,
    DatasetEvidence,
    DrawnMap,
    Evidence,
    ExerciseEvidence,
    KnownArray,
    RunEvidence,
    Split,
    TaskEvidence,
)
from grader.model.figures import Figure
from grader.model.recording import Recording
from grader.model.reported import Reports
from grader.model.submission import Submission, Where


@dataclass(frozen=True)
class Known:
    """What one recording gave, before it is dealt out to tasks and exercises."""

    submission: Submission
    assignment: Assignment
    markers: Markers
    raw: RawEvents
    data: Mapping[str, Data]
    arrays: Mapping[str, tuple[KnownArray, ...]]
    models: Mapping[str, Model]
    runs: tuple[Run, ...]
    reported: reports.Reported
    assigned: Mapping[str, Assigned]


def read_evidence(recording: Recording, submission: Submission, assignment: Assignment) -> Evidence:
    """Validate a recording and work out everything that can be known from it."""
    known = _known(recording, submission, assignment)
    tasks = {task.id: _task(task, known) for task in assignment.tasks}
    return Evidence(
        submission=submission,
        cells=recording.cells,
        datasets={name: _dataset(name, known) for name in known.data},
        models=tuple(model.facts for model in known.models.values()),
        tasks=tasks,
        exercises=_exercises(recording, known, tasks),
        classes=tuple(_classes(submission, assignment)),
        incidents=(*incidents(submission, recording.cells, assignment.limits), *tampering(known.raw)),
        failures=failures(known.raw, known.markers),
        seed=recording.seed,
        notes=recording.notes,
        problems=(
            *recording.problems,
            *(f"{n} events of kind {kind} were junk" for kind, n in known.raw.dropped.items()),
        ),
        probe=read_evidence(recording.probe, submission, turned(assignment)) if recording.probe else None,
        reruns=tuple(read_evidence(rerun, submission, assignment) for rerun in recording.reruns),
    )


def turned(assignment: Assignment) -> Assignment:
    """The assignment as a probe's process sees it: its data turned, its labels exchanged."""
    datasets = tuple(spec.model_copy(update={"turned": True}) for spec in assignment.datasets)
    return assignment.model_copy(update={"datasets": datasets})


def _known(recording: Recording, submission: Submission, assignment: Assignment) -> Known:
    first_lines = {cell.number: cell.first_line for cell in submission.code_cells if cell.number}
    events = in_file_lines(recording.events, first_lines)
    raw = with_runs_joined(read_events(events, recording.tensors))
    markers = Markers(submission, {exercise.number for exercise in assignment.exercises})
    data, arrays = _data(raw, submission, assignment)
    models = read_models(raw, _ranges(data))
    optimizers = read_optimizers(raw)
    runs = read_runs(raw, models, optimizers, data)
    return Known(
        submission=submission,
        assignment=assignment,
        markers=markers,
        raw=raw,
        data=data,
        arrays=arrays,
        models=models,
        runs=runs,
        reported=reports.reported(raw, read_figures(events, recording.tensors), markers, recording.cells),
        assigned=assign(assignment, markers, models, runs, optimizers),
    )


def _data(
    raw: RawEvents, submission: Submission, assignment: Assignment
) -> tuple[dict[str, Data], dict[str, tuple[KnownArray, ...]]]:
    data, arrays = {}, {}
    batches = [rows for run in raw.of(RawRun) if (rows := raw.array(run.rows)) is not None]
    for spec in assignment.datasets:
        finder = RowFinder(make_rows(spec))
        arrays[spec.id] = known_arrays(raw, finder, submission)
        split = find_split(arrays[spec.id], finder, partial(_rows_in, finder, batches))
        data[spec.id] = Data(spec, finder, split)
    return data, arrays


def _rows_in(finder: RowFinder, batches: Sequence[np.ndarray]) -> frozenset[int]:
    return frozenset(rows_used(finder, batches).tolist())


def _ranges(data: Mapping[str, Data]) -> tuple[np.ndarray, np.ndarray]:
    """The box that holds all datasets of the commonest width."""
    two = [known.finder.rows.features for known in data.values() if known.finder.rows.features.shape[1] == 2]
    every = two or [known.finder.rows.features for known in data.values()]
    return np.min([rows.min(axis=0) for rows in every], axis=0), np.max(
        [rows.max(axis=0) for rows in every], axis=0
    )


def _dataset(name: str, known: Known) -> DatasetEvidence:
    data = known.data[name]
    return DatasetEvidence(
        spec=data.spec,
        features=data.finder.rows.features,
        labels=data.finder.rows.labels,
        arrays=known.arrays[name],
        split=data.split or _split_in_use(name, known),
    )


def _split_in_use(name: str, known: Known) -> Split | None:
    """A split that no name holds: rows trained on against rows only evaluated."""
    runs = [run for run in known.runs if run.evidence.dataset == name and run.evidence.train_rows is not None]
    if not runs:
        return None
    finder = known.data[name].finder
    trained = np.unique(np.concatenate([run.evidence.train_rows for run in runs]))
    looked_at = (known.raw.array(event.rows) for event in known.raw.of(RawEvaluation))
    evaluated = rows_used(finder, [rows for rows in looked_at if rows is not None and rows.ndim == 2])
    agreement = min(
        (r.evidence.label_agreement for r in runs if r.evidence.label_agreement is not None), default=None
    )
    return split_from_training(trained[trained >= 0], evaluated, agreement, finder)


# ---------------------------------------------------------------- tasks


def _task(task: TaskSpec, known: Known) -> TaskEvidence:
    given = known.assigned[task.id]
    runs = tuple(_with_accuracy(run, task, known) for run in given.runs)
    run = next((evidence for evidence in runs if given.run and evidence.id == given.run.evidence.id), None)
    model = given.model.facts if given.model else None
    return TaskEvidence(
        spec=task,
        model=model,
        models=tuple(each.facts for each in given.models),
        run=run,
        runs=runs,
        optimizers=given.optimizers,
        loss_modules=losses_made(task, known.raw, known.markers, model, run),
        reports=_reports(given, known),
        maps=_maps(given, known),
        attribution=given.how,
        curves=curves(run, known.assignment.bands.get(task.id, {})) if run else (),
        boundaries=boundaries(given.run, known.data[task.dataset]) if given.run else (),
    )


def _with_accuracy(run: Run, task: TaskSpec, known: Known) -> RunEvidence:
    """Rows that are none of the assignment's may still have taught the model: it is measured on the task's data."""
    if run.evidence.held_out_accuracy is not None or run.model is None:
        return run.evidence
    spec = known.assignment.dataset(task.dataset)
    view = view_of_run(run.model, run.evidence)
    accuracy = held_out_accuracy(run.model, run.final_weights, spec, None, view)
    return replace(run.evidence, held_out_accuracy=accuracy)


def _reports(given: Assigned, known: Known) -> Reports:
    if given.run is None:
        return Reports(reports.without_run(known.reported, known.markers, given.task.loop_exercise))
    mine = given.run
    others = [run for run in known.runs if run not in given.runs]
    next_cell = min(
        (run.evidence.cell for run in others if run.evidence.cell > mine.evidence.cell), default=None
    )
    judged = reports.judge(mine, known.runs, known.reported, next_cell, known.submission)
    models = {model.facts.id for model in given.models}
    elsewhere = reports.judge_other_cells(given.runs, models, known.reported, next_cell)
    return replace(judged, claims=(*judged.claims, *elsewhere))


def _maps(given: Assigned, known: Known) -> tuple[DrawnMap, ...]:
    data = known.data[given.task.dataset]
    own = [run for run in given.runs if run is not given.run] + ([given.run] if given.run else [])
    others = [run for run in known.runs if run not in given.runs]
    maps = drawn_maps(_figures_for(given, known), data, own, others, known.markers)
    if given.task.plot_exercise in known.markers.marked:
        return maps
    # What was drawn anywhere was looked at: a map of another dataset's model, over none of these rows, is not for here.
    elsewhere = {
        run.evidence.model for run in others if run.evidence.dataset not in (None, given.task.dataset)
    }
    return tuple(drawn for drawn in maps if drawn.over != "none" or drawn.other_model not in elsewhere)


def _figures_for(given: Assigned, known: Known) -> list[Figure]:
    """Figures drawn in the exercise that asks for the boundary; where it is not marked, all after the run began."""
    exercise = given.task.plot_exercise
    if exercise in known.markers.marked:
        return [
            figure
            for figure in known.reported.figures
            if any(
                known.markers.exercise_at(place_of(figure, axes, known.markers)) == exercise
                for axes in figure.axes
            )
        ]
    start = given.run.evidence.cell if given.run else 0
    return [figure for figure in known.reported.figures if (figure.cell or 0) >= start]


# ---------------------------------------------------------------- exercises


def _exercises(
    recording: Recording, known: Known, tasks: Mapping[str, TaskEvidence]
) -> dict[int, ExerciseEvidence]:
    told = known.reported
    pages = Pages(
        known.submission,
        known.assignment,
        known.markers,
        recording.cells,
        told.said,
        told.figures,
        told.comparisons,
    )
    first_loop = min((run.evidence.cell for run in known.runs if run.evidence.dataset), default=None)
    meant = cells_by_meaning(known.assignment, _places(tasks.values()), first_loop)
    return {
        spec.number: pages.exercise(spec, meant.get(spec.number, ())) for spec in known.assignment.exercises
    }


def _places(tasks: Iterable[TaskEvidence]) -> dict[int, list[Where]]:
    """Where the events of each exercise happened."""
    found: dict[int, list[Where]] = {}
    for task in tasks:
        spec = task.spec
        if task.model:
            found.setdefault(spec.model_exercise, []).append(task.model.where or Where(cell=task.model.cell))
        for optimizer in task.optimizers:
            found.setdefault(spec.optimizer_exercise, []).append(
                optimizer.where or Where(cell=optimizer.cell)
            )
        for run in task.runs:
            found.setdefault(spec.loop_exercise, []).append(Where(cell=run.cell))
        for drawn in task.maps:
            found.setdefault(spec.plot_exercise, []).append(Where(cell=drawn.cell))
    return found


def _classes(submission: Submission, assignment: Assignment) -> Iterator[ClassDefinition]:
    """Classes in the order of their definition; those the lab's text defines stand at cell 0, before the file."""
    for name in assignment.earlier_classes:
        yield ClassDefinition(name, Where(cell=0))
    for cell in submission.code_cells:
        for name, line in _class_lines(cell.source):
            yield ClassDefinition(name, Where(cell=cell.number or 0, line=line + cell.first_line - 1))


@lru_cache(maxsize=256)
def _class_lines(source: str) -> tuple[tuple[str, int], ...]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return tuple((node.name, node.lineno) for node in sorted(nodes, key=lambda node: node.lineno))
