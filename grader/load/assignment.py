"""An assignment folder, read and held against itself; `grader.model.assignment` describes its layout."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from grader.errors import BadAssignment
from grader.model.assignment import Assignment, CheckSpec, ExerciseSpec

_PACKAGED = Path("assignments") / "pytorch-classification"
_EXERCISE_FOLDER = re.compile(r"ex([1-9]\d?)$")
_FILE_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*$")
_FROM_THE_FOLDER = ("introduction", "exercises", "support")
_TABLES = {"dataset": "datasets", "task": "tasks"}
_WEIGHT_TOLERANCE = 1e-6

_Model = TypeVar("_Model", bound=BaseModel)


def default_assignment_folder() -> Path:
    """The nine exercises: inside the installed package, or beside it in a checkout.

    Raises:
        BadAssignment: neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / _PACKAGED, package.parent / "exercises"):
        if (folder / "assignment.toml").is_file():
            return folder
    raise BadAssignment(
        "the assignment that comes with the grader is missing: install it again, or name another one"
    )


def load_assignment(folder: Path) -> Assignment:
    """Read and validate an assignment.

    Raises:
        BadAssignment: something is missing or contradicts itself; one line that names the file and the field.
    """
    declared = folder / "assignment.toml"
    table = _table(declared)
    for field in table.keys() & {*_FROM_THE_FOLDER, *_TABLES.values()}:
        raise BadAssignment(f"{declared}: {field}: unknown field")
    fields = {_TABLES.get(field, field): value for field, value in table.items()}
    introduction = folder / "introduction.md"
    fields["introduction"] = _text(introduction) if introduction.exists() else ""
    fields["exercises"] = tuple(_exercises(folder))
    bands = folder / "bands.json"
    fields["bands"] = _json(bands) if bands.exists() else {}
    fields["support"] = tuple(sorted((folder / "support").glob("*.py")))
    assignment = _validated(Assignment, fields, declared)
    _check_names(assignment, declared)
    _check_references(assignment, folder)
    _check_weights(assignment, folder)
    return assignment


def _exercises(folder: Path) -> Iterable[ExerciseSpec]:
    """By number, the ungraded extra last."""
    numbered = sorted(
        (int(match[1]), path) for path in folder.iterdir() if (match := _EXERCISE_FOLDER.match(path.name))
    )
    extra = folder / "extra"
    if extra.is_dir():
        numbered.append((0, extra))
    if not numbered:
        raise BadAssignment(f"{folder}: no exercise folder (ex1, ex2, …) in it")
    return (_exercise(path, number) for number, path in numbered)


def _exercise(folder: Path, number: int) -> ExerciseSpec:
    rubric = folder / "rubric.toml"
    table = _table(rubric)
    if table.get("number", number) != number:
        raise BadAssignment(f"{rubric}: number: is {table['number']}, but the folder is called {folder.name}")
    if "statement" in table or "starter" in table:
        raise BadAssignment(f"{rubric}: statement and starter are files of their own")
    checks = table.pop("check", [])
    if "checks" in table or not isinstance(checks, list):
        raise BadAssignment(f"{rubric}: check: write each as [[check]]")
    starter = folder / "starter.py"
    fields = table | {
        "number": number,
        "checks": tuple(_check(check, rubric, index) for index, check in enumerate(checks)),
        "statement": _text(folder / "statement.md"),
        "starter": _text(starter) if starter.exists() else "",
    }
    return _validated(ExerciseSpec, fields, rubric)


def _check(table: object, rubric: Path, index: int) -> CheckSpec:
    name = table.get("id", f"number {index + 1}") if isinstance(table, dict) else f"number {index + 1}"
    check = _validated(CheckSpec, table, rubric, f"check {name}: ")
    if not math.isfinite(check.weight) or check.weight < 0:
        raise BadAssignment(f"{rubric}: check {name}: weight: {check.weight} is no number of points")
    return check


def _check_names(assignment: Assignment, declared: Path) -> None:
    if not _FILE_SAFE.match(assignment.id):
        raise BadAssignment(
            f"{declared}: id: only letters, digits, '.', '_' and '-', as files are named after it"
        )
    if not math.isfinite(assignment.base_points):
        raise BadAssignment(f"{declared}: base_points: {assignment.base_points} is no number of points")
    groups = {
        "dataset": [dataset.id for dataset in assignment.datasets],
        "task": [task.id for task in assignment.tasks],
        "check": [check.id for exercise in assignment.exercises for check in exercise.checks],
    }
    for kind, names in groups.items():
        for name, count in Counter(names).items():
            if count > 1:
                raise BadAssignment(f"{declared.parent}: {kind} id {name!r} is used {count} times")


def _check_references(assignment: Assignment, folder: Path) -> None:
    datasets = {dataset.id for dataset in assignment.datasets}
    tasks = {task.id for task in assignment.tasks}
    numbers = {0} | {exercise.number for exercise in assignment.exercises}
    declared = folder / "assignment.toml"
    for task in assignment.tasks:
        _require(task.dataset, datasets, f"{declared}: task {task.id}: dataset")
        for field, value in task.model_dump().items():
            if field.endswith("_exercise"):
                _require(value, numbers, f"{declared}: task {task.id}: {field}")
    for exercise in assignment.exercises:
        rubric = _rubric_of(exercise, folder)
        if exercise.task is not None:
            _require(exercise.task, tasks, f"{rubric}: task")
        if exercise.dataset is not None:
            _require(exercise.dataset, datasets, f"{rubric}: dataset")
    _check_needs(assignment, folder)


def _check_needs(assignment: Assignment, folder: Path) -> None:
    needs = {check.id: check.needs for exercise in assignment.exercises for check in exercise.checks}
    for exercise in assignment.exercises:
        for check in exercise.checks:
            field = f"{_rubric_of(exercise, folder)}: check {check.id}: needs"
            for need in check.needs:
                _require(need, needs.keys(), field)
            if check.id in _reached(check.id, needs):
                raise BadAssignment(f"{field}: leads back to the check itself")


def _reached(start: str, needs: dict[str, tuple[str, ...]]) -> set[str]:
    """Every check that must hold before this one, directly or through others."""
    reached: set[str] = set()
    waiting = list(needs[start])
    while waiting:
        need = waiting.pop()
        if need not in reached:
            reached.add(need)
            waiting.extend(needs.get(need, ()))
    return reached


def _check_weights(assignment: Assignment, folder: Path) -> None:
    expected = assignment.points_per_exercise
    if expected is None:
        return
    for exercise in assignment.exercises:
        total = sum(check.weight for check in exercise.checks)
        if exercise.graded and not abs(total - expected) <= _WEIGHT_TOLERANCE:
            rubric = _rubric_of(exercise, folder)
            raise BadAssignment(f"{rubric}: weight: the checks add up to {total:g}, not to {expected:g}")


def _require(value: object, known: Iterable[object], field: str) -> None:
    if value not in known:
        raise BadAssignment(f"{field}: {value!r} is not declared")


def _rubric_of(exercise: ExerciseSpec, folder: Path) -> Path:
    return folder / (f"ex{exercise.number}" if exercise.number else "extra") / "rubric.toml"


def _validated(model: type[_Model], fields: object, file: Path, prefix: str = "") -> _Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        names = {plural: table for table, plural in _TABLES.items()}
        field = ".".join(names.get(str(part), str(part)) for part in first["loc"]) or "the whole table"
        message = first["msg"][:1].lower() + first["msg"][1:]
        raise BadAssignment(f"{file}: {prefix}{field}: {message}") from error


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(file))
    except tomllib.TOMLDecodeError as error:
        raise BadAssignment(f"{file}: not valid TOML: {error}") from error


def _json(file: Path) -> Any:
    try:
        return json.loads(_text(file))
    except ValueError as error:
        raise BadAssignment(f"{file}: is not JSON: {error}") from None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadAssignment(f"{file}: is missing") from error
    except OSError as error:
        raise BadAssignment(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadAssignment(f"{file}: is not UTF-8") from error
