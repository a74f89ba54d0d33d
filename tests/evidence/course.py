"""A small logistic regression in NumPy, trained in batches, with everything a student could report about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grader.model.evidence import Measured, RunEvidence
from grader.model.reported import Comparison, Said, Series

Array = np.ndarray[Any, Any]
TRAIN, TEST, BATCH, EPOCHS = 1600, 400, 32, 40
PER_EPOCH = TRAIN // BATCH


@dataclass
class Simulated:
    run: RunEvidence
    comparisons: tuple[Comparison, ...]
    spread: Comparison
    losses: Array
    train: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Loss and accuracy over the train rows, by backward passes done before."""
    test: dict[int, tuple[float, float]] = field(default_factory=dict)
    running: Array = field(default_factory=lambda: np.zeros(0))
    """Share of right answers over each epoch's batches, shape (EPOCHS,)."""
    spread_share: float = 0.0

    def means(self) -> Array:
        return self.losses.reshape(-1, self.run.steps_per_epoch or 1).mean(axis=1)


def simulated(batch: int = BATCH, epochs: int = EPOCHS, seed: int = 3) -> Simulated:
    """Train, measuring at the end of every epoch; predictions are compared with labels once per batch."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(TRAIN + TEST, 2))
    labels = (rows @ [1.0, -2.0] + 1.2 * random.normal(size=len(rows)) > 0).astype(float)
    weights, losses, results, shares = np.array([-0.4, 0.3]), [], [], []
    found = Simulated(run_evidence(np.zeros(0), 1, ()), (), compared(False, ()), np.zeros(0))

    def figures(part: slice) -> tuple[float, float]:
        logits = rows[part] @ weights
        truth = labels[part]
        return cross_entropy(logits, truth), float(((logits > 0) == truth).mean())

    def measure(step: int) -> None:
        found.train[step], found.test[step] = figures(slice(0, TRAIN)), figures(slice(TRAIN, None))

    measure(0)
    for _ in range(epochs):
        order, right = random.permutation(TRAIN), 0
        for start in range(0, TRAIN, batch):
            part = order[start : start + batch]
            logits = rows[part] @ weights
            losses.append(cross_entropy(logits, labels[part]))
            right_here = int(((logits > 0) == labels[part]).sum())
            results.append(("r0", len(losses), right_here, len(part)))
            right += right_here
            error = 1 / (1 + np.exp(-logits)) - labels[part]
            weights = weights - 0.02 * rows[part].T @ error / len(part)
        shares.append(right / TRAIN)
        measure(len(losses))
    predicted = (rows[TRAIN:] @ weights > 0).astype(float)
    agreed = int((predicted[:, None] == labels[TRAIN:]).sum())
    found.spread = compared(True, (("r0", len(losses), agreed, TEST * TEST),))
    found.spread_share = agreed / TEST**2
    found.losses, found.running = np.array(losses), np.array(shares)
    found.comparisons = (compared(False, tuple(results)),)
    measured = tuple(
        Measured(step, found.train[step][0], found.test[step][0], found.train[step][1], found.test[step][1])
        for step in sorted(found.train)
    )
    found.run = run_evidence(found.losses, -(-TRAIN // batch), measured)
    return found


def cross_entropy(logits: Array, labels: Array) -> float:
    return float((np.logaddexp(0, logits) - labels * logits).mean())


def compared(spread: bool, results: tuple[tuple[str | None, int, int, int], ...]) -> Comparison:
    shape = (TEST, 1) if spread else (BATCH,)
    return Comparison(None, 5, shape, (TEST,) if spread else (BATCH,), results)


def run_evidence(losses: Array, steps_per_epoch: int, measured: tuple[Measured, ...]) -> RunEvidence:
    return RunEvidence(
        id="r0", model="m0", cell=5, where=None, optimizers=(), backwards=len(losses), steps=len(losses),
        loss_kind="bce-with-logits", loss_operations=(), activation_before_loss="none", output_shape=None,
        target_shape=None, target_dtype=None, broadcast=False, losses=losses, finite=True, reset=True,
        reset_before_step=False, moved=True, reached=1, cut_off=False, order="ZBS", training_mode=True,
        dataset="circles", train_rows=None, label_agreement=1.0, steps_per_epoch=steps_per_epoch,
        seeded_by_student=False, measured=measured,
    )  # fmt: skip


def said(text: str, step: int, run: str | None = "r0") -> Said:
    return Said(None, 5, run, step, text)


def series(name: str, values: Any) -> Series:
    return Series(name, 5, np.asarray(values, dtype=float))
