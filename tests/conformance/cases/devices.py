"""Device files."""

# What is tried is the system call, by its own name.
# ruff: noqa: PTH123

from __future__ import annotations

import os
import stat
from pathlib import Path

from tests.conformance.case import Tried, World, case

HARMLESS = {"null", "zero", "full", "random", "urandom"}


@case()
def device_files(world: World, tried: Tried) -> None:
    """No device but the harmless ones can be opened."""
    for name in world.bystander["devices"]:
        # A sandbox may have terminals of its own, behind a link.
        if Path(name).name not in HARMLESS and not Path(name).is_symlink():
            tried.refused(f"open {name}", os.open, name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    tried.works("null", Path("/dev/null").write_text, "nothing")
    tried.holds("zero", _first("/dev/zero") == bytes(8))
    tried.holds("urandom", len(_first("/dev/urandom")) == 8)


def _first(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(8)


@case(needs="namespaces", why="Landlock says what may be opened, not what may be seen")
def device_folder(world: World, tried: Tried) -> None:
    """The folder of devices shows only the harmless ones."""
    seen = {
        entry.name
        for entry in os.scandir("/dev")
        if stat.S_ISCHR(entry.stat(follow_symlinks=False).st_mode)
        or stat.S_ISBLK(entry.stat(follow_symlinks=False).st_mode)
    }
    tried.holds("character and block devices", seen <= HARMLESS, sorted(seen))
    tried.holds("no disks", not Path("/dev/vda").exists() and not Path("/dev/sda").exists())


@case()
def write_devices(world: World, tried: Tried) -> None:
    """The harmless devices keep their modes and owners."""
    for name in sorted(HARMLESS):
        tried.unmarked(f"change the mode of {name}", f"/dev/{name}", os.chmod, f"/dev/{name}", 0o600)
        tried.refused(f"remove {name}", os.unlink, f"/dev/{name}")
    tried.refused("stir the random pool by ioctl", _add_to_pool)
    tried.works("write to null", Path("/dev/null").write_bytes, bytes(8))


def _add_to_pool() -> None:
    import fcntl

    # RNDADDTOENTCNT by 0 bits: privileged, and nothing if it were let through (random(4)).
    with open("/dev/urandom", "wb") as file:
        fcntl.ioctl(file, 0x40045201, bytes(4))
