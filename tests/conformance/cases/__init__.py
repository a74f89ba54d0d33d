"""What a student's program may try. Each module registers its cases when it is imported."""

from __future__ import annotations

import importlib

MODULES = (
    "reading",
    "writing",
    "processes",
    "sockets",
    "kernel",
    "devices",
    "privileges",
    "inherited",
    "floods",
    "allowed",
)


def load_all() -> None:
    """Import every module of cases."""
    for name in MODULES:
        importlib.import_module(f"{__name__}.{name}")
