"""What a sandbox is made of: decided once, outside, and carried out in each child."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

INSIDE = Path("/grade")
"""The scratch folder as a namespaced process sees it."""
FIRST_UID = 0x70000000
"""Transient user ids begin here, above those of systemd's containers; a process id is added."""
STUDENT = 1000
"""User and group id inside a user namespace."""

Bytes = int


@dataclass(frozen=True)
class Layers:
    """Which layers hold a process."""

    namespaces: bool = False
    """User, mount, pid, network, ipc and uts namespaces with a root of their own."""
    landlock: int = 0
    """ABI version; 0 for none."""
    seccomp: bool = False
    cgroup: Path | None = None
    """Parent of the groups for memory and processes; None without."""

    def names(self) -> tuple[str, ...]:
        """As a report says it, outermost first."""
        present = {
            "namespaces": self.namespaces,
            "landlock": self.landlock > 0,
            "seccomp": self.seccomp,
            "cgroup": self.cgroup is not None,
        }
        return (*(name for name, there in present.items() if there), "rlimits")


@dataclass(frozen=True)
class Readable:
    """What a sandboxed process may read of the machine."""

    trees: tuple[Path, ...]
    """Folders and files, readable and executable, nothing in them writable."""
    hidden: tuple[Path, ...] = ()
    """Folders within the trees that stay dark: the grader and what it knows."""


@dataclass(frozen=True)
class Ceiling:
    """What a whole sandbox may use, all of its processes together."""

    memory: Bytes = 2 * 1024**3
    """Anonymous and shared memory beyond what the process that is forked holds already."""
    processes: int = 64
    disk: Bytes = 512 * 1024**2
    """Everything in the scratch folder."""
    files: int = 20_000
    """Names in the scratch folder."""


@dataclass(frozen=True)
class Plan:
    """A sandbox, ready to be put up around a child."""

    layers: Layers
    readable: Readable
    ceiling: Ceiling = field(default_factory=Ceiling)
    program: bytes = b""
    """The seccomp filter; empty without that layer."""
    sealed: bool = True
    """False: an ordinary process in a folder of its own, for machines and users that want no sandbox."""
    scratch: Path | None = None
    """Without namespaces: the folder on the machine's disk that the process may write in."""

    @property
    def inside(self) -> Path:
        """The scratch folder as the process sees it."""
        if self.layers.namespaces:
            return INSIDE
        assert self.scratch is not None
        return self.scratch
