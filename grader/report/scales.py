"""From numbers to places on a drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    at: float
    """Place along the axis, in the drawing's units."""
    label: str


@dataclass(frozen=True)
class Scale:
    """A linear map from values to places; `start` may lie beyond `end`, as it does for an upward axis."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int) -> tuple[Tick, ...]:
        """About `count` ticks at round values."""
        step = _round_step((self.high - self.low) / max(count, 1))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple(Tick(self(i * step), _label(i * step)) for i in range(first, last + 1))


def scale(values: list[float], start: float, end: float, margin: float = 0.05) -> Scale:
    """A scale on which all of `values` find room, with `margin` (a share of their range) on both sides."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    spread = (high - low) or max(abs(low) * 0.1, 1e-6)
    middle = 0.0 if high > low else spread / 2
    return Scale(low - margin * spread - middle, high + margin * spread + middle, start, end)


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next((unit * power for unit in (1, 2, 5) if unit * power >= raw * 0.999), 10 * power)


def _label(value: float) -> str:
    return f"{value + 0.0:.6g}" if abs(value) < 1e-12 or abs(value) >= 1e-4 else f"{value:.0e}"
