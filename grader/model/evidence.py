"""What the recording shows, validated and recomputed: the facts that checks judge.

Everything here was derived in the grader's process. A fact that could not be established is None, never a guess;
`unreadable` says why, and the checks that need it answer "not graded" or fall back, never "failed".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from grader.model.assignment import DatasetSpec, TaskSpec
from grader.model.failure import Failure
from grader.model.figures import Figure
from grader.model.grade import Boundary, Curve, Diagnosis, ModelStage
from grader.model.recording import CellRun
from grader.model.reported import Comparison, Reports
from grader.model.submission import Submission, Where

Array = np.ndarray[Any, Any]


# ---------------------------------------------------------------- data


@dataclass(frozen=True)
class KnownArray:
    """An array of the student's that holds rows or labels of a dataset."""

    name: str
    where: Where
    container: Literal["tensor", "array", "frame"]
    dtype: str
    """`torch.float32`, `float64`, …"""
    shape: tuple[int, ...]
    role: Literal["features", "labels"]
    rows: Array | None
    """Features: index into the dataset of each row, -1 where none matches, shape (n,). Labels: None (labels repeat)."""
    values: Array
    scale: Array | None = None
    """Features: value = dataset * scale + shift, each of shape (features,); None for the identity."""
    shift: Array | None = None
    in_order: bool = False
    """Whether it holds the dataset's rows (or labels) in the dataset's own order, all of them."""


@dataclass(frozen=True)
class Split:
    """Train and test parts, as the student holds them."""

    train_features: KnownArray
    test_features: KnownArray
    train_labels: KnownArray | None
    test_labels: KnownArray | None
    aligned_train: float | None
    """Share of train rows that carry their own label, 0..1; None where labels are missing or of another length."""
    aligned_test: float | None
    overlap: int
    """Rows that stand in both parts."""
    lost: int
    """Rows of the dataset that stand in neither."""
    swapped: bool = False
    """The parts' names or uses are exchanged: unpacked in the wrong order."""
    small_train: bool = False
    """What is called train is the smaller part: unpacked in the wrong order, unless that share was asked for."""
    source: Literal["names", "training"] = "names"


@dataclass(frozen=True)
class DatasetEvidence:
    """One dataset of the assignment, and what the student did with it."""

    spec: DatasetSpec
    features: Array
    """As generated, shape (rows, features), float64."""
    labels: Array
    """Shape (rows,)."""
    arrays: tuple[KnownArray, ...] = ()
    split: Split | None = None


# ---------------------------------------------------------------- models


@dataclass(frozen=True)
class LinearLayer:
    inputs: int
    outputs: int


@dataclass(frozen=True)
class ModelEvidence:
    """One model of the student's; all facts from its operator graph and weights, not from names."""

    id: str
    class_name: str
    """As shown to the student; `Sequential` for a bare container."""
    where: Where | None
    """Where it was built."""
    cell: int
    """Cell at whose end it was first seen."""
    input_width: int | None
    output_width: int | None
    """Columns of the output; 1 for a flat (N,) output; None when it could not be run."""
    linear_layers: tuple[LinearLayer, ...] = ()
    """On the path from input to output, in the order of the data."""
    unused_layers: tuple[str, ...] = ()
    """Parameters that no output depends on."""
    hidden_activations: tuple[str, ...] = ()
    """Non-linear operations between two linear layers, in order."""
    output_activation: Literal["none", "sigmoid", "softmax", "log_softmax", "relu", "tanh", "other"] = "none"
    affine: bool | None = None
    """Behaves affinely over the data's range and well beyond; None when it could not be run."""
    affine_before_output: bool | None = None
    """Affine but for the output activation."""
    parameters: tuple[str, ...] = ()
    trainable: tuple[str, ...] = ()
    unregistered: bool = False
    """Weights live where `parameters()` does not find them."""
    dtype: str = "torch.float32"
    own_init: bool = True
    """Its class says how it is built; without, a misspelt `__init__` builds nothing."""
    loose_layers: bool = False
    """Modules lie in a plain list, tuple or dictionary of the model's."""
    stages: tuple[ModelStage, ...] = ()
    calls: int = 0
    how: Literal["graph", "predictions", "unreadable"] = "graph"
    """`graph`: interpreted here; `predictions`: answers asked of the student's process; `unreadable`: neither."""
    unreadable: str | None = None


# ---------------------------------------------------------------- training


@dataclass(frozen=True)
class OptimizerEvidence:
    id: str
    class_name: str
    """Of torch.optim that it is or derives from: `SGD`."""
    where: Where | None
    cell: int
    model: str | None
    """Id of the model whose parameters it holds."""
    parameters: tuple[str, ...]
    """Names within that model."""
    settings: Mapping[str, Any]
    from_torch: bool = True


LossKind = Literal[
    "bce-with-logits", "bce", "cross-entropy", "nll", "mse", "l1", "smooth-l1", "hinge", "other", "unknown"
]


def usual_loss(several: bool, probable: bool) -> LossKind:
    """What a loss is taken for that no graph shows. `several`: outputs, one for each class; `probable`: in (0, 1)."""
    return "cross-entropy" if several else "bce" if probable else "bce-with-logits"


OTHER_READING = {"loss": "other-loss", "accuracy": "other-accuracy"}
"""Among the figures of `Measured.mistaken`, no mistakes: what may be reported beside the recomputed figure.

A loss: without the label smoothing used in training; of rounded outputs, where these were trained on. An accuracy:
with class 1 beginning elsewhere, where no convention says at which output it does.
"""


@dataclass(frozen=True)
class Measured:
    """Figures of a model at one step, recomputed outside from its weights; accuracies are fractions."""

    step: int
    """Backward passes done before."""
    train_loss: float | None
    test_loss: float | None
    train_accuracy: float | None
    test_accuracy: float | None
    mistaken: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """`train` or `test` → code of a mistake → the figure that it would have reported."""


@dataclass(frozen=True)
class RunEvidence:
    """One training run: a loop over one model."""

    id: str
    model: str
    cell: int
    where: Where | None
    """The line that called backward."""
    optimizers: tuple[OptimizerEvidence, ...]
    backwards: int
    steps: int
    loss_kind: LossKind
    loss_operations: tuple[str, ...]
    """Autograd nodes from the loss back to the last layer."""
    activation_before_loss: Literal["none", "sigmoid", "softmax", "log_softmax", "other"]
    output_shape: tuple[int, ...] | None
    target_shape: tuple[int, ...] | None
    target_dtype: str | None
    broadcast: bool
    """Outputs and targets of different shapes were spread against each other."""
    losses: Array
    """Value at each backward pass, shape (backwards,)."""
    finite: bool
    reset: bool | None
    """Gradients were empty at the first backward pass after each step; None when it never stepped twice."""
    reset_before_step: bool
    """Gradients were wiped between backward and step."""
    moved: bool | None
    """Parameters changed from step to step."""
    reached: int
    """The model's parameters that the loss depends on."""
    cut_off: bool
    """The loss does not depend on the model's parameters at all."""
    order: str
    """Z reset, B backward, S step; the first 64."""
    training_mode: bool | None
    dataset: str | None
    """Id of the dataset whose rows went in."""
    train_rows: Array | None
    """Index into the dataset of each row seen, shape (seen,); -1 where none matches."""
    label_agreement: float | None
    """Share of these rows that met their own label."""
    steps_per_epoch: int | None
    seeded_by_student: bool
    measured: tuple[Measured, ...] = ()
    """At the start, at each kept step, at the end."""
    initial_weights_of: str | None = None
    """Id of the earlier run whose final weights this one began with."""
    rebuilt: int = 0
    """How many models, each trained for an epoch at most, the same loop went through; 0 where it kept its model."""
    unmoved: tuple[str, ...] = ()
    """Trainable parameters that were in the end as in the beginning."""
    stepped_first: bool = False
    """Each step came before the backward pass that should have told it where to go."""
    walked_again: bool = False
    """The same graph was walked twice, and its gradients counted double."""
    outputs_detached: bool = False
    """The model's outputs, or the loss, had no graph at all."""
    held_out_accuracy: float | None = None
    """On data the student never saw."""
    swapped: bool = False
    """Gradients flow into the loss by way of its targets alone: outputs and labels are exchanged."""
    hard_labels: Literal["rounded", "argmax"] | None = None
    """The loss was taken on classes instead of scores: by a rounding operation, or as its value tells."""

    @property
    def first(self) -> Measured | None:
        return self.measured[0] if self.measured else None

    @property
    def last(self) -> Measured | None:
        return self.measured[-1] if self.measured else None


# ---------------------------------------------------------------- figures of a task


@dataclass(frozen=True)
class DrawnMap:
    """A decision map that the student drew."""

    where: Where | None
    cell: int
    title: str
    over: Literal["train", "test", "both", "unknown", "none"]
    """Whose rows are scattered on it."""
    verdict: Literal["true", "transposed", "inverted", "raw-logits", "wrong-model", "unclear"]
    other_model: str | None = None
    """For `wrong-model`, the id of the model whose boundary it is, when one of the student's fits."""
    agreement: float = 0.0
    labels_agree: bool | None = None
    title_part: Literal["train", "test", "unknown"] = "unknown"


# ---------------------------------------------------------------- the whole


@dataclass(frozen=True)
class TaskEvidence:
    """One task of the assignment: the student's model for it and its life."""

    spec: TaskSpec
    model: ModelEvidence | None = None
    models: tuple[ModelEvidence, ...] = ()
    """All that were attributed to it; `model` is the one that is judged."""
    run: RunEvidence | None = None
    runs: tuple[RunEvidence, ...] = ()
    optimizers: tuple[OptimizerEvidence, ...] = ()
    """Built for this task, used or not."""
    loss_modules: tuple[tuple[str, Where], ...] = ()
    """Loss classes built in this task's cells, used or not."""
    reports: Reports = field(default_factory=Reports)
    maps: tuple[DrawnMap, ...] = ()
    attribution: str = ""
    """Markers or meaning, one sentence."""
    curves: tuple[Curve, ...] = ()
    boundaries: tuple[Boundary, ...] = ()

    @property
    def optimizer(self) -> OptimizerEvidence | None:
        """The one that is judged: what trained the model, else the last one made for it, else the last one made."""
        if self.run is not None and self.run.optimizers:
            return self.run.optimizers[0]
        own = [each for each in self.optimizers if self.model is not None and each.model == self.model.id]
        return own[-1] if own else (self.optimizers[-1] if self.optimizers else None)


@dataclass(frozen=True)
class ExerciseEvidence:
    """What belongs to one exercise: its cells, what they printed, what they drew."""

    number: int
    cells: tuple[int, ...]
    attribution: str
    printed: str = ""
    """Everything its cells put on the screen as text, in order."""
    prose: str = ""
    """Markdown and comments that belong to it."""
    figures: tuple[Figure, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    errors: tuple[CellRun, ...] = ()
    """Its cells that did not end well."""
    attempted: bool = True
    """Some code of the student's own belongs to it."""


@dataclass(frozen=True)
class ClassDefinition:
    name: str
    where: Where


@dataclass(frozen=True)
class Evidence:
    """Everything that is judged."""

    submission: Submission
    cells: tuple[CellRun, ...]
    datasets: Mapping[str, DatasetEvidence]
    models: tuple[ModelEvidence, ...]
    tasks: Mapping[str, TaskEvidence]
    exercises: Mapping[int, ExerciseEvidence]
    classes: tuple[ClassDefinition, ...] = ()
    """Module classes in the order of their definition, earlier lab models included."""
    incidents: tuple[Diagnosis, ...] = ()
    """`run-*` findings: errors, timeouts, deaths; at the places where they happened."""
    failures: tuple[Failure, ...] = ()
    """What the exceptions that ended cells were about."""
    seed: int = 0
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Damage in the recording."""
    reruns: tuple[Evidence, ...] = ()
    """The same submission under other seeds."""
    probe: Evidence | None = None
    """The same submission on turned data with exchanged labels, where that was tried."""

    def shadowing(self, model: ModelEvidence, own_cells: Sequence[int]) -> Where | None:
        """Where the model's class is defined, if an earlier model's class has its name; None if it has not.

        A second try within `own_cells`, the exercise's own, is no earlier model.
        """
        same = [each.where for each in self.classes if each.name == model.class_name]
        own = [where for where in same if 0 < where.cell <= model.cell]
        if not own:
            return None
        earlier = [where for where in same if where.cell < own[-1].cell and where.cell not in own_cells]
        return own[-1] if earlier else None

    def exercise_where(self, number: int) -> Where | None:
        """The first cell of an exercise, when it has one."""
        exercise = self.exercises.get(number)
        return Where(cell=exercise.cells[0]) if exercise and exercise.cells else None
