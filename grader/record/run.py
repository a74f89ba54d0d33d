"""What is remembered of one training run while it goes on."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from grader.record.models import Entry
from grader.record.place import Stack

_ORDER_LENGTH = 64
_MOST_SNAPSHOTS = 40
SNAPSHOT_ELEMENTS = 300_000
_BUNDLE = 1024


class Run:
    """One training run: the backward passes and steps of one model in one cell."""

    def __init__(self, number: int, entry: Entry, cell: int, at: Stack) -> None:
        self.id = f"r{number}"
        self.entry = entry
        self.cell = cell
        self.at = at
        self.closed = False
        self.backwards = 0
        self.steps = 0
        self.resets = 0
        self.order: list[str] = []
        self.last: str | None = None
        self.optimizers: dict[int, str] = {}
        self.details: list[dict[str, Any]] = []
        self.head: list[dict[str, Any]] | None = None
        self.rows: list[tuple[Any, Any]] = []
        self.kept_rows = 0
        self.batch_rows: list[int] = []
        self.snapshots: list[tuple[int, dict[str, torch.Tensor]]] = []
        self.snapshot_every = 1
        self.earlier: torch.Tensor | None = None
        self.seeded_by_student = False
        self._losses: list[torch.Tensor] = []
        self._loss_values: list[float] = []

    def add_loss(self, loss: torch.Tensor) -> None:
        """Hold a loss; many are read at once, since reading each costs a synchronisation on a GPU."""
        self._losses.append(loss.detach())
        if len(self._losses) >= _BUNDLE:
            self._read_losses()

    def losses(self) -> list[float]:
        """The value of the loss at each backward pass, in order."""
        self._read_losses()
        return self._loss_values

    def note(self, letter: str) -> None:
        """Add to the order of events: Z reset, B backward, S step."""
        self.last = letter
        if len(self.order) < _ORDER_LENGTH:
            self.order.append(letter)

    def snapshot(self) -> None:
        """Keep the model's state at this step; thinned out as a run grows long."""
        step = self.backwards
        if self.snapshots and step - self.snapshots[-1][0] < self.snapshot_every:
            return
        parameters = self.entry.parameters
        if sum(parameter.numel() for parameter in parameters) > SNAPSHOT_ELEMENTS and self.snapshots:
            return
        state = {
            name: value.detach().clone()
            for name, value in itertools.chain(
                self.entry.module.named_parameters(), self.entry.module.named_buffers()
            )
        }
        self.snapshots.append((step, state))
        if len(self.snapshots) > _MOST_SNAPSHOTS:
            self.snapshots = self.snapshots[::2]
            self.snapshot_every *= 2

    def _read_losses(self) -> None:
        if self._losses:
            flat = [loss.reshape(-1)[:1].double() for loss in self._losses]
            self._loss_values.extend(torch.cat(flat).tolist())
            self._losses = []
