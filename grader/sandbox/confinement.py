"""The rules of Landlock for a plan: inside namespaces a second fence, without them the only one for files."""

from __future__ import annotations

from pathlib import Path

from grader.sandbox.landlock import Rules, without
from grader.sandbox.plan import INSIDE, Plan
from grader.sandbox.root import SETTINGS, SYSTEM

_DEVICES = tuple(Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom"))
_TERMINALS = (Path("/dev/pts"), Path("/dev/ptmx"))
"""Only where they are the sandbox's own."""
_FACTS = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/uptime",
)
_CPUS = Path("/sys/devices/system/cpu")


def rules_for(plan: Plan) -> Rules:
    """What a process of this plan may reach; to be called in that process, whose own /proc folder is among it."""
    if plan.layers.namespaces:
        places = (INSIDE, Path("/tmp"), Path("/dev/shm"))
        return Rules(read=(Path("/"),), write=places, devices=(*_DEVICES, *_TERMINALS))
    shared = tuple(map(Path, (*SYSTEM, *SETTINGS, *_FACTS)))
    trees = tuple(part for tree in plan.readable.trees for part in without(tree, plan.readable.hidden))
    return Rules(
        read=(*shared, _CPUS, Path("/proc/self").resolve(), *trees),
        write=(plan.inside,),
        devices=_DEVICES,
        listed=plan.readable.trees,
    )
