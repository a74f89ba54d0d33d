"""Losses recognised by the autograd graphs that torch really makes, and computed again in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # its customary name
from torch import Tensor, nn

from grader.evidence.loss_operands import weighted_by_outputs
from grader.evidence.losses import LossView, activation_before, loss_kind, loss_value, view_of
from grader.evidence.raw import RawOperation
from grader.model.evidence import LossKind
from grader.record.lossgraph import head

Loss = Callable[[Tensor, Tensor], Tensor]
ROWS = torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
BINARY = (ROWS[:, 0] > 0).float()
CLASSES = torch.arange(12) % 4
EACH = torch.arange(12)


def operations(loss: Tensor) -> tuple[str, ...]:
    return tuple(entry["op"] for entry in head(loss))


def recognised(loss: Tensor) -> tuple[str, str]:
    ops = operations(loss)
    kind = loss_kind(ops)
    return kind, activation_before(ops, kind)


def by_hand(p: Tensor, y: Tensor) -> Tensor:
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


LOGITS, CE = "bce-with-logits", "cross-entropy"

ONE_COLUMN: list[tuple[str, Loss, str, str]] = [
    ("module", nn.BCEWithLogitsLoss(), LOGITS, "none"),
    ("functional", F.binary_cross_entropy_with_logits, LOGITS, "none"),
    ("weighted", nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0)), LOGITS, "none"),
    ("unreduced", lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none").mean(), LOGITS, "none"),
    ("scaled", lambda z, y: nn.BCEWithLogitsLoss()(z, y) * 0.5, LOGITS, "none"),
    ("log-sigmoid", lambda z, y: -(y * F.logsigmoid(z) + (1 - y) * F.logsigmoid(-z)).mean(), LOGITS, "none"),
    ("softplus", lambda z, y: (F.softplus(z) - y * z).mean(), LOGITS, "none"),
    ("log of one and exp", lambda z, y: (torch.log(1 + torch.exp(z)) - y * z).mean(), LOGITS, "none"),
    ("steady form", lambda z, y: (torch.log1p(torch.exp(-z.abs())) + z.clamp(min=0) - y * z).mean(), LOGITS, "none"),
    ("sigmoid twice", lambda z, y: nn.BCEWithLogitsLoss()(torch.sigmoid(z), y), LOGITS, "sigmoid"),
    ("BCELoss on a sigmoid", lambda z, y: nn.BCELoss()(torch.sigmoid(z), y), "bce", "sigmoid"),
    ("BCELoss on logits", lambda z, y: nn.BCELoss()(z.clamp(0, 1), y), "bce", "none"),
    ("own BCE", lambda z, y: by_hand(torch.sigmoid(z), y), "bce", "sigmoid"),
    ("own BCE, clamped", lambda z, y: by_hand(torch.sigmoid(z).clamp(1e-6, 1 - 1e-6), y), "bce", "sigmoid"),
    ("own BCE, a little added", lambda z, y: by_hand(torch.sigmoid(z) * 0.999 + 1e-7, y), "bce", "sigmoid"),
    ("own BCE and own sigmoid", lambda z, y: by_hand(1 / (1 + torch.exp(-z)), y), "bce", "sigmoid"),
    ("MSE", nn.MSELoss(), "mse", "none"),
    ("MSE of a sigmoid", lambda z, y: nn.MSELoss()(torch.sigmoid(z), y), "mse", "sigmoid"),
    ("own MSE", lambda z, y: ((z - y) ** 2).mean(), "mse", "none"),
    ("L1", nn.L1Loss(), "l1", "none"),
    ("own L1", lambda z, y: (z - y).abs().mean(), "l1", "none"),
    ("smooth L1", nn.SmoothL1Loss(), "smooth-l1", "none"),
    ("Huber", nn.HuberLoss(), "smooth-l1", "none"),
    ("hinge", lambda z, y: torch.relu(1 - (2 * y - 1) * z).mean(), "other", "none"),
]  # fmt: skip


def focal(z: Tensor, y: Tensor) -> Tensor:
    p = torch.sigmoid(z)
    return ((y - p).abs() ** 2 * F.binary_cross_entropy_with_logits(z, y, reduction="none")).mean()


def focal_of_classes(z: Tensor, c: Tensor) -> Tensor:
    own = torch.softmax(z, 1)[EACH, c]
    return ((1 - own) ** 2 * F.cross_entropy(z, c, reduction="none")).mean()


FOUR_COLUMNS: list[tuple[str, Loss, str, str]] = [
    ("module", nn.CrossEntropyLoss(), CE, "none"),
    ("smoothed labels", nn.CrossEntropyLoss(label_smoothing=0.1), CE, "none"),
    ("class shares as targets", lambda z, c: F.cross_entropy(z, F.one_hot(c, 4).float()), CE, "none"),
    ("NLL on log-softmax", lambda z, c: F.nll_loss(F.log_softmax(z, 1), c), CE, "none"),
    ("NLL on the log of a softmax", lambda z, c: F.nll_loss(torch.log(torch.softmax(z, 1)), c), CE, "none"),
    ("own, by log-softmax", lambda z, c: -F.log_softmax(z, 1)[EACH, c].mean(), CE, "none"),
    ("own, by softmax", lambda z, c: -torch.log(torch.softmax(z, 1)).gather(1, c[:, None]).mean(), CE, "none"),
    ("own, by logsumexp", lambda z, c: (torch.logsumexp(z, 1) - z[EACH, c]).mean(), CE, "none"),
    ("own, by exp", lambda z, c: -torch.log(z.exp() / z.exp().sum(1, True))[EACH, c].mean(), CE, "none"),
    ("softmax twice", lambda z, c: nn.CrossEntropyLoss()(torch.softmax(z, 1), c), CE, "softmax"),
    ("log-softmax twice", lambda z, c: nn.CrossEntropyLoss()(F.log_softmax(z, 1), c), CE, "log_softmax"),
    ("NLL on raw outputs", nn.NLLLoss(), "nll", "none"),
    ("BCE over one-hot rows", lambda z, c: nn.BCEWithLogitsLoss()(z, F.one_hot(c, 4).float()), LOGITS, "none"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "loss", "kind", "before"), ONE_COLUMN)
def test_losses_of_one_column(name: str, loss: Loss, kind: str, before: str) -> None:
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    assert recognised(loss(model(ROWS).squeeze(1), BINARY)) == (kind, before)


@pytest.mark.parametrize(("name", "loss", "kind", "before"), FOUR_COLUMNS)
def test_losses_of_four_columns(name: str, loss: Loss, kind: str, before: str) -> None:
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 4))
    assert recognised(loss(model(ROWS), CLASSES)) == (kind, before)


def test_a_penalty_on_the_weights_changes_nothing() -> None:
    model = nn.Linear(2, 1)
    penalty = sum(((p**2).sum() for p in model.parameters()), torch.zeros(()))
    loss = nn.BCEWithLogitsLoss()(model(ROWS).squeeze(1), BINARY) + 1e-4 * penalty
    assert recognised(loss) == ("bce-with-logits", "none")


def test_activations_inside_the_model_are_not_the_losss() -> None:
    model = nn.Sequential(nn.Linear(2, 8), nn.Sigmoid(), nn.Linear(8, 4))
    assert recognised(nn.CrossEntropyLoss()(model(ROWS), CLASSES)) == ("cross-entropy", "none")


@pytest.mark.parametrize(
    ("loss", "columns", "labels", "weighted"),
    [
        (focal, 1, BINARY, True),
        (focal_of_classes, 4, CLASSES, True),
        (lambda z, y: nn.BCEWithLogitsLoss(pos_weight=torch.tensor(2.0))(z, y), 1, BINARY, False),
        (lambda z, y: nn.BCEWithLogitsLoss()(torch.sigmoid(z), y) * 0.5, 1, BINARY, False),
        (lambda z, y: nn.BCEWithLogitsLoss()(z * torch.sigmoid(z), y), 1, BINARY, False),
        (lambda z, c: nn.CrossEntropyLoss()(torch.softmax(z, 1), c), 4, CLASSES, False),
        (lambda z, y: by_hand(torch.sigmoid(z), y), 1, BINARY, False),
    ],
)
def test_a_factor_made_of_the_outputs_weights_the_loss(
    loss: Loss, columns: int, labels: Tensor, weighted: bool
) -> None:
    outputs = nn.Linear(2, columns)(ROWS)
    head_of = head(loss(outputs.squeeze(1), labels))
    assert weighted_by_outputs([RawOperation.model_validate(entry) for entry in head_of]) is weighted


def test_nothing_recorded_is_unknown() -> None:
    assert loss_kind(()) == "unknown"


# ---------------------------------------------------------------- values


REDONE: list[tuple[LossKind, int, Callable[[Tensor, Tensor], Tensor]]] = [
    ("bce-with-logits", 1, lambda z, y: F.binary_cross_entropy_with_logits(z[:, 0], y)),
    ("cross-entropy", 4, lambda z, y: F.cross_entropy(z, y.long())),
    ("mse", 1, lambda z, y: F.mse_loss(z[:, 0], y)),
    ("l1", 1, lambda z, y: F.l1_loss(z[:, 0], y)),
]


@pytest.mark.parametrize(("kind", "columns", "torchs"), REDONE)
@pytest.mark.parametrize("size", [0.1, 1.0, 60.0])
def test_the_same_value_as_torch(kind: LossKind, columns: int, torchs: Loss, size: float) -> None:
    random = np.random.default_rng(1)
    outputs = random.normal(scale=size, size=(50, columns))
    labels = random.integers(0, max(2, columns), 50).astype(float)
    wanted = float(torchs(torch.tensor(outputs), torch.tensor(labels)))
    assert loss_value(kind, outputs, labels) == pytest.approx(wanted, rel=1e-9)


def test_bce_of_certain_probabilities_is_bounded_as_in_torch() -> None:
    outputs, labels = np.array([[0.0], [1.0], [0.25]]), np.array([1.0, 0.0, 1.0])
    wanted = float(F.binary_cross_entropy(torch.tensor(outputs[:, 0]), torch.tensor(labels)))
    assert loss_value("bce", outputs, labels) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("kind", "columns", "labels"),
    [
        ("bce-with-logits", 4, [0.0, 1.0]),
        ("cross-entropy", 1, [0.0, 0.0]),
        ("cross-entropy", 4, [0.0, 4.0]),
        ("cross-entropy", 4, [-1.0, 0.0]),
        ("hinge", 1, [0.0, 1.0]),
        ("other", 1, [0.0, 1.0]),
    ],
)
def test_what_cannot_be_redone_is_none(kind: LossKind, columns: int, labels: list[float]) -> None:
    assert loss_value(kind, np.zeros((2, columns)), np.array(labels)) is None


def test_the_class_of_several_columns_is_the_largest() -> None:
    columns = np.array([[0.1, 0.7, 0.2], [3.0, -1.0, 2.0]])
    assert view_of("cross-entropy", "none", "none").classes(columns).tolist() == [1, 0]


# ---------------------------------------------------------------- how a loop sees its outputs


@pytest.mark.parametrize(
    ("kind", "before", "ending", "classes"),
    [
        ("bce-with-logits", "none", "none", [0, 1, 1]),
        ("bce", "sigmoid", "none", [0, 1, 1]),
        ("bce", "sigmoid", "sigmoid", [0, 0, 1]),
        ("mse", "none", "none", [0, 0, 1]),
        ("mse", "sigmoid", "none", [0, 1, 1]),
        ("bce-with-logits", "sigmoid", "sigmoid", [0, 0, 1]),
    ],
)
def test_where_classes_divide(kind: LossKind, before: str, ending: str, classes: list[int]) -> None:
    view = view_of(kind, before, ending)  # type: ignore[arg-type]  # an activation's name
    assert view.classes(np.array([[-0.2], [0.2], [0.6]])).tolist() == classes


def test_the_loss_of_what_the_loop_applies_outside_the_model() -> None:
    logits, labels = np.array([[-1.0], [0.5], [2.0]]), np.array([0.0, 1.0, 1.0])
    wanted = F.binary_cross_entropy_with_logits(torch.tensor(logits[:, 0]), torch.tensor(labels)).item()
    assert view_of("bce", "sigmoid", "none").loss(logits, labels) == pytest.approx(wanted)
    four, picked = np.array([[1.0, 2.0, 0.0, 0.0]] * 3), np.array([1.0, 0.0, 3.0])
    softmax = torch.softmax(torch.tensor(four), 1)
    twice = F.cross_entropy(softmax, torch.tensor(picked).long()).item()
    assert view_of("cross-entropy", "softmax", "none").loss(four, picked) == pytest.approx(twice)


def test_smoothed_labels_give_what_torch_gives() -> None:
    outputs, labels = torch.randn(50, 4, generator=torch.Generator().manual_seed(2)), torch.arange(50) % 4
    wanted = float(F.cross_entropy(outputs, labels, label_smoothing=0.1))
    view = LossView("cross-entropy", "none", 0.0, smoothing=0.1)
    assert view.loss(outputs.double().numpy(), labels.numpy()) == pytest.approx(wanted, rel=1e-6)


def test_outputs_spread_over_labels_give_what_torch_gives() -> None:
    outputs, labels = (
        torch.randn(50, 1, generator=torch.Generator().manual_seed(3)),
        (torch.arange(50) % 3 == 0).float(),
    )
    wanted = float((F.softplus(outputs) - outputs * labels).mean())
    view = view_of("bce-with-logits", "none", "none")
    assert view.over_pairs(outputs.double().numpy(), labels.numpy()) == pytest.approx(wanted, rel=1e-5)
    assert view.loss(outputs.double().numpy(), labels.numpy()) != pytest.approx(wanted, rel=1e-3)


def test_a_regressions_raw_output_may_turn_at_zero_or_one_half() -> None:
    assert (view_of("mse", "none", "none").threshold, view_of("mse", "none", "none").other_threshold) == (
        0.5,
        0.0,
    )
    assert view_of("mse", "none", "sigmoid").other_threshold is None
    assert view_of("bce-with-logits", "none", "none").other_threshold is None
