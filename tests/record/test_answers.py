"""Rows without labels that models are asked about: when they are read, and what is asked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from grader.record.answers import Questions


class Listening:
    """A store that remembers."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def keep(self, array: Any) -> Any:
        return array

    def emit(self, event: dict[str, Any]) -> None:
        self.events.append(event)


def asked(questions: Questions, store: Listening) -> list[dict[str, Any]]:
    entry = SimpleNamespace(id="m0", module=torch.nn.Linear(2, 1), example=torch.zeros(4, 2))
    questions.ask([entry], 1, {})
    return store.events


def test_rows_that_come_after_the_recorder_are_asked_about(tmp_path: Path) -> None:
    store, file = Listening(), tmp_path / "probes.safetensors"
    questions = Questions(store, str(file))
    save_file({"circles": np.ones((3, 2))}, str(file))
    questions.learn()
    (event,) = asked(questions, store)
    assert (event["kind"], event["rows_of"], event["outputs"].shape) == ("answers", "circles", (3, 1))


def test_rows_are_read_once_so_that_nobody_exchanges_them(tmp_path: Path) -> None:
    store, file = Listening(), tmp_path / "probes.safetensors"
    save_file({"circles": np.ones((3, 2))}, str(file))
    questions = Questions(store, str(file))
    questions.learn()
    save_file({"circles": np.zeros((5, 2))}, str(file))
    questions.learn()
    (event,) = asked(questions, store)
    assert event["rows"].shape == (3, 2)


def test_nothing_is_asked_without_rows(tmp_path: Path) -> None:
    store = Listening()
    questions = Questions(store, str(tmp_path / "missing"))
    questions.learn()
    assert asked(questions, store) == []
