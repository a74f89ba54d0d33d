"""One submission, from the file to the verdict: read this first."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import Literal

from grader.check.judge import judge
from grader.check.rerun import deserves_another_seed, looks_written_down
from grader.compose import compose
from grader.diagnose.catalogue import diagnose
from grader.diagnose.codes import with_lessons
from grader.evidence.before import markers_of, probes_for, turns_of
from grader.evidence.operator_names import ALLOWED
from grader.execute.job import Device, Job
from grader.execute.kernel import Kernel
from grader.model.assignment import Assignment
from grader.model.evidence import Evidence
from grader.model.grade import Grade, Timing
from grader.model.recording import Recording
from grader.model.submission import Submission

Probe = Literal["auto", "always", "never"]
"""Whether a submission runs once more on turned data: where its results look written down, always, never."""

_log = logging.getLogger("grader")


@dataclass(frozen=True)
class Graded:
    """A verdict with what it was made from."""

    grade: Grade
    submission: Submission
    recording: Recording


def grade(
    submission: Submission,
    assignment: Assignment,
    kernel: Kernel,
    device: Device = "cpu",
    probe: Probe = "auto",
) -> Graded:
    """Execute, read, judge and score one submission.

    Where a sound loop had bad luck, it runs again with other seeds; where results look as if they did not depend
    on the data (`probe="auto"`), or always, once more on turned data.
    """
    started = time.perf_counter()
    job = Job(
        limits=assignment.limits,
        seed=assignment.seed,
        device=device,
        support=assignment.support,
        exercise_of_cell=markers_of(submission, assignment),
        probes=lambda: probes_for(assignment),
        operators=ALLOWED,
    )
    recording = kernel.run(submission, job)
    evidence = _read(recording, submission, assignment)
    for attempt in range(int(assignment.thresholds.get("extra_runs", 2))):
        if not deserves_another_seed(assignment, evidence, diagnose(assignment, evidence)):
            break
        again = kernel.run(submission, replace(job, seed=job.seed + 1000 * (attempt + 1)))
        recording = replace(recording, reruns=(*recording.reruns, again))
        evidence = replace(evidence, reruns=(*evidence.reruns, _read(again, submission, assignment)))
    if probe == "always" or (probe == "auto" and looks_written_down(evidence)):
        recording = replace(recording, probe=kernel.run(submission, replace(job, turns=turns_of(assignment))))
        evidence = _read(recording, submission, assignment)
    verdict = _verdict(submission, assignment, recording, evidence, time.perf_counter() - started)
    return Graded(verdict, submission, recording)


def rejudge(submission: Submission, assignment: Assignment, recording: Recording) -> Grade:
    """Judge a stored recording with the rubric as it is now; nothing is run."""
    started = time.perf_counter()
    evidence = _read(recording, submission, assignment)
    return _verdict(submission, assignment, recording, evidence, time.perf_counter() - started)


def _read(recording: Recording, submission: Submission, assignment: Assignment) -> Evidence:
    # Imports torch and scikit-learn, which a kernel's start must not wait for.
    from grader.evidence.reader import read_evidence

    return read_evidence(recording, submission, assignment)


def _verdict(
    submission: Submission, assignment: Assignment, recording: Recording, evidence: Evidence, seconds: float
) -> Grade:
    mistakes = diagnose(assignment, evidence, _report)
    findings = judge(assignment, evidence, mistakes, _report)
    verdict = with_lessons(compose(submission, assignment, recording, evidence, findings))
    return verdict.model_copy(
        update={"timing": Timing(total_s=round(seconds, 3), student_s=verdict.timing.student_s)}
    )


def _report(what: str, error: Exception) -> None:
    """A fault of ours: it costs nobody points, and it has to be found."""
    _log.error("%s broke on this submission: %s: %s", what, type(error).__name__, error, exc_info=error)
