"""A limit that ended a cell: told once, explained where a mistake led to it, and never priced by itself."""

from __future__ import annotations

from dataclasses import replace

from grader.compose import compose
from grader.evidence.incidents import incidents
from grader.model.evidence import Evidence
from grader.model.failure import LibraryCall
from grader.model.grade import Grade
from grader.model.recording import CellError, CellRun, Limits, Recording
from tests.check.building import assignment, excellent, judged, without_run
from tests.diagnose.scenes import seen
from tests.diagnose.test_refused import LOGITS, failing, loss, tensor

TOLD = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 12000000000 bytes. Error code 12 (Cannot allocate memory)"
)
CELL = CellRun(number=7, status="error", error=CellError(name="RuntimeError", message=TOLD))


def ran_into_memory(*calls: LibraryCall, evidence: Evidence | None = None) -> Evidence:
    """Cell 7 asked for too much, with these calls under way."""
    failed = failing(5, "RuntimeError", TOLD, *calls, evidence=evidence or excellent())
    return replace(failed, incidents=incidents(failed.submission, [CELL], Limits()))


def graded(evidence: Evidence) -> Grade:
    recording = Recording((CELL,), (), {}, seed=42, device="cpu", versions={}, sandbox=("seccomp",))
    return compose(evidence.submission, assignment(), recording, evidence, judged(evidence, *seen(evidence)))


def test_a_limit_costs_nothing_beside_what_is_missing() -> None:
    whole = graded(ran_into_memory())
    assert [each.code for each in whole.diagnoses] == ["run-error"]
    assert "the 2 GB a submission may use (11.18 GB at once)" in whole.diagnoses[0].message
    assert (whole.points, whole.needs_review) == (9, False)
    lost = without_run("blobs")
    assert graded(ran_into_memory(evidence=lost)).points == graded(lost).points


def test_a_call_that_was_sound_is_no_mistake() -> None:
    fine = loss("binary_cross_entropy_with_logits", LOGITS, tensor(1600, 1))
    assert not [mistake for mistake in seen(ran_into_memory(fine)) if mistake.explains]


def test_a_mistake_that_led_to_it_is_told_in_its_place() -> None:
    broadcast = ran_into_memory(loss("mse_loss", LOGITS, tensor(1600)))
    assert [mistake.code for mistake in seen(broadcast) if mistake.explains] == ["loss-shape-mismatch"]
    assert graded(broadcast).diagnoses == ()
