"""Evidence of an excellent submission, made by hand, and short ways to spoil one thing in it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from grader.check.case import Case
from grader.check.judge import judge
from grader.check.vocabulary import VOCABULARY
from grader.evidence.datasets import make_rows
from grader.load.assignment import default_assignment_folder, load_assignment
from grader.model.assignment import Assignment, CheckSpec, DatasetSpec, ExerciseSpec, TaskSpec
from grader.model.evidence import (
    ClassDefinition,
    DatasetEvidence,
    DrawnMap,
    Evidence,
    ExerciseEvidence,
    KnownArray,
    LinearLayer,
    Measured,
    ModelEvidence,
    OptimizerEvidence,
    RunEvidence,
    Split,
    TaskEvidence,
)
from grader.model.finding import Finding, Findings, Mistake
from grader.model.recording import CellRun, Output
from grader.model.reported import Claim, Reports
from grader.model.submission import Cell, Submission, Where

PRINTED = """\
torch.Size([2000, 2]) torch.Size([2000])
Features per sample: 2
[[ 0.44520512 -0.55836925]
 [-0.6263146   0.81511963]
 [-0.40089411  0.7175086 ]]
"""


@lru_cache(maxsize=1)
def assignment() -> Assignment:
    """The nine exercises as they are shipped."""
    return load_assignment(default_assignment_folder())


# ---------------------------------------------------------------- parts


def array(
    data: DatasetEvidence, name: str, rows: np.ndarray, role: str = "features", **changes: Any
) -> KnownArray:
    """Some rows of a dataset, or their labels, as a student holds them."""
    values = data.features[rows] if role == "features" else data.labels[rows].astype(float)
    plain = KnownArray(
        name=name,
        where=Where(cell=2, line=4),
        container="tensor",
        dtype="torch.float32",
        shape=values.shape,
        role="features" if role == "features" else "labels",
        rows=rows if role == "features" else None,
        values=values,
    )
    return replace(plain, **changes)


def split_of(data: DatasetEvidence, tested: float = 0.2, **changes: Any) -> Split:
    """A sound split by one permutation; `tested` is the share of test rows."""
    order = np.random.default_rng(0).permutation(len(data.features))
    cut = round(len(order) * (1 - tested))
    train, test = order[:cut], order[cut:]
    sound = Split(
        train_features=array(data, "X_train", train),
        test_features=array(data, "X_test", test),
        train_labels=array(data, "y_train", train, "labels"),
        test_labels=array(data, "y_test", test, "labels"),
        aligned_train=1.0,
        aligned_test=1.0,
        overlap=0,
        lost=0,
    )
    return replace(sound, **changes)


def dataset(spec: DatasetSpec) -> DatasetEvidence:
    rows = make_rows(spec)
    bare = DatasetEvidence(spec=spec, features=rows.features, labels=rows.labels)
    return replace(bare, split=split_of(bare))


def model(task: TaskSpec, **changes: Any) -> ModelEvidence:
    """A sound model for a task: straight where that is asked, with one hidden ReLU otherwise."""
    straight = task.behaviour == "affine"
    names = ("first.weight", "first.bias", "last.weight", "last.bias")
    cell = task.model_exercise
    sound = ModelEvidence(
        id=f"m-{task.id}",
        class_name=f"{task.id.title()}Model",
        where=Where(cell=cell, line=9),
        cell=cell,
        input_width=2,
        output_width=task.outputs,
        linear_layers=(LinearLayer(2, 8), LinearLayer(8, task.outputs)),
        hidden_activations=() if straight else ("ReLU",),
        affine=straight,
        affine_before_output=straight,
        parameters=names,
        trainable=names,
        calls=5,
    )
    return replace(sound, **changes)


def optimizer(task: TaskSpec, **changes: Any) -> OptimizerEvidence:
    kind = "SGD" if task.behaviour == "affine" else "Adam"
    sound = OptimizerEvidence(
        id=f"o-{task.id}",
        class_name=kind,
        where=Where(cell=task.optimizer_exercise, line=2),
        cell=task.optimizer_exercise,
        model=f"m-{task.id}",
        parameters=model(task).trainable,
        settings={"lr": 0.1 if kind == "SGD" else 0.01},
    )
    return replace(sound, **changes)


def measured(start: float, end: float) -> tuple[Measured, ...]:
    return (Measured(0, start, start, 0.5, 0.5), Measured(200, end, end, 0.9, 0.9))


def run(task: TaskSpec, **changes: Any) -> RunEvidence:
    """A sound loop: 200 steps of full batches; a straight line stays at log 2, the others get better."""
    straight = task.behaviour == "affine"
    kind = "cross-entropy" if task.outputs > 1 else "bce-with-logits"
    sound = RunEvidence(
        id=f"r-{task.id}",
        model=f"m-{task.id}",
        cell=task.loop_exercise,
        where=Where(cell=task.loop_exercise, line=7),
        optimizers=(optimizer(task),),
        backwards=200,
        steps=200,
        loss_kind=kind,  # type: ignore[arg-type]  # one of two of its values
        loss_operations=(),
        activation_before_loss="none",
        output_shape=(1600, task.outputs),
        target_shape=(1600,),
        target_dtype="torch.float32",
        broadcast=False,
        losses=np.linspace(0.75, 0.693 if straight else 0.05, 200),
        finite=True,
        reset=True,
        reset_before_step=False,
        moved=True,
        reached=4,
        cut_off=False,
        order="ZBS" * 21,
        training_mode=True,
        dataset=task.dataset,
        train_rows=None,
        label_agreement=1.0,
        steps_per_epoch=1,
        seeded_by_student=False,
        measured=measured(0.75, 0.693 if straight else 0.05),
        held_out_accuracy=0.5 if straight else 0.99,
    )
    return replace(sound, **changes)


def claim(how: str, meaning: str, **changes: Any) -> Claim:
    """A true figure, printed, kept or plotted."""
    true = Claim(
        how=how,  # type: ignore[arg-type]  # callers write literals
        meaning=meaning,  # type: ignore[arg-type]
        part="train",
        verdict="true",
        where=Where(cell=5, line=12),
        cell=5,
        step=10 if how == "printed" else None,
        text=f"{meaning} 0.5",
        value=0.5,
    )
    return replace(true, **changes)


def reports(**changes: Any) -> Reports:
    """Loss and accuracy printed every 10 of 200 epochs, kept, and plotted."""
    claims = tuple(
        claim(how, meaning) for how in ("printed", "kept", "plotted") for meaning in ("loss", "accuracy")
    )
    return replace(Reports(claims, tuple(range(0, 200, 10)), 200), **changes)


def drawn(over: str, **changes: Any) -> DrawnMap:
    true = DrawnMap(
        where=Where(cell=8, line=3),
        cell=8,
        title=over.title(),
        over=over,  # type: ignore[arg-type]  # callers write literals
        verdict="true",
        agreement=1.0,
        title_part=over if over in ("train", "test") else "unknown",  # type: ignore[arg-type]
    )
    return replace(true, **changes)


def task_evidence(task: TaskSpec) -> TaskEvidence:
    trained = run(task)
    return TaskEvidence(
        spec=task,
        model=model(task),
        models=(model(task),),
        run=trained,
        runs=(trained,),
        optimizers=(optimizer(task),),
        loss_modules=(
            (
                "CrossEntropyLoss" if task.outputs > 1 else "BCEWithLogitsLoss",
                Where(cell=task.loss_exercise, line=1),
            ),
        ),
        reports=reports(),
        maps=(drawn("train"), drawn("test")) if task.id == "nonlinear" else (),
    )


# ---------------------------------------------------------------- the whole


def submission(*sources: str) -> Submission:
    """A notebook of these code cells; by default one for each exercise."""
    given = sources or tuple(f"# Ex {number}\nwork_{number}()" for number in range(1, 10))
    cells = tuple(Cell(kind="code", source=source, number=n) for n, source in enumerate(given, start=1))
    return Submission("ana.ipynb", Path("ana.ipynb"), "0" * 64, "notebook", cells)


@lru_cache(maxsize=1)
def excellent() -> Evidence:
    """Everything that was asked for, each exercise in the cell of its number."""
    declared = assignment()
    tasks = {task.id: task_evidence(task) for task in declared.tasks}
    runs = tuple(
        CellRun(number=n, status="ok", outputs=(Output(kind="stdout", text=PRINTED),) if n == 1 else ())
        for n in range(1, 10)
    )
    pages = {
        exercise.number: ExerciseEvidence(
            number=exercise.number,
            cells=(exercise.number,) if exercise.number else (),
            attribution="by the exercise markers in the file",
            printed=PRINTED if exercise.number == 1 else "",
            attempted=exercise.number > 0,
        )
        for exercise in declared.exercises
    }
    classes = (
        ClassDefinition("Perceptron", Where(cell=0)),
        *(
            ClassDefinition(model(task).class_name, Where(cell=task.model_exercise, line=1))
            for task in declared.tasks
        ),
    )
    return Evidence(
        submission=submission(),
        cells=runs,
        datasets={spec.id: dataset(spec) for spec in declared.datasets},
        models=tuple(model(task) for task in declared.tasks),
        tasks=tasks,
        exercises=pages,
        classes=classes,
        seed=42,
    )


def with_task(name: str, evidence: Evidence | None = None, **changes: Any) -> Evidence:
    """The submission with other facts about one task."""
    base = evidence or excellent()
    return replace(base, tasks={**base.tasks, name: replace(base.tasks[name], **changes)})


def with_run(name: str, evidence: Evidence | None = None, **changes: Any) -> Evidence:
    """The submission with another training run of one task."""
    base = evidence or excellent()
    trained = base.tasks[name].run
    assert trained is not None
    other = replace(trained, **changes)
    return with_task(name, base, run=other, runs=(other,))


def with_model(name: str, evidence: Evidence | None = None, **changes: Any) -> Evidence:
    """The submission with another model of one task."""
    base = evidence or excellent()
    built = base.tasks[name].model
    assert built is not None
    return with_task(name, base, model=replace(built, **changes))


def with_optimizer(name: str, evidence: Evidence | None = None, **changes: Any) -> Evidence:
    """The submission with another optimizer, which also trained the model."""
    base = evidence or excellent()
    other = replace(base.tasks[name].optimizers[0], **changes)
    return with_run(name, with_task(name, base, optimizers=(other,)), optimizers=(other,))


def without_run(name: str, evidence: Evidence | None = None, **changes: Any) -> Evidence:
    """The submission with no training of this task, and so with no report of any."""
    return with_task(name, evidence, run=None, runs=(), reports=Reports(), **changes)


def with_page(number: int, evidence: Evidence | None = None, **changes: Any) -> Evidence:
    """The submission with other text in one exercise's part."""
    base = evidence or excellent()
    return replace(base, exercises={**base.exercises, number: replace(base.exercises[number], **changes)})


def with_split(evidence: Evidence | None = None, tested: float = 0.2, **changes: Any) -> Evidence:
    """The submission with another split of the circles."""
    base = evidence or excellent()
    data = base.datasets["circles"]
    other = replace(data, split=split_of(data, tested, **changes))
    return replace(base, datasets={**base.datasets, "circles": other})


def without_split(evidence: Evidence | None = None) -> Evidence:
    base = evidence or excellent()
    other = replace(base.datasets["circles"], split=None)
    return replace(base, datasets={**base.datasets, "circles": other})


# ---------------------------------------------------------------- judging


def spec_of(check_id: str) -> tuple[ExerciseSpec, CheckSpec]:
    return next(
        (exercise, check)
        for exercise in assignment().exercises
        for check in exercise.checks
        if check.id == check_id
    )


def found(check_id: str, evidence: Evidence) -> Finding:
    """What this check alone says of the evidence."""
    exercise, check = spec_of(check_id)
    return VOCABULARY[check.use](Case(assignment(), exercise, check, evidence))


def judged(evidence: Evidence, *mistakes: Mistake) -> Findings:
    return judge(assignment(), evidence, mistakes)
