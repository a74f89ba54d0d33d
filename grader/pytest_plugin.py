"""`pytest --grade submission.ipynb`: each check of the rubric is a test. Without `--grade` nothing more is imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's own options."""
    group = parser.getgroup("grade", "grading PyTorch coursework")
    group.addoption(
        "--grade",
        action="append",
        default=[],
        dest="grade_files",
        metavar="FILE",
        help="a notebook, script or evidence bundle: each check of the assignment is a test; may be given again",
    )
    group.addoption(
        "--grade-assignment", metavar="DIR", help="another assignment (default: the nine exercises)"
    )
    group.addoption("--grade-report", metavar="DIR", help="write NAME.report.html and NAME.report.json there")
    group.addoption(
        "--grade-sandbox",
        choices=("auto", "strict", "none"),
        default="auto",
        help="what holds submissions, as for `grade --sandbox` (default: auto)",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """A conftest.py beside a submission may be the student's: it is left alone where nothing but grading is asked."""
    known = early_config.known_args_namespace
    asked = [*known.file_or_dir] or [*early_config.getini("testpaths")]
    if known.grade_files and graded_alone(asked, graded_files(early_config, known.grade_files)):
        known.noconftest = True
    yield


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Bring in what grades, where it is asked for; it is registered as `grading-session`."""
    if config.option.grade_files:
        from grader.pytest_grade.session import GradingSession

        files = graded_files(config, config.option.grade_files)
        config.pluginmanager.register(GradingSession(config, files), "grading-session")
        _collect_also(config, files)


def graded_files(config: pytest.Config, names: Iterable[str]) -> tuple[Path, ...]:
    """The files of `--grade`, each once."""
    return tuple(dict.fromkeys((config.invocation_params.dir / name).resolve() for name in names))


def graded_alone(asked: Iterable[str], files: Iterable[Path]) -> bool:
    """Whether everything that is asked for, as paths or test ids, lies in the graded files."""
    return {Path(name.split("::")[0]).resolve() for name in asked} <= {*files}


def _collect_also(config: pytest.Config, files: Iterable[Path]) -> None:
    """Where no path was asked for there are the graded files and no others; a test id within one stands for it."""
    if config.args_source is config.ArgsSource.INVOCATION_DIR:
        config.args = []
    named = {Path(name.split("::")[0]).resolve() for name in config.args}
    config.args += [str(file) for file in files if file not in named]
