"""Seeds before each exercise, and notices when the student seeds."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from grader.record.place import Places
from grader.record.store import Store


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch (every device)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


class Seeding:
    """Gives each exercise a start of its own, until the student sets a seed: theirs is respected from then on."""

    def __init__(
        self, store: Store, places: Places, seed: int, exercise_of_cell: Mapping[int, int | None]
    ) -> None:
        self._store = store
        self._places = places
        self._seed = seed
        self._exercise_of_cell = exercise_of_cell
        self._seeded: set[int] = set()
        self._ours = False
        self.by_student = False

    def install(self, guard: Callable[[Callable[..., Any]], Callable[..., None]]) -> None:
        """Wrap the seeding functions of torch; NumPy's and Python's alone do not start a model's weights."""
        noticed = guard(self._noticed)
        for owner in (torch, torch.random):
            owner.manual_seed = _noticing(owner.manual_seed, noticed)  # type: ignore[attr-defined]

    def begin_cell(self, number: int) -> None:
        """Seed when this cell is the first of its exercise."""
        exercise = self._exercise_of_cell.get(number)
        if exercise is None or exercise in self._seeded or self.by_student:
            return
        self._seeded.add(exercise)
        self._ours = True
        seed_everything(self._seed + exercise)
        self._ours = False

    def _noticed(self, seed: Any) -> None:
        if self._ours or not self._places.stack(sys._getframe(1)):
            return
        if not self.by_student:
            self._store.emit({"kind": "seed", "cell": self._places.current_cell, "at": self._places.stack()})
        self.by_student = True


def _noticing(original: Callable[..., Any], noticed: Callable[..., None]) -> Callable[..., Any]:
    def manual_seed(seed: Any) -> Any:
        noticed(seed)
        return original(seed)

    return manual_seed
