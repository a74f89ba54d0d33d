"""What many tests share: the assignment, and submissions that were recorded once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.api import configured
from grader.execute.bundle import read_bundle
from grader.execute.choice import opened_kernel
from grader.execute.kernel import Kernel
from grader.model.assignment import Assignment
from grader.model.recording import Limits, Recording
from grader.model.submission import Submission
from tests.command import grade, with_kernel  # noqa: F401  # fixtures for everybody

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in the background deaf to Ctrl-C, and so would be every command that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

FILES = Path(__file__).parent / "files"

Recorded = tuple[Submission, Recording]


@pytest.fixture(scope="session")
def nine() -> Assignment:
    """The nine exercises."""
    return configured(None)


@pytest.fixture(scope="session")
def kernel() -> Iterator[Kernel]:
    """Warm, sandboxed kernels, as the command uses them."""
    with opened_kernel(Limits()) as serving:
        yield serving


@pytest.fixture(scope="session")
def example() -> Recorded:
    """`examples/submission.ipynb` and its recording."""
    return read_bundle(FILES / "example.evidence.zip")


@pytest.fixture(scope="session")
def unlucky() -> Recorded:
    """A sound loop that fell short, with one further run that did not."""
    return read_bundle(FILES / "unlucky.evidence.zip")
