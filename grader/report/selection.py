"""Which of a submission's outputs a page of limited size shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grader.model.grade import ExerciseResult, Grade, OutputExcerpt
from grader.report.language.speech import said
from grader.report.png import Image, read_png
from grader.report.text import shortened

Place = tuple[int, int]
"""An output: its exercise's place in the grade, and its own place in the exercise."""


@dataclass(frozen=True)
class Budget:
    """How much a page may carry."""

    image_chars: int
    """Base64 of all student pictures together."""
    one_image_chars: int
    images_per_exercise: int
    texts_per_exercise: int
    text_chars: int
    """Of one text output."""
    excerpts: int
    """Source excerpts per exercise."""
    excerpt_lines: int
    maps: int
    """Decision boundaries per exercise."""
    remarks: int
    """Diagnoses and notes in one place, and checks of one exercise."""
    remark_chars: int
    """Of one sentence."""


BUDGETS = (
    Budget(330_000, 150_000, 4, 6, 2_500, 6, 90, 4, 40, 700),
    Budget(200_000, 100_000, 2, 4, 1_200, 3, 40, 4, 20, 300),
    Budget(120_000, 60_000, 1, 2, 600, 2, 25, 2, 12, 200),
    Budget(0, 0, 0, 1, 200, 0, 0, 0, 10, 120),
)
"""Tried in this order until the page is small enough."""


@dataclass(frozen=True)
class Shown:
    """An output as the page shows it: text, or a picture."""

    cell: int
    kind: str
    text: str = ""
    image: Image | None = None


@dataclass(frozen=True)
class Selected:
    """An exercise's outputs for the page."""

    outputs: tuple[Shown, ...] = ()
    left_out: str = ""
    """A sentence that says what is missing, or nothing."""


def select_outputs(grade: Grade, budget: Budget) -> tuple[Selected, ...]:
    """For each exercise of `grade`, in order, what to show of its outputs.

    Pictures are shared out in turns, exercises that lost points first, so that none takes all the room.
    """
    images = _chosen_images(grade, budget)
    return tuple(_selected(place, exercise, images, budget) for place, exercise in enumerate(grade.exercises))


def lost_points(exercise: ExerciseResult) -> float:
    """Points that the exercise did not earn, 0 where it was not graded."""
    if exercise.points is None or not exercise.graded:
        return 0.0
    return max(0.0, exercise.max_points - exercise.points)


def _chosen_images(grade: Grade, budget: Budget) -> dict[Place, Image]:
    turns: list[tuple[int, bool, int, Place, str]] = []
    for at, exercise in enumerate(grade.exercises):
        drawn = [(i, out.png_base64) for i, out in enumerate(exercise.outputs) if out.png_base64]
        for turn, (i, encoded) in enumerate(drawn[: budget.images_per_exercise]):
            turns.append((turn, lost_points(exercise) == 0, at, (at, i), encoded))
    chosen: dict[Place, Image] = {}
    room = budget.image_chars
    for *_, where, encoded in sorted(turns):
        image = read_png(encoded, min(room, budget.one_image_chars))
        if image is not None:
            chosen[where] = image
            room -= len(image.base64)
    return chosen


def _selected(
    place: int, exercise: ExerciseResult, images: Mapping[Place, Image], budget: Budget
) -> Selected:
    shown: list[Shown] = []
    texts = hidden_pictures = hidden_texts = 0
    for i, output in enumerate(exercise.outputs):
        if output.png_base64:
            hidden_pictures += (place, i) not in images
            if (place, i) in images:
                shown.append(Shown(output.cell, "image", _caption(output), images[place, i]))
        elif texts < budget.texts_per_exercise:
            texts += 1
            shown.append(Shown(output.cell, output.kind, shortened(output.text, budget.text_chars)))
        else:
            hidden_texts += 1
    return Selected(tuple(shown), _left_out(hidden_pictures, hidden_texts))


def _caption(output: OutputExcerpt) -> str:
    return shortened(output.text, 200)


def _left_out(pictures: int, texts: int) -> str:
    parts = [
        f"{count} {noun if count == 1 else noun + 's'}"
        for count, noun in ((pictures, "picture"), (texts, "text output"))
        if count
    ]
    if not parts:
        return ""
    verb = "is" if pictures + texts == 1 else "are"
    return said(
        f"{' and '.join(parts)} from the notebook {verb} not shown here, to keep this page small and safe."
    )
