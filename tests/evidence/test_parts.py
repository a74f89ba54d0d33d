"""The student's own train and test parts, found by value under any names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from grader.evidence.datasets import RowFinder, make_rows
from grader.evidence.parts import find_split, known_arrays, split_from_training
from grader.model.evidence import KnownArray, Split
from grader.model.submission import Where
from tests.check.building import assignment
from tests.evidence.building import events, name_event, notebook

ROWS = make_rows(assignment().dataset("circles"))
X, Y = ROWS.features, ROWS.labels
X_TRAIN, X_TEST, Y_TRAIN, Y_TEST = train_test_split(X, Y, test_size=0.2, random_state=42)
FOUR = {"X_train": X_TRAIN, "X_test": X_TEST, "y_train": Y_TRAIN, "y_test": Y_TEST}


def arrays_of(values: dict[str, Any], source: str = "", **changes: dict[str, Any]) -> tuple[KnownArray, ...]:
    """These variables, as tensors unless `changes` says otherwise of a name."""
    named = [
        name_event(name, name, shape=np.shape(value), cell=1, **changes.get(name, {}))
        for name, value in values.items()
    ]
    finder = RowFinder(ROWS)
    return known_arrays(events(*named, **values), finder, notebook(source or "pass"))


def split_of(values: dict[str, Any], **changes: dict[str, Any]) -> Split | None:
    return find_split(arrays_of(values, **changes), RowFinder(ROWS))


def names(split: Split | None) -> list[str | None]:
    assert split is not None
    parts = (split.train_features, split.test_features, split.train_labels, split.test_labels)
    return [part.name if part else None for part in parts]


# ---------------------------------------------------------------- arrays


def test_arrays_are_known_by_value_in_the_order_of_their_appearance() -> None:
    found = arrays_of({"a": Y, "b": X, "c": X_TEST, "noise": np.random.default_rng(0).normal(size=(500, 2))})
    assert [(array.name, array.role, array.in_order) for array in found] == [
        ("a", "labels", True),
        ("b", "features", True),
        ("c", "features", False),
    ]


def test_a_name_is_placed_at_the_line_that_gives_it_its_value() -> None:
    found = arrays_of({"X": X, "both[0]": X_TRAIN}, source="import torch\nX = load()\nboth = split(X)")
    assert [array.where for array in found] == [Where(cell=1, line=2), Where(cell=1, line=3)]


def test_a_cell_that_cannot_be_parsed_places_names_in_the_cell_alone() -> None:
    assert [array.where for array in arrays_of({"X": X}, source="X = (")] == [Where(cell=1, line=None)]


def test_a_scaled_small_part_is_known_though_it_appears_before_the_large_one() -> None:
    scaler = StandardScaler().fit(X_TRAIN)
    test, train = scaler.transform(X_TEST), scaler.transform(X_TRAIN)
    found = arrays_of({"test": test, "train": train})
    assert [array.name for array in found] == ["test", "train"]
    assert found[0].scale == pytest.approx(1 / scaler.scale_, rel=1e-4)
    assert found[0].shift == pytest.approx(-scaler.mean_ / scaler.scale_, abs=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        X[:5],
        X[:, 0],
        np.zeros(2000),
        np.arange(2000) % 3,
        np.linspace(0, 1, 2000),
        np.tile(Y, 2),
        Y.reshape(40, 50),
        np.empty((0, 2)),
        np.array(3.0),
        np.column_stack((X, Y)),
    ],
)
def test_what_holds_neither_rows_nor_labels_is_left_out(values: np.ndarray) -> None:
    assert arrays_of({"thing": values}) == ()


def test_a_frame_with_the_labels_beside_the_features_holds_rows() -> None:
    frame = np.column_stack((X, Y))
    (found,) = arrays_of({"df": frame}, df={"type": "frame", "dtype": "float64"})
    assert (found.container, found.role, found.in_order) == ("frame", "features", True)


def test_series_and_lost_values_are_no_arrays() -> None:
    assert arrays_of({"losses": Y}, losses={"type": "series"}) == ()
    assert known_arrays(events(name_event("X", "gone")), RowFinder(ROWS), notebook("pass")) == ()


# ---------------------------------------------------------------- splits


@pytest.mark.parametrize(
    "given",
    [
        ("X_train", "X_test", "y_train", "y_test"),
        ("Xtr", "Xte", "ytr", "yte"),
        ("a", "b", "c", "d"),
        ("puncte_antrenare", "puncte_test", "etichete_antrenare", "etichete_test"),
        ("data[0]", "data[1]", "data[2]", "data[3]"),
        ("data.X_train", "data.X_test", "data.y_train", "data.y_test"),
        ("self.x_train", "self.x_val", "self.y_train", "self.y_val"),
    ],
)
def test_a_split_is_found_under_any_names(given: tuple[str, ...]) -> None:
    split = split_of(dict(zip(given, FOUR.values(), strict=True)))
    assert names(split) == list(given)
    assert split is not None
    assert (split.aligned_train, split.aligned_test, split.overlap, split.lost) == (1.0, 1.0, 0, 0)
    assert not split.swapped


def test_no_parts_no_split() -> None:
    assert split_of({"X": X, "y": Y}) is None
    assert split_of({"X_train": X_TRAIN, "y_train": Y_TRAIN}) is None
    assert split_of({"X_train": X_TRAIN, "also_train": X_TRAIN.copy()}) is None


def test_labels_as_a_column_are_labels() -> None:
    split = split_of({**FOUR, "y_train": Y_TRAIN[:, None], "y_test": Y_TEST[:, None]})
    assert split is not None and split.aligned_train == split.aligned_test == 1.0


def test_tensors_are_preferred_to_the_arrays_they_were_made_from() -> None:
    both = {**{f"{name}_np": value for name, value in FOUR.items()}, **FOUR}
    changes = {f"{name}_np": {"type": "array", "dtype": "float64"} for name in FOUR}
    split = split_of(both, **changes)
    assert names(split) == list(FOUR)
    assert split is not None and split.train_features.container == "tensor"


def test_arrays_alone_are_a_split_of_arrays() -> None:
    split = split_of(FOUR, **{name: {"type": "array", "dtype": "float64"} for name in FOUR})
    assert split is not None and split.train_features.container == "array"


def test_plain_rows_are_preferred_to_scaled_ones() -> None:
    scaler = StandardScaler().fit(X_TRAIN)
    both = {**FOUR, "X_train_s": scaler.transform(X_TRAIN), "X_test_s": scaler.transform(X_TEST)}
    assert names(split_of(both))[:2] == ["X_train", "X_test"]


def test_a_validation_part_leaves_the_rest_to_the_two_others() -> None:
    x_val, x_test, y_val, y_test = train_test_split(X_TEST, Y_TEST, test_size=0.5, random_state=1)
    split = split_of({
        "X_train": X_TRAIN, "y_train": Y_TRAIN, "X_val": x_val, "y_val": y_val, "X_test": x_test, "y_test": y_test,
    })  # fmt: skip
    assert split is not None
    assert split.train_features.name == "X_train"
    assert (split.lost, split.overlap) == (200, 0)
    assert split.aligned_train == split.aligned_test == 1.0


def test_the_last_rows_as_test_part() -> None:
    split = split_of({"X_train": X[:1600], "X_test": X[1600:], "y_train": Y[:1600], "y_test": Y[1600:]})
    assert split is not None
    assert (split.test_features.shape, split.aligned_test, split.lost) == ((400, 2), 1.0, 0)


# ---------------------------------------------------------------- bad splits


def test_features_and_labels_split_apart() -> None:
    other_train, other_test = train_test_split(Y, test_size=0.2, random_state=7)
    split = split_of({**FOUR, "y_train": other_train, "y_test": other_test})
    assert split is not None and not split.swapped
    assert split.aligned_train is not None and 0.4 < split.aligned_train < 0.6


def test_labels_of_one_part_alone_lost() -> None:
    split = split_of({**FOUR, "y_test": Y_TEST[::-1]})
    assert split is not None
    assert split.aligned_train == 1.0
    assert split.aligned_test is not None and split.aligned_test < 0.7


UNPACKED = [
    ("X_train", "y_train", "X_test", "y_test"),
    ("X_test", "X_train", "y_test", "y_train"),
    ("y_train", "y_test", "X_train", "X_test"),
]


@pytest.mark.parametrize("order", UNPACKED)
def test_parts_unpacked_in_the_wrong_order(order: tuple[str, ...]) -> None:
    split = split_of(dict(zip(order, FOUR.values(), strict=True)))
    assert split is not None and (split.swapped or split.small_train)


def test_rows_in_both_parts_and_rows_in_none() -> None:
    split = split_of(
        {"X_train": X[:1500], "X_test": X[1400:1800], "y_train": Y[:1500], "y_test": Y[1400:1800]}
    )
    assert split is not None
    assert (split.overlap, split.lost) == (100, 200)


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("one", "two")])
def test_where_names_are_silent_the_part_trained_on_is_the_train_part(first: str, second: str) -> None:
    arrays = arrays_of({first: X_TRAIN, second: X_TEST})
    small = frozenset(RowFinder(ROWS).match(X_TEST).rows.tolist())  # type: ignore[union-attr]
    assert names(find_split(arrays, RowFinder(ROWS), lambda: small))[:2] == [second, first]
    assert names(find_split(arrays, RowFinder(ROWS)))[:2] == [first, second]


def test_names_outweigh_what_was_trained_on() -> None:
    small = frozenset(RowFinder(ROWS).match(X_TEST).rows.tolist())  # type: ignore[union-attr]
    found = find_split(arrays_of({"X_train": X_TRAIN, "X_test": X_TEST}), RowFinder(ROWS), lambda: small)
    assert names(found)[:2] == ["X_train", "X_test"]


def test_parts_without_labels() -> None:
    split = split_of({"X_train": X_TRAIN, "X_test": X_TEST})
    assert split is not None
    assert (split.train_labels, split.aligned_train) == (None, None)


# ---------------------------------------------------------------- in use


def test_a_split_that_no_name_holds_is_seen_in_use() -> None:
    trained, evaluated = np.arange(1600), np.arange(1500, 2000)
    split = split_from_training(trained, evaluated, 1.0, RowFinder(ROWS))
    assert split is not None
    assert (split.source, split.overlap, split.lost, split.aligned_train) == ("training", 0, 0, 1.0)
    assert split.test_features.shape == (400, 2)
    assert split.test_features.rows is not None and split.test_features.rows.min() == 1600


@pytest.mark.parametrize(("trained", "evaluated"), [(2000, 2000), (0, 2000), (1600, 1600), (1600, 0)])
def test_without_rows_held_out_nothing_is_seen(trained: int, evaluated: int) -> None:
    assert split_from_training(np.arange(trained), np.arange(evaluated), 1.0, RowFinder(ROWS)) is None
