"""The kernel without a process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grader.execute.job import Job
from grader.execute.kernel import FakeKernel, Kernel
from grader.model.recording import Recording

RECORDING = Recording(cells=(), events=(), tensors={}, seed=42, device="cpu", versions={})


def test_recordings_come_in_their_order(make_submission) -> None:
    second = replace(RECORDING, seed=43)
    kernel = FakeKernel([RECORDING, second])
    submission = make_submission("1")
    assert kernel.run(submission, Job()) is RECORDING
    assert kernel.run(submission, Job(seed=43)) is second
    assert [job.seed for _, job in kernel.asked] == [42, 43]
    with pytest.raises(LookupError):
        kernel.run(submission, Job())


def test_a_callable_sees_the_job(make_submission) -> None:
    kernel: Kernel = FakeKernel(
        lambda submission, job: replace(RECORDING, seed=job.seed, notes=(submission.name,))
    )
    assert kernel.run(make_submission("1"), Job(seed=7)) == replace(RECORDING, seed=7, notes=("ana.ipynb",))
