"""Looks at the exception that ended a cell: which library calls refused what."""

from __future__ import annotations

from types import FrameType, TracebackType
from typing import Any

import torch
from torch import nn

from grader.record.place import Places
from grader.record.store import Store

_MOST_CALLS = 12
_MOST_ARGUMENTS = 6


class FailureWatch:
    """Writes one event for each cell that raised, while the exception's frames still hold their arguments."""

    def __init__(self, store: Store, places: Places) -> None:
        self._store = store
        self._places = places

    def describe(self, error: BaseException | None) -> None:
        """Write down what was refused, from the student's last line inwards."""
        if error is None:
            return
        frames = _frames(error.__traceback__)
        own = [index for index, (frame, _) in enumerate(frames) if self._places.is_students(frame)]
        inner = frames[own[-1] + 1 :] if own else []
        self._store.emit(
            {
                "kind": "failure",
                "cell": self._places.current_cell,
                "at": [self._places.place_of(frames[index][0], frames[index][1]) for index in own],
                "error": type(error).__name__,
                "message": str(error)[:1000],
                "calls": [_call(frame) for frame, _ in inner[:_MOST_CALLS]],
            }
        )


def _frames(trace: TracebackType | None) -> list[tuple[FrameType, int]]:
    found = []
    while trace is not None:
        found.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return found


def _call(frame: FrameType) -> dict[str, Any]:
    """`function` with its module, and what its first arguments were."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount][:_MOST_ARGUMENTS]
    named = {name: frame.f_locals[name] for name in names if name in frame.f_locals}
    packed = frame.f_locals.get("args") if code.co_argcount < len(code.co_varnames) else None
    if isinstance(packed, tuple):
        named |= {f"args[{index}]": value for index, value in enumerate(packed[:_MOST_ARGUMENTS])}
    return {
        "function": f"{frame.f_globals.get('__name__', '')}.{getattr(code, 'co_qualname', code.co_name)}",
        "arguments": {name: _described(value) for name, value in named.items()},
    }


def _described(value: Any) -> dict[str, Any]:
    """What kind of thing an argument is, never its contents."""
    if isinstance(value, torch.Tensor):
        return {
            "type": "Tensor",
            "shape": list(value.shape),
            "dtype": str(value.dtype),
            "grad": value.requires_grad,
        }
    if isinstance(value, nn.Module):
        return {"type": type(value).__name__, "family": _family(type(value)), "own_init": has_own_init(value)}
    if isinstance(value, type):
        return {"type": "type", "class": value.__name__, "family": _family(value)}
    return {"type": type(value).__name__}


def has_own_init(module: nn.Module) -> bool:
    """Whether some class between the module's and `nn.Module` says how it is built."""
    kinds = type(module).__mro__
    return any("__init__" in vars(kind) for kind in kinds[: kinds.index(nn.Module)])


def _family(kind: type) -> str:
    """`activation`, `loss`, `torch` for other modules of the library, `own` for a student's, else nothing."""
    if not issubclass(kind, nn.Module):
        return ""
    if issubclass(kind, nn.modules.loss._Loss):
        return "loss"
    if kind.__module__ == "torch.nn.modules.activation":
        return "activation"
    return "torch" if kind.__module__.startswith("torch.") else "own"
