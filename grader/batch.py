"""Several submissions, one after another: found, graded and written; one that fails does not stop the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.errors import BadBundle, GraderError, GradingFailed, UnreadableSubmission, UsageError
from grader.execute.bundle import read_bundle, write_bundle
from grader.execute.job import Device
from grader.execute.kernel import Kernel
from grader.load.submission import load_submission
from grader.model.assignment import Assignment
from grader.model.grade import Grade
from grader.pipeline import Probe, grade, rejudge
from grader.report.audience import Audience, for_audience
from grader.report.files import write_atomically
from grader.report.html_report import to_html
from grader.report.json_report import to_json

_log = logging.getLogger("grader")

SUBMISSION_KINDS = (".ipynb", ".py")
BUNDLE = ".evidence.zip"
FORMATS = ("html", "json")


@dataclass(frozen=True)
class Order:
    """How submissions are graded and what is written."""

    assignment: Assignment
    kernel: Kernel | None = None
    """None where nothing but stored evidence is judged."""
    device: Device = "cpu"
    out: Path | None = None
    """Folder for the reports; None: beside a single submission, `reports/` for several."""
    formats: tuple[str, ...] = FORMATS
    audience: Audience = "instructor"
    keep_evidence: bool = False
    probe: Probe = "auto"


@dataclass(frozen=True)
class Outcome:
    """What became of one submission."""

    path: Path
    grade: Grade | None
    written: tuple[Path, ...] = ()
    problem: GraderError | None = None
    """Why there is no grade."""


def find_submissions(paths: Sequence[Path]) -> list[Path]:
    """The files to grade, folders opened one level deep.

    Raises:
        UnreadableSubmission: a path does not exist, or a folder holds no submission.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if _is_submission(file))
        if not inside:
            raise UnreadableSubmission(
                f"{path}: a folder without any notebook or script; name the file to grade"
            )
        notebooks = [file for file in inside if file.suffix == ".ipynb"]
        found.extend(notebooks or inside)  # scripts beside notebooks are their helpers
    return list(dict.fromkeys(found))


def _is_submission(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".") and file.suffix.lower() in SUBMISSION_KINDS


def grade_all(paths: Sequence[Path], order: Order, tell: Callable[[Path], None]) -> Iterator[Outcome]:
    """Grade every file; `tell` is called before each."""
    several = len(paths) > 1
    names = _report_names(paths)
    for path in paths:
        tell(path)
        try:
            yield _graded(path, order, _folder(path, order, several), names[path])
        except GraderError as error:
            yield Outcome(path, None, problem=error)
        except Exception as error:  # a fault of ours in one submission must not stop the others
            _log.error("%s: %s: %s", path, type(error).__name__, error, exc_info=error)
            fault = GradingFailed(
                f"{path.name}: not graded: the grader itself failed ({type(error).__name__}: {error})"
            )
            yield Outcome(path, None, problem=fault)


def _graded(path: Path, order: Order, folder: Path, name: str) -> Outcome:
    if path.name.endswith(BUNDLE):
        submission, recording = read_bundle(path)
        verdict = rejudge(submission, order.assignment, recording)
        return Outcome(path, verdict, write_reports(verdict, folder, name, order))
    assert order.kernel is not None
    graded = grade(load_submission(path), order.assignment, order.kernel, order.device, order.probe)
    written = write_reports(graded.grade, folder, name, order)
    if order.keep_evidence:
        bundle = folder / f"{name}{BUNDLE}"
        write_bundle(bundle, graded.submission, graded.recording)
        written = (*written, bundle)
    return Outcome(path, graded.grade, written)


def write_reports(verdict: Grade, folder: Path, name: str, order: Order) -> tuple[Path, ...]:
    """Write the asked formats, each whole or not at all.

    Raises UsageError where the folder cannot be written to.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for form in order.formats:
            target = folder / f"{name}.report.{form}"
            text = (
                to_json(for_audience(verdict, order.audience))
                if form == "json"
                else to_html(verdict, order.audience)
            )
            write_atomically(target, text)
            written.append(target)
    except OSError as error:
        raise UsageError(
            f"{folder}: the report cannot be written here ({error.strerror or error})"
        ) from error
    return tuple(written)


def _folder(path: Path, order: Order, several: bool) -> Path:
    if order.out is not None:
        return order.out
    return Path("reports") if several else path.parent


def _report_names(paths: Sequence[Path]) -> dict[Path, str]:
    """A file name for each report, the parent folder's name in front where two submissions share theirs."""
    stems = {
        path: path.name.removesuffix(BUNDLE) if path.name.endswith(BUNDLE) else path.stem for path in paths
    }
    taken = list(stems.values())
    return {
        path: f"{path.parent.name}-{stem}" if taken.count(stem) > 1 else stem for path, stem in stems.items()
    }


def read_for_rejudging(path: Path) -> None:
    """Make sure that a path is an evidence bundle.

    Raises BadBundle.
    """
    if not path.name.endswith(BUNDLE):
        raise BadBundle(f"{path}: not an evidence bundle; `grade --keep-evidence` writes NAME{BUNDLE}")
