"""Grade deep-learning coursework on evidence instead of names.

Importing this package imports nothing else: the student's process loads `grader.record` from it, and must not
find the checks, the rubric or the reports in its memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "grade"]

if TYPE_CHECKING:
    from grader.api import grade


def __getattr__(name: str) -> Any:
    if name == "grade":
        from grader.api import grade

        return grade
    raise AttributeError(f"module 'grader' has no attribute {name!r}")
