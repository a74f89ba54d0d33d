"""A few files, one after another in this process: a student's own notebook, or stored evidence to judge again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from grader.batch.desk import fault_of_ours, graded, report_text
from grader.batch.order import BUNDLE, REPORTS, Order, Outcome
from grader.errors import BadBundle, GraderError, GradingFailed, UsageError
from grader.execute.bundle import write_bundle
from grader.execute.kernel import Kernel
from grader.files import write_atomically
from grader.model.grade import Grade
from grader.report.formats import FORMATS

_log = logging.getLogger("grader")


def grade_all(
    paths: Sequence[Path], order: Order, kernel: Kernel | None, tell: Callable[[Path], None]
) -> Iterator[Outcome]:
    """Grade every file; `tell` is called before each. Without a kernel, stored evidence is judged and no more."""
    several = len(paths) > 1
    names = _report_names(paths)
    for path in paths:
        tell(path)
        try:
            yield _graded(path, order, kernel, _folder(path, order, several), names[path])
        except GraderError as error:
            yield Outcome(path.name, None, problem=error)
        except Exception as error:  # a fault of ours in one submission must not stop the others
            _log.error("%s: %s: %s", path, type(error).__name__, error, exc_info=error)
            yield Outcome(path.name, None, problem=GradingFailed(f"{path.name}: {fault_of_ours(error)}"))


def _graded(path: Path, order: Order, kernel: Kernel | None, folder: Path, name: str) -> Outcome:
    verdict = graded(path, order, kernel)
    written = write_reports(verdict.grade, folder, name, order)
    if order.keep_evidence and not path.name.endswith(BUNDLE):
        bundle = folder / f"{name}{BUNDLE}"
        write_bundle(bundle, verdict.submission, verdict.recording)
        written = (*written, bundle)
    return Outcome(path.name, verdict.grade, written)


def write_reports(verdict: Grade, folder: Path, name: str, order: Order) -> tuple[Path, ...]:
    """Write the asked formats, each whole or not at all.

    Raises UsageError where the folder cannot be written to.
    """
    texts = {form: report_text(verdict, form, order) for form in order.formats if form in REPORTS}
    return write_texts(texts, folder, name)


def write_texts(texts: dict[str, str], folder: Path, name: str) -> tuple[Path, ...]:
    """Write `NAME.report.ENDING` for each text, whole or not at all.

    Raises UsageError where the folder cannot be written to.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for form, text in texts.items():
            target = folder / f"{name}.report.{FORMATS[form].ending}"
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
