"""What is remembered of one training run while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
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
        self.rows_complete = False
        self.noted_enough = False
        """Its order is long enough; what follows is only counted."""
        self.batch_rows: list[int] = []
        self.snapshots: list[tuple[int, dict[str, torch.Tensor]]] = []
        self.snapshot_every = 1
        self.members: list[tuple[str, torch.Tensor]] = []
        self.parameters: Sequence[torch.Tensor] = ()
        self.earlier: torch.Tensor | None = None
        self.closure = False
        """A step was given a function that makes the backward pass."""
        self.walked: Any = None
        """Where the graph of the last detailed loss began."""
        self.seeded_by_student = False
        self._losses: list[torch.Tensor] = []
        self._loss_values: list[float] = []
        self.look()

    def look(self) -> None:
        """See which tensors the model is made of now; asking at every snapshot would cost more than the copies."""
        module = self.entry.module
        self.parameters = self.entry.parameters
        self.members = [*module.named_parameters(), *module.named_buffers()]
        self._small = sum(parameter.numel() for parameter in self.parameters) <= SNAPSHOT_ELEMENTS

    def add_loss(self, loss: torch.Tensor) -> None:
        """Read a loss; on a GPU many at once, since each reading waits until the GPU has caught up."""
        if loss.is_cpu and loss.ndim == 0 and not self._losses:
            self._loss_values.append(loss.item())
            return
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
        if not self.noted_enough:
            self.order.append(letter)
            self.noted_enough = len(self.order) >= _ORDER_LENGTH

    def snapshot(self) -> None:
        """Keep the model's state at this step; thinned out as a run grows long."""
        step = self.backwards
        if self.snapshots and step - self.snapshots[-1][0] < self.snapshot_every:
            return
        if self.snapshots and not self._small:
            return
        self.snapshots.append((step, {name: value.detach().clone() for name, value in self.members}))
        if len(self.snapshots) > _MOST_SNAPSHOTS:
            self.snapshots = self.snapshots[::2]
            self.snapshot_every = max(2 * self.snapshot_every, self.snapshots[-1][0] - self.snapshots[-2][0])

    def _read_losses(self) -> None:
        if self._losses:
            flat = [loss.reshape(-1)[:1].double() for loss in self._losses]
            self._loss_values.extend(torch.cat(flat).tolist())
            self._losses = []
