"""What is asked and what it is worth: an assignment folder, read.

The folder holds `assignment.toml`, one folder per exercise (`statement.md`, `starter.py`, `rubric.toml`) and
`support/` with the helper modules students may import. `docs/assignments.md` explains every field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from grader.model.recording import Limits

_TURN = math.radians(67.0)
"""Far from the symmetries of rings and blobs."""


class Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckSpec(Declared):
    """One line of the rubric."""

    id: str
    """Stable id that appears in every output, `ex3.layers`."""
    use: str
    """The entry of the check vocabulary that judges it, `model.linear-layers`."""
    weight: float
    title: str
    """What holds when it passes, one clause for the student."""
    hint: str
    """What to look at when it does not."""
    needs: tuple[str, ...] = ()
    """Ids of checks without which this one is skipped."""
    options: dict[str, Any] = {}
    """Arguments of the check, validated by the check itself."""


class ExerciseSpec(Declared):
    number: int
    """0 stands for the ungraded extra."""
    title: str
    task: str | None = None
    """Id of the task whose model, loop and figures it judges; None for work on data alone."""
    dataset: str | None = None
    """Id of the dataset it is about, where it has no task."""
    graded: bool = True
    checks: tuple[CheckSpec, ...] = ()
    statement: str = ""
    """Markdown."""
    starter: str = ""
    """Python that the handout puts under the statement."""


class DatasetSpec(Declared):
    """Data that the assignment tells students to make; the grader makes it again, and more like it."""

    id: str
    generator: Literal["make_circles", "make_blobs", "straight_line"]
    arguments: dict[str, Any]
    """Of the generator, `random_state` included."""
    held_out_rows: int = 4000
    held_out_seeds: tuple[int, ...] = (1001,)
    """Random states of data that no student saw. Blobs keep their centres: only the noise is new."""
    classes: int = 2
    """0 for regression."""
    turned: bool = False
    """The same data with turned features and exchanged labels: a probe's, never an assignment's own."""

    @property
    def turn(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """What a probe multiplies the features with (from the right); None for data that cannot be turned."""
        if self.generator == "straight_line" or self.classes < 2:
            return None
        cosine, sine = math.cos(_TURN), math.sin(_TURN)
        return ((cosine, sine), (-sine, cosine))


class TaskSpec(Declared):
    """One model's life, from its data to its plots; exercises judge parts of it."""

    id: str
    dataset: str
    outputs: int
    """Columns of the model's output; 1 also stands for a flat output."""
    behaviour: Literal["affine", "nonlinear", "any"] = "any"
    """What tells this task's model from another on the same data, where no marker does."""
    loss: Literal["bce-with-logits", "cross-entropy", "regression"]
    model_exercise: int
    loss_exercise: int
    optimizer_exercise: int
    loop_exercise: int
    plot_exercise: int


class Band(Declared):
    """Where the reference's curve lies under several seeds; three rows of equal length."""

    epochs: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Assignment(Declared):
    id: str
    title: str
    version: str
    language: str = "en"
    introduction: str = ""
    base_points: float = 1.0
    points_per_exercise: float | None = None
    """What the weights of each graded exercise must add up to; None where they need not agree."""
    seed: int = 42
    attempts: Literal["latest", "best", "first"] = "latest"
    """Which attempt of a student counts, where the gradebook knows several."""
    deadline: AwareDatetime | None = None
    """With time zone. It costs nothing: the class page shows days after it."""
    limits: Limits = Limits()
    thresholds: dict[str, float] = {}
    """Named numbers that the checks use; the calibration table in `docs/` backs them."""
    earlier_classes: tuple[str, ...] = ()
    """Model classes that the lab's text defined before the first exercise."""
    datasets: tuple[DatasetSpec, ...] = ()
    tasks: tuple[TaskSpec, ...] = ()
    exercises: tuple[ExerciseSpec, ...] = ()
    bands: dict[str, dict[str, Band]] = {}
    """Task id → curve (`train loss`, `test accuracy`, …) → the reference's band; only drawn, never judged."""
    support: tuple[Path, ...] = ()
    """Helper files that students may import; copied into the scratch folder."""

    @property
    def max_points(self) -> float:
        """The sum of all graded weights."""
        graded = (exercise for exercise in self.exercises if exercise.graded)
        return round(sum(check.weight for exercise in graded for check in exercise.checks), 6)

    def exercise(self, number: int) -> ExerciseSpec | None:
        return next((exercise for exercise in self.exercises if exercise.number == number), None)

    def task(self, task_id: str) -> TaskSpec:
        return next(task for task in self.tasks if task.id == task_id)

    def dataset(self, dataset_id: str) -> DatasetSpec:
        return next(dataset for dataset in self.datasets if dataset.id == dataset_id)


@dataclass(frozen=True)
class HandoutCell:
    """A cell of the notebook that students are given."""

    kind: Literal["code", "markdown"]
    source: str
    exercise: int | None = None
