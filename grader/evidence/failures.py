"""Exceptions that ended cells, with what the library was asked to do when it refused."""

from __future__ import annotations

from grader.evidence.markers import Markers
from grader.evidence.raw import RawCall, RawEvents, RawFailure
from grader.model.failure import Failure, LibraryCall, Operand


def failures(raw: RawEvents, markers: Markers) -> tuple[Failure, ...]:
    """Every recorded exception, oldest first."""
    return tuple(_failure(event, markers) for event in raw.of(RawFailure))


def _failure(event: RawFailure, markers: Markers) -> Failure:
    return Failure(
        cell=event.cell,
        where=event.where,
        exercise=markers.exercise_at(markers.place(event.at, event.cell)),
        error=event.error,
        message=event.message,
        calls=tuple(_call(call) for call in event.calls),
    )


def _call(call: RawCall) -> LibraryCall:
    operands = {
        name: Operand(
            type=given.type,
            shape=None if given.shape is None else tuple(given.shape),
            dtype=given.dtype,
            grad=given.grad,
            class_name=given.class_name,
            family=given.family,
            own_init=given.own_init,
        )
        for name, given in call.arguments.items()
    }
    return LibraryCall(call.function, operands)
