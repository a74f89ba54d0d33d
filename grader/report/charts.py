"""Learning curves as the geometry of a drawing; the template turns it into SVG."""

from __future__ import annotations

from dataclasses import dataclass

from grader.model.grade import Curve
from grader.report.json_report import finite_curve
from grader.report.language.speech import said
from grader.report.scales import Scale, Tick, scale

WIDTH, HEIGHT = 440, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 428, 14, 206
_MAX_STEPS = 240
"""Steps drawn of a curve: more would not be seen."""
_MAX_CURVES = 4
"""Per chart: the styles that can be told apart in print."""


@dataclass(frozen=True)
class ChartLine:
    label: str
    style: int
    """0 to 3: colour and dashes."""
    path: str
    band: str
    """Outline of the reference's band, or empty."""
    last: str
    """Its last value, in words."""
    end: tuple[float, float]


@dataclass(frozen=True)
class Chart:
    title: str
    lines: tuple[ChartLine, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    description: str
    """The same in a sentence, for those who do not see it."""

    @property
    def banded(self) -> bool:
        return any(line.band for line in self.lines)


def charts(curves: tuple[Curve, ...]) -> tuple[Chart, ...]:
    """One chart for losses and one for accuracies, each only where there is something to draw."""
    drawable = [curve for curve in map(finite_curve, curves) if curve.epochs]
    accuracies = [curve for curve in drawable if "acc" in curve.label.lower()]
    losses = [curve for curve in drawable if curve not in accuracies]
    groups = (("Loss", losses), ("Accuracy", accuracies))
    return tuple(_chart(title, group[:_MAX_CURVES]) for title, group in groups if group)


def _chart(title: str, curves: list[Curve]) -> Chart:
    thin = [_thinned(curve) for curve in curves]
    x = scale([epoch for curve in thin for epoch in curve.epochs], _LEFT, _RIGHT, margin=0.0)
    y = scale([v for curve in thin for v in (*curve.values, *curve.low, *curve.high)], _BOTTOM, _TOP)
    lines = tuple(_line(curve, style, x, y) for style, curve in enumerate(thin))
    ends = "; ".join(said(f"{line.label} ends at {line.last}") for line in lines)
    description = f"{said(f'{title} over the epochs')}: {ends}."
    return Chart(said(title), lines, x.ticks(5), y.ticks(4), description)


def _line(curve: Curve, style: int, x: Scale, y: Scale) -> ChartLine:
    band = ""
    if curve.low and curve.high:
        upper = list(zip(curve.epochs, curve.high, strict=True))
        lower = list(zip(curve.epochs, curve.low, strict=True))
        band = _path([*upper, *reversed(lower)], x, y) + "z"
    path = _path(list(zip(curve.epochs, curve.values, strict=True)), x, y)
    end = (x(curve.epochs[-1]), y(curve.values[-1]))
    return ChartLine(said(curve.label), style, path, band, f"{curve.values[-1]:.3g}", end)


def _path(points: list[tuple[float, float]], x: Scale, y: Scale) -> str:
    return "M" + "L".join(f"{x(a):g} {y(b):g}" for a, b in points)


def _thinned(curve: Curve) -> Curve:
    steps = len(curve.epochs)
    if steps <= _MAX_STEPS:
        return curve
    kept = sorted({round(i * (steps - 1) / (_MAX_STEPS - 1)) for i in range(_MAX_STEPS)})
    rows = {
        name: tuple(row[i] for i in kept) if (row := getattr(curve, name)) else ()
        for name in ("epochs", "values", "low", "high")
    }
    return curve.model_copy(update=rows)
