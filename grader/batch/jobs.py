"""How many submissions run side by side: one core each, and no more than the memory holds."""

from __future__ import annotations

from grader.errors import UsageError
from grader.model.recording import Limits

_OVERHEAD = 400 * 1024**2
"""Bytes of a worker and a kernel before the student's first line, rounded up."""
_USUAL_SHARE = 0.5
"""Of the memory that a submission may use, what is kept free for each: few come near their limit."""


def jobs_for(asked: str, count: int, limits: Limits) -> int:
    """Workers for `count` submissions; `asked` is a number or `auto`.

    Raises:
        UsageError: it is neither.
    """
    if asked != "auto":
        if not asked.isdecimal() or not 1 <= int(asked) <= 1024:
            raise UsageError(f"--jobs {asked}: give a number from 1, or auto")
        return min(int(asked), max(count, 1))
    from joblib import cpu_count

    fitting = int(_available() // (_OVERHEAD + _USUAL_SHARE * limits.memory_bytes))
    return max(1, min(int(cpu_count()), fitting, count))


def has_room(limits: Limits) -> bool:
    """Whether one more submission can use all the memory that it may."""
    return _available() > limits.memory_bytes + _OVERHEAD


def patience(limits: Limits, runs: int) -> float:
    """Seconds after which a worker that executes a submission up to `runs` times has failed somehow."""
    return runs * (limits.submission_s + 120.0) + 180.0


def _available() -> int:
    import psutil

    return int(psutil.virtual_memory().available)
