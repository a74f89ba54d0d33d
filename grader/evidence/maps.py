"""Decision maps that the student drew, held against the models they could belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import numpy as np

from grader.evidence.boundary import boundary_in, compare_boundary, points_over
from grader.evidence.markers import Markers
from grader.evidence.measuring import view_of_run
from grader.evidence.run_rows import Data
from grader.evidence.runs import Run
from grader.model.evidence import DrawnMap
from grader.model.figures import Axes, DrawnBoundary, Figure
from grader.model.submission import Where

Array = np.ndarray[Any, Any]
Part = Literal["train", "test", "both", "unknown", "none"]

_TEST_TITLE = re.compile(r"test|valid|eval", re.IGNORECASE)
_TRAIN_TITLE = re.compile(r"train|antren|entra[iî]n|entrena", re.IGNORECASE)
_FEW = 0.05
_MOST_ANSWERS = 16


@dataclass(frozen=True)
class Units:
    """How the drawing's coordinates relate to the dataset's: drawn = dataset * scale + shift."""

    scale: Array
    shift: Array


def place_of(figure: Figure, axes: Axes, markers: Markers) -> Where:
    """The line that decides which exercise these axes belong to."""
    return markers.place(axes.at or figure.at, figure.cell or 1)


def drawn_maps(
    figures: Sequence[Figure], data: Data, own: Sequence[Run], others: Sequence[Run], markers: Markers
) -> tuple[DrawnMap, ...]:
    """Every decision map in these figures that lies over this dataset. `own`: the task's runs, the judged one last."""
    found = []
    asked = _Asked()
    for figure in figures:
        for axes in figure.axes:
            drawn = boundary_in(axes)
            if drawn is not None:
                found.append(_judge(figure, axes, drawn, data, own, others, markers, asked))
    return tuple(found)


def _judge(
    figure: Figure,
    axes: Axes,
    drawn: DrawnBoundary,
    data: Data,
    own: Sequence[Run],
    others: Sequence[Run],
    markers: Markers,
    asked: _Asked,
) -> DrawnMap:
    units, over, labels_agree = _rows_shown(axes, data, [*own, *others])
    verdict, agreement, other = _whose(drawn, units, own, others, asked)
    title = f"{figure.title} {axes.title}"
    return DrawnMap(
        where=place_of(figure, axes, markers),
        cell=figure.cell or place_of(figure, axes, markers).cell,
        title=axes.title,
        over=over,
        verdict=verdict,
        other_model=other,
        agreement=agreement,
        labels_agree=labels_agree,
        title_part=_titled(title),
    )


def _titled(title: str) -> Literal["train", "test", "unknown"]:
    test, train = bool(_TEST_TITLE.search(title)), bool(_TRAIN_TITLE.search(title))
    if test == train:
        return "unknown"
    return "test" if test else "train"


def _rows_shown(axes: Axes, data: Data, runs: Sequence[Run]) -> tuple[Units, Part, bool | None]:
    """Whose rows are scattered on the map, in the dataset's units or in those of a model's scaled input."""
    features, labels = data.finder.rows.features, data.finder.rows.labels
    plain = Units(np.ones(features.shape[1]), np.zeros(features.shape[1]))
    scaled = [Units(run.match.scale, run.match.shift) for run in runs if run.match and not run.match.identity]
    best = max(
        _different([plain, *scaled]),
        key=lambda units: points_over(axes, features * units.scale + units.shift).share,
    )
    rows = features * best.scale + best.shift
    shown = points_over(axes, rows, labels)
    agree = None if shown.labels_agree is None else shown.labels_agree > 0.95
    if shown.share == 0:
        return best, "none", None
    if data.split is None or data.split.train_features.rows is None or data.split.test_features.rows is None:
        return best, "both" if shown.share > 0.95 else "unknown", agree
    train, test = data.split.train_features.rows, data.split.test_features.rows
    if points_over(axes, rows[train[train >= 0]]).foreign <= _FEW:
        return best, "train", agree
    if points_over(axes, rows[test[test >= 0]]).foreign <= _FEW:
        return best, "test", agree
    return best, "both" if shown.foreign <= _FEW else "unknown", agree


def _whose(
    drawn: DrawnBoundary, units: Units, own: Sequence[Run], others: Sequence[Run], asked: _Asked
) -> tuple[
    Literal["true", "transposed", "inverted", "raw-logits", "wrong-model", "unclear"], float, str | None
]:
    """Whether it is the task's model's boundary; else whose."""
    seen = []
    for run in reversed(own):
        verdict = _compare(drawn, run, units, asked)
        if verdict is not None and verdict.explanation == "true":
            return "true", verdict.agreement, None
        seen += [] if verdict is None else [verdict]
    for run in others:
        verdict = _compare(drawn, run, units, asked)
        if verdict is not None and verdict.explanation == "true" and run.model:
            return "wrong-model", verdict.agreement, run.model.facts.id
    if not seen:
        return "unclear", 0.0, None
    first = seen[0]
    named = {
        "transposed": "transposed",
        "flipped": "transposed",
        "inverted": "inverted",
        "raw-logits": "raw-logits",
    }
    kind = named.get(first.explanation, "wrong-model")
    return kind, first.agreement, None  # type: ignore[return-value]  # every value of `named` is in the literal


def _different(several: Sequence[Units]) -> list[Units]:
    """Each once, in the place of the first of its kind."""
    return list({(units.scale.tobytes(), units.shift.tobytes()): units for units in several}.values())


class _Asked:
    """What models said of places; maps that are drawn side by side share theirs, so the last answers are kept."""

    def __init__(self) -> None:
        self._answers: dict[tuple[int, bytes], Array] = {}

    def classes(self, run: Run, predict: Callable[[Array], Array], rows: Array) -> Array:
        """`predict(rows)`, which is the run's."""
        key = id(run), blake2b(rows.tobytes()).digest()
        if key not in self._answers:
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.pop(next(iter(self._answers)))
            self._answers[key] = predict(rows)
        return self._answers[key]


def _compare(drawn: DrawnBoundary, run: Run, units: Units, asked: _Asked) -> Any:
    predict = predictor(run)
    if predict is None:
        return None
    try:
        return compare_boundary(
            drawn, lambda rows: asked.classes(run, predict, (rows - units.shift) / units.scale)
        )
    except (ValueError, FloatingPointError):
        return None


def predictor(run: Run) -> Callable[[Array], Array] | None:
    """The class that the trained model gives each row, rows in the dataset's own units; None without a model."""
    model, match = run.model, run.match
    if model is None or (model.graph is None and not model.answers):
        return None
    view = view_of_run(model, run.evidence)

    def predict(rows: Array) -> Array:
        given = rows if match is None else rows * match.scale + match.shift
        outputs = model.final_outputs(run.final_weights, given)
        if outputs is None:
            raise ValueError("the model gave no outputs for these rows")
        return view.classes(outputs)

    return predict
