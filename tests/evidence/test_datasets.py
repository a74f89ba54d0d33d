"""The assignment's data made again, and its rows found in arrays of the student's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_blobs, make_circles
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from grader.evidence.datasets import RowFinder, aligned_share, held_out_rows, make_rows, rows_used
from grader.model.assignment import DatasetSpec
from tests.check.building import array, assignment, excellent

CIRCLES, BLOBS = assignment().dataset("circles"), assignment().dataset("blobs")
ROWS = make_rows(CIRCLES)
ORDER = np.random.default_rng(5).permutation(2000)
TRAIN, TEST = ORDER[:1600], ORDER[1600:]


def scaled(scaler: Any, fitted_on: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.asarray(scaler.fit(ROWS.features[fitted_on]).transform(ROWS.features[rows]))


def test_the_students_data_is_made_again_exactly() -> None:
    features, labels = make_circles(2000, noise=0.05, random_state=42)
    assert (ROWS.features == features).all() and (ROWS.labels == labels).all()
    features, labels = make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
    assert (make_rows(BLOBS).features == features).all() and (make_rows(BLOBS).labels == labels).all()


def test_a_straight_line_from_lists_of_arguments() -> None:
    spec = DatasetSpec(
        id="line",
        generator="straight_line",
        arguments={"start": 0, "end": 1, "step": 0.25, "weight": 0.7, "bias": 0.3},
        classes=0,
    )
    rows = make_rows(spec)
    assert rows.features.tolist() == [[0.0], [0.25], [0.5], [0.75]]
    assert rows.labels == pytest.approx([0.3, 0.475, 0.65, 0.825])
    assert (held_out_rows(spec, 7).features == rows.features).all()


@pytest.mark.parametrize("spec", [CIRCLES, BLOBS])
def test_held_out_rows_are_new_and_many(spec: DatasetSpec) -> None:
    held = held_out_rows(spec, 1001)
    assert held.features.shape == (4000, 2)
    own = {tuple(row) for row in make_rows(spec).features.tolist()}
    assert not own & {tuple(row) for row in held.features.tolist()}
    assert not (held.features == held_out_rows(spec, 1002).features).any()


def test_held_out_blobs_keep_their_centres() -> None:
    rows, held = make_rows(BLOBS), held_out_rows(BLOBS, 1001)
    for label in range(4):
        mine, theirs = rows.features[rows.labels == label], held.features[held.labels == label]
        assert np.abs(mine.mean(axis=0) - theirs.mean(axis=0)).max() < 0.4
        assert theirs.std(axis=0) == pytest.approx([1.5, 1.5], abs=0.1)


def test_given_centres_may_be_lists() -> None:
    spec = DatasetSpec(
        id="three",
        generator="make_blobs",
        arguments={
            "n_samples": 90,
            "centers": [[0, 0], [9, 9], [0, 9]],
            "cluster_std": 0.1,
            "random_state": 1,
        },
        classes=3,
    )
    held = held_out_rows(spec, 5)
    assert held.features[held.labels == 1].mean(axis=0) == pytest.approx([9, 9], abs=0.05)


# ---------------------------------------------------------------- rows found again

STANDARD = scaled(StandardScaler(), TRAIN, ORDER)
MINMAX = scaled(MinMaxScaler(), TRAIN, ORDER)
RECOGNISED = [
    ("plain", ROWS.features, np.arange(2000), True),
    ("float32", ROWS.features.astype(np.float32), np.arange(2000), True),
    ("shuffled", ROWS.features[ORDER], ORDER, True),
    ("a subset", ROWS.features[TEST], TEST, True),
    ("twenty rows", ROWS.features[TEST[:20]], TEST[:20], True),
    ("one row", ROWS.features[[17]], np.array([17]), True),
    ("two decimals lost", ROWS.features.round(5), np.arange(2000), True),
    ("standardised on the train rows", STANDARD, ORDER, False),
    ("standardised train rows only", STANDARD[:1600], TRAIN, False),
    ("standardised in float32", STANDARD.astype(np.float32), ORDER, False),
    ("min-max scaled", MINMAX, ORDER, False),
    ("min-max scaled from -1 to 1", scaled(MinMaxScaler((-1, 1)), TRAIN, TRAIN), TRAIN, False),
    ("times ten", ROWS.features * 10, np.arange(2000), False),
    ("moved", ROWS.features + 3, np.arange(2000), False),
]


@pytest.mark.parametrize(("how", "values", "rows", "identity"), RECOGNISED)
def test_rows_are_recognised(how: str, values: np.ndarray, rows: np.ndarray, identity: bool) -> None:
    match = RowFinder(ROWS).match(values)
    assert match is not None
    assert (match.rows == rows).mean() > 0.998
    assert match.share > 0.998
    assert match.identity is identity


def test_the_scaling_is_recovered() -> None:
    scaler = StandardScaler().fit(ROWS.features[TRAIN])
    match = RowFinder(ROWS).match(scaler.transform(ROWS.features))
    assert match is not None
    assert match.scale == pytest.approx(1 / scaler.scale_, rel=1e-5)
    assert match.shift == pytest.approx(-scaler.mean_ / scaler.scale_, abs=1e-5)


def test_a_scaling_once_seen_helps_with_few_rows() -> None:
    finder = RowFinder(ROWS)
    assert finder.match(STANDARD[1600:]) is None, "a fifth of the rows does not tell their scaling"
    assert finder.match(STANDARD[:1600]) is not None
    match = finder.match(STANDARD[1600:])
    assert match is not None and (match.rows == TEST).all()


RANDOM = np.random.default_rng(9)
NOT_OURS = [
    ("other circles", make_circles(2000, noise=0.05, random_state=7)[0]),
    ("noisier circles", make_circles(2000, noise=0.1, random_state=42)[0]),
    ("fewer circles", make_circles(1000, noise=0.03, random_state=42)[0]),
    ("noise", RANDOM.normal(size=(2000, 2))),
    ("blobs", make_rows(BLOBS).features),
    ("three columns", RANDOM.normal(size=(50, 3))),
    ("one column", RANDOM.normal(size=(50, 1))),
    ("a flat array", ROWS.features[:, 0]),
    ("no rows", np.empty((0, 2))),
    ("a constant column", np.column_stack((np.ones(100), RANDOM.normal(size=100)))),
    ("not finite", np.where(np.arange(4000).reshape(2000, 2) == 7, np.nan, ROWS.features)),
    (
        "a grid of a map",
        np.stack(np.meshgrid(np.linspace(-1, 1, 60), np.linspace(-1, 1, 60)), -1).reshape(-1, 2),
    ),
    ("a flood", np.zeros((100_001, 2))),
]


@pytest.mark.parametrize(("what", "values"), NOT_OURS)
def test_other_data_is_not_recognised(what: str, values: np.ndarray) -> None:
    assert RowFinder(ROWS).match(values) is None


def test_foreign_rows_among_ours_have_no_index() -> None:
    values = np.concatenate([ROWS.features[:90], np.full((10, 2), 50.0)])
    match = RowFinder(ROWS).match(values)
    assert match is not None
    assert match.rows[:90].tolist() == list(range(90)) and (match.rows[90:] == -1).all()
    assert match.share == 0.9


# ---------------------------------------------------------------- labels and use


@pytest.mark.parametrize(
    ("labels", "share"),
    [
        (ROWS.labels[TRAIN], 1.0),
        (ROWS.labels[TRAIN].astype(np.float32)[:, None], 1.0),
        (1 - ROWS.labels[TRAIN], 0.0),
        (np.where(np.arange(1600) < 400, 1 - ROWS.labels[TRAIN], ROWS.labels[TRAIN]), 0.75),
        (ROWS.labels[TEST], None),
    ],
)
def test_the_share_of_rows_that_keep_their_label(labels: np.ndarray, share: float | None) -> None:
    features = array(excellent().datasets["circles"], "X_train", TRAIN)
    assert aligned_share(RowFinder(ROWS), features, labels) == share


def test_rows_that_are_not_known_have_no_label_to_keep() -> None:
    features = array(excellent().datasets["circles"], "X_train", TRAIN)
    nowhere = replace(features, rows=np.full(1600, -1))
    assert aligned_share(RowFinder(ROWS), nowhere, ROWS.labels[TRAIN]) is None
    assert aligned_share(RowFinder(ROWS), replace(features, rows=None), ROWS.labels[TRAIN]) is None


def test_rows_used_in_batches_are_counted_once() -> None:
    finder = RowFinder(ROWS)
    batches = [ROWS.features[:30], ROWS.features[20:50], RANDOM.normal(size=(30, 2)) + 9]
    assert rows_used(finder, batches).tolist() == list(range(50))
    assert rows_used(finder, []).tolist() == []
