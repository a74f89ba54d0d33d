"""Who may import whom, and how long things may be: the rules that keep the stages apart."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "grader"
FILES = sorted(PACKAGE.rglob("*.py"))
STAGES = ("load", "execute", "record", "evidence", "check", "diagnose", "similarity", "gradebook", "report")
COMPOSERS = (
    "pipeline",
    "batch",
    "commands",
    "api",
    "cli",
    "doctor",
    "pytest_grade",
    "pytest_plugin",
    "__init__",
)
"""The only modules that put stages together."""
PARTS = ("compose", "score", "handout")
"""Modules beside the stages that belong to none: they see records and one another."""
BELOW_ALL = ("model", "errors", "files")
"""Records, errors, and files that are whole or not there."""
STUDENTS_SIDE = ("record", "sandbox", "launcher")
"""What is in the student's process, or in the one that it is forked from."""
MODEL_SEEN_BY_REPORT = {"grader.model.grade", "grader.model.submission", "grader.model.classroom"}
RECORDER_LIBRARIES = {
    "sklearn",
    "torch",
    "numpy",
    "safetensors",
    "IPython",
    "ipykernel",
    "traitlets",
    "matplotlib",
}


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Full names of the modules that a file imports, and whether at its top level."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = ("grader", *path.relative_to(PACKAGE).parent.parts)
    top = set(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module, node in top
            if module == "grader":
                yield from ((f"grader.{alias.name}", node in top) for alias in node.names)


def area(path: Path) -> str:
    """The stage, or the name of a module outside the stages."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def of_the_grader(path: Path) -> set[str]:
    """Second components of the grader's modules that a file imports: `model`, `record`, …"""
    return {name.split(".")[1] for name, _ in imports(path) if name.startswith("grader.")}


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def functions() -> list[tuple[int, str]]:
    """Lines and name of every function of the package."""
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(((node.end_lineno or 0) - node.lineno + 1, f"{named(path)}: {node.name}"))
    return sorted(found)


# ---------------------------------------------------------------- who imports whom


def test_every_module_has_its_place() -> None:
    known = {*STAGES, *COMPOSERS, *PARTS, *STUDENTS_SIDE, *BELOW_ALL}
    assert {area(path) for path in FILES} <= known


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_what_lies_below_all(stage: str) -> None:
    for path in (PACKAGE / stage).rglob("*.py"):
        assert of_the_grader(path) <= {stage, *BELOW_ALL}, named(path)


def test_only_the_composers_import_stages() -> None:
    for path in FILES:
        if area(path) not in (*STAGES, *COMPOSERS, "launcher"):
            assert not of_the_grader(path) & set(STAGES), named(path)


def test_records_know_nothing_of_the_rest() -> None:
    for path in (PACKAGE / "model").rglob("*.py"):
        assert of_the_grader(path) <= {"model"}, named(path)
        assert not {name.split(".")[0] for name, _ in imports(path)} & {"torch", "sklearn"}, named(path)


def test_the_recorder_needs_nothing_of_the_grader_and_few_libraries() -> None:
    for path in (PACKAGE / "record").rglob("*.py"):
        assert of_the_grader(path) <= {"record"}, named(path)
        foreign = {name.split(".")[0] for name, _ in imports(path)} - set(sys.stdlib_module_names)
        assert foreign <= {"grader", *RECORDER_LIBRARIES}, named(path)


def test_the_sandbox_needs_the_standard_library_alone() -> None:
    for path in (PACKAGE / "sandbox").rglob("*.py"):
        assert of_the_grader(path) <= {"sandbox"}, named(path)
        roots = {name.split(".")[0] for name, _ in imports(path)}
        assert roots <= {"grader", *sys.stdlib_module_names}, named(path)


def test_the_launcher_knows_the_recorder_and_the_sandbox_alone() -> None:
    for path in (PACKAGE / "launcher").rglob("*.py"):
        assert of_the_grader(path) <= {*STUDENTS_SIDE}, named(path)


def test_the_recorder_imports_slow_libraries_only_when_they_are_used() -> None:
    for path in (PACKAGE / "record").rglob("*.py"):
        early = [name for name, top in imports(path) if top]
        assert not [name for name in early if name.startswith(("matplotlib", "sklearn"))], named(path)


def test_reports_see_the_grade_alone() -> None:
    for path in (PACKAGE / "report").rglob("*.py"):
        seen = {name for name, _ in imports(path) if name.startswith("grader.model")}
        assert seen <= MODEL_SEEN_BY_REPORT, named(path)


def test_packages_hold_no_logic_in_their_init() -> None:
    for path in PACKAGE.rglob("*/__init__.py"):
        (docstring,) = ast.parse(path.read_text(encoding="utf-8")).body
        assert isinstance(docstring, ast.Expr), named(path)


# ---------------------------------------------------------------- what a process holds


@pytest.mark.parametrize(
    ("module", "areas"),
    [
        ("grader.record.recorder", {"record"}),
        ("grader.record.launch", {"record"}),
        ("grader.launcher.__main__", {*STUDENTS_SIDE}),
    ],
)
def test_the_students_process_holds_nothing_that_judges(module: str, areas: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted(n for n in sys.modules if n.startswith('grader')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert module in loaded
    assert {name.split(".")[1] for name in loaded if name != "grader"} <= areas


def test_records_load_without_torch() -> None:
    modules = [f"grader.model.{path.stem}" for path in (PACKAGE / "model").glob("[a-z]*.py")]
    code = f"import sys, {', '.join(modules)}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ---------------------------------------------------------------- how long things are


def test_the_story_fits_on_a_page() -> None:
    tree = ast.parse((PACKAGE / "pipeline.py").read_text(encoding="utf-8"))
    (story,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "grade"]
    assert (story.end_lineno or 0) - story.lineno + 1 <= 60


@pytest.mark.parametrize("path", FILES, ids=named)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_functions_are_short() -> None:
    lengths = [length for length, _ in functions()]
    assert statistics.median(lengths) <= 10
    longest_tenth = functions()[int(0.9 * len(lengths)) :]
    assert longest_tenth[0][0] <= 35, longest_tenth[-5:]


def test_what_a_kernel_waits_for_is_light() -> None:
    """torch and scikit-learn are imported while the kernel starts, not before."""
    heavy = "{'torch', 'sklearn', 'sqlalchemy', 'distributed'}"
    code = f"import sys, grader.cli, grader.api, grader.commands.few; print(*({heavy} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
