"""Ways to spoil one thing of the excellent submission, and what the catalogue then names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from grader.diagnose.catalogue import diagnose
from grader.model.evidence import ClassDefinition, Evidence
from grader.model.finding import Mistake
from grader.model.submission import Where
from tests.check.building import (
    assignment,
    claim,
    drawn,
    excellent,
    reports,
    with_model,
    with_run,
    with_task,
)

CIRCLES = excellent().datasets["circles"]


def seen(evidence: Evidence) -> tuple[Mistake, ...]:
    faults: list[tuple[str, Exception]] = []
    found = diagnose(assignment(), evidence, lambda name, error: faults.append((name, error)))
    assert not faults
    return found


def codes(evidence: Evidence) -> list[str]:
    return [mistake.code for mistake in seen(evidence)]


SIGMOID_END = {"affine": False, "affine_before_output": True, "output_activation": "sigmoid"}
STRAIGHT = {"affine": True, "affine_before_output": True, "hidden_activations": ()}
BENT = {"affine": False, "affine_before_output": False, "hidden_activations": ("ReLU",)}
FALLING = np.linspace(0.7, 0.3, 200)


def opaque(name: str, why: str) -> Evidence:
    return with_model(
        name, output_width=None, linear_layers=(), affine=None, how="unreadable", unreadable=why
    )


def shadowing() -> Evidence:
    classes = (
        ClassDefinition("Perceptron", Where(cell=0)),
        ClassDefinition("Perceptron", Where(cell=3, line=2)),
    )
    return replace(with_model("baseline", class_name="Perceptron"), classes=classes)


def rebuilt(name: str) -> Evidence:
    """The run's optimizer, built five times at one place."""
    run = excellent().tasks[name].run
    assert run is not None
    many = tuple(replace(run.optimizers[0], id=f"o{number}") for number in range(5))
    return with_run(name, optimizers=many)


def trained_on(rows: np.ndarray) -> Evidence:
    return with_run("baseline", train_rows=rows)


def maps(*drawings: Any) -> Evidence:
    return with_task("nonlinear", maps=drawings)


def wrong_map(verdict: str, **changes: Any) -> Evidence:
    return maps(drawn("train", verdict=verdict, where=Where(cell=8, line=6), **changes), drawn("test"))


def told(*claims: Any, task: str = "baseline") -> Evidence:
    return with_task(task, reports=reports(claims=claims))


def slip(code: str, how: str = "printed") -> Any:
    return claim(how, "accuracy", verdict="slip", code=code, truth=0.9, explanation="so it was made")


SOUND = reports().claims
