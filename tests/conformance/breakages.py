"""A sandbox broken on purpose, one rule at a time: each breakage has to turn cases red.

A breakage is done in the process that forks the sandbox, for one sandbox. None of them takes away the unprivileged user
of a process that runs a hostile case: where that is what is broken, the guard before each case refuses to go on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

from grader.launcher import lineage
from grader.sandbox import calls, identity, members, rlimits, root, seccomp
from grader.sandbox.plan import Ceiling, Plan, Readable

ALL, NO_LANDLOCK, NO_SECCOMP = "namespaces+landlock+seccomp", "namespaces+seccomp", "namespaces+landlock"
NO_NAMESPACES = "landlock+seccomp"
_PLENTY = 1 << 40

Bend = Callable[[Plan, Path], Plan]
"""Changes a plan; the folder is the one where everything is planted."""


@dataclass(frozen=True)
class Breakage:
    """What is broken, in which configurations, and who must notice."""

    layers: str
    started_as: tuple[str, ...]
    red: tuple[str, ...]
    """Cases that must fail."""
    bend: Bend = lambda plan, _: plan
    patch: tuple[tuple[object, str, object], ...] = ()
    """Object, attribute and what is put in its place."""
    guarded: bool = False
    """It takes away so much that the guard in front of the cases stops them: nothing is tried."""
    secret: bool = False
    """The launcher's environment holds a secret."""


BOTH = ("root", "user")


def _without_filter(plan: Plan, _: Path) -> Plan:
    return replace(plan, program=b"")


def _filter_that_connects(plan: Plan, _: Path) -> Plan:
    return replace(plan, program=seccomp.program(connect=True))


def _landlock(version: int) -> Bend:
    return lambda plan, _: replace(plan, layers=replace(plan.layers, landlock=version))


def _open_to_names(plan: Plan, base: Path) -> Plan:
    return _landlock(5)(_filter_that_connects(plan, base), base)


def _show_hidden(plan: Plan, _: Path) -> Plan:
    return replace(plan, readable=Readable(plan.readable.trees))


def _show_too_much(plan: Plan, base: Path) -> Plan:
    kept = tuple(tree for tree in plan.readable.trees if not tree.is_relative_to(base))
    return replace(plan, readable=Readable((*kept, base)))


def _no_ceiling(plan: Plan, _: Path) -> Plan:
    return replace(plan, ceiling=Ceiling(_PLENTY, 1 << 20, 1 << 30, 1 << 20))


def _without(flag: int) -> tuple[tuple[object, str, object], ...]:
    return ((lineage, "_NAMESPACES", lineage._NAMESPACES & ~flag),)


def _nothing(*_: object, **__: object) -> int:
    return 0


BREAKAGES = {
    "no filter": Breakage(
        ALL,
        BOTH,
        ("keyrings", "io_uring", "user_faults", "vsock", "netlink", "unshare", "other_doors", "personality"),
        _without_filter,
    ),
    "a filter that lets connect": Breakage(
        NO_NAMESPACES, BOTH, ("path_sockets", "path_sockets_by_a_link"), _filter_that_connects
    ),
    "a filter that lets modes change": Breakage(
        NO_NAMESPACES, ("user",), ("mark_what_is_outside",), _filter_that_connects
    ),
    "no Landlock, and nothing else for files": Breakage(
        NO_NAMESPACES,
        BOTH,
        (
            "read_the_rubric",
            "read_the_reference",
            "read_another_submission",
            "read_the_evidence",
            "read_the_reports",
            "link_to_a_secret",
            "climb_out_of_the_folder",
            "write_outside",
            "links_out",
            "write_the_machines_tmp",
            "run_a_program_of_outside",
            "device_files",
        ),
        _landlock(0),
    ),
    "no Landlock, and the same user": Breakage(
        NO_NAMESPACES,
        ("user",),
        (
            "signal_outside",
            "signal_everybody",
            "see_others_environment",
            "walk_others_folders",
            "hard_links_out",
        ),
        _landlock(0),
    ),
    "a Landlock without scopes, and a filter that lets connect": Breakage(
        NO_NAMESPACES, BOTH, ("abstract_sockets",), _open_to_names
    ),
    "a Landlock without scopes, and the same user": Breakage(
        NO_NAMESPACES, ("user",), ("signal_outside", "signal_everybody", "signal_the_keeper"), _landlock(5)
    ),
    "hidden folders are shown": Breakage(ALL, BOTH, ("read_the_rubric",), _show_hidden),
    "hidden folders are shown on disk": Breakage(NO_NAMESPACES, BOTH, ("read_the_rubric",), _show_hidden),
    "too much is shown": Breakage(
        NO_LANDLOCK,
        BOTH,
        ("read_another_submission", "read_the_evidence", "read_the_reports", "path_sockets"),
        _show_too_much,
    ),
    "what is shown can be written": Breakage(
        NO_LANDLOCK, ("user",), ("write_site_packages",), patch=((calls, "lock_mounts", _nothing),)
    ),
    "the network of outside": Breakage(
        NO_SECCOMP, BOTH, ("udp", "interfaces", "connections_of_others"), patch=_without(calls.CLONE_NEWNET)
    ),
    "the shared memory of outside": Breakage(
        NO_SECCOMP, BOTH, ("shared_memory_of_others",), patch=_without(calls.CLONE_NEWIPC)
    ),
    "a device too many": Breakage(
        NO_LANDLOCK,
        BOTH,
        ("device_files", "device_folder"),
        patch=((root, "_DEVICES", (*root._DEVICES, "kvm")),),
    ),
    "descriptors stay open": Breakage(ALL, BOTH, ("descriptors",), patch=((os, "closerange", _nothing),)),
    "a secret in the environment": Breakage(ALL, BOTH, ("environment",), secret=True),
    "no limits of single processes": Breakage(
        ALL,
        BOTH,
        (
            "one_big_file",
            "descriptor_flood",
            "endless_output",
            "processor_time",
            "raise_the_limits",
            "thread_flood",
        ),
        patch=((rlimits, "limit", _nothing),),
    ),
    "no ceiling": Breakage(
        ALL,
        BOTH,
        ("memory_bomb", "shared_memory_bomb", "many_big_files", "many_small_files"),
        _no_ceiling,
    ),
    "nobody ends what is left": Breakage(
        NO_NAMESPACES,
        BOTH,
        ("grandchildren", "grandchildren_of_an_endless_loop", "ignored_signals"),
        patch=((members, "kill", _nothing),),
    ),
    "no new privileges is not set": Breakage(
        NO_SECCOMP, BOTH, ("no_new_privileges",), patch=((identity, "seal", _nothing),), guarded=True
    ),
    "root stays root": Breakage(
        ALL, ("root",), ("who_it_is",), patch=((identity, "become", _nothing),), guarded=True
    ),
}


def bent(name: str, plan: Plan, base: Path) -> Plan:
    """The plan as a breakage wants it."""
    return BREAKAGES[name].bend(plan, base) if name else plan


@contextlib.contextmanager
def broken(name: str, token: str) -> Iterator[None]:
    """For as long as this lasts, sandboxes are put up wrongly."""
    if not name:
        yield
        return
    breakage = BREAKAGES[name]
    with contextlib.ExitStack() as stack:
        for target, attribute, instead in breakage.patch:
            stack.enter_context(mock.patch.object(target, attribute, instead))
        if breakage.secret:
            stack.enter_context(mock.patch.dict(os.environ, {"GRADER_SECRET": token}))
        yield
