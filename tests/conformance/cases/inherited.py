"""What a process is born with."""

# What is tried is the system call, by its own name.
# ruff: noqa: PTH208

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.conformance.case import Tried, World, case


@case()
def descriptors(world: World, tried: Tried) -> None:
    """Of what the launcher had open nothing is open here: no file, folder, pipe or socket of outside."""
    for number in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        try:
            facts = os.fstat(number)
        except OSError:
            continue
        identity = [facts.st_dev, facts.st_ino]
        tried.holds(f"{number} is not the launcher's", identity not in world.bystander["opened"], identity)
        if stat.S_ISDIR(facts.st_mode):
            tried.refused(
                f"walk from {number} to outside", os.open, world.open_file[1:], os.O_RDONLY, dir_fd=number
            )
        tried.holds(f"{number} is no socket", not stat.S_ISSOCK(facts.st_mode), oct(facts.st_mode))
    tried.holds("nothing to read from the standard input", os.read(0, 1) == b"")
    tried.works("open its own", Path("own.txt").touch)


@case()
def environment(world: World, tried: Tried) -> None:
    """No secret of the launcher's environment is here, nor in what is started from here."""
    text = subprocess.run(["/usr/bin/env"], capture_output=True, text=True, check=True, timeout=20).stdout
    tried.holds("not in the own one", world.token not in repr(dict(os.environ)))
    tried.holds("not in a program's", world.token not in text)
    tried.holds(
        "not in what the kernel kept", world.token.encode() not in Path("/proc/self/environ").read_bytes()
    )
    for name in ("HOME", "TMPDIR"):
        tried.works(f"write in {name}", Path(os.environ[name], "file").touch)


@case()
def frames_and_modules(world: World, tried: Tried) -> None:
    """What judges is not among the loaded modules."""
    judging = ("check", "diagnose", "evidence", "report", "load", "pipeline")
    loaded = [name for name in sys.modules if name.startswith(tuple(f"grader.{part}" for part in judging))]
    tried.holds("no module that judges", not loaded, loaded)
    tried.works("import one of the library", __import__, "colorsys")


@case()
def the_folder_it_is_in(world: World, tried: Tried) -> None:
    """It starts in a folder of its own, closed to others, in a session of its own."""
    here = Path.cwd()
    tried.holds("inside the scratch", here.is_relative_to(Path(os.environ["HOME"]).parent), here)
    tried.holds("its files are its own", os.umask(0o077) == 0o077)
    tried.holds("a session of its own", os.getsid(0) == os.getpid() == os.getpgid(0), os.getsid(0))
    tried.works("list it", os.listdir)
