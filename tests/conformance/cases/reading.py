"""Reading what is none of a student's business."""

# What is tried is the system call, by its own name.
# ruff: noqa: PTH123, PTH208, PTH211

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conformance.case import Tried, World, case
from tests.conformance.cases.children import in_child_or_raise, own_program


def open_all(tried: Tried, world: World, kind: str) -> None:
    tried.holds(f"there is a {kind} outside to look for", bool(world.secrets[kind]))
    for path in world.secrets[kind]:
        tried.refused(f"open {path}", _first_bytes, path)
        for folder in (Path(path).parent, *list(Path(path).parents)[1:-1]):
            tried.hides(folder, world.shown)


def _first_bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(80)


def own_file(tried: Tried) -> None:
    """What must still work beside every refusal to read."""
    Path("own.txt").write_text("mine", encoding="utf-8")
    tried.works("read a file of its own", Path("own.txt").read_text)


@case()
def read_the_graders_code(world: World, tried: Tried) -> None:
    """The grader's package cannot be opened, listed or imported."""
    for folder in world.sources:
        for part in ("pipeline.py", "check/judge.py", "diagnose/catalogue.py"):
            tried.refused(f"open {part}", _first_bytes, f"{folder}/{part}")
        tried.hides(folder, world.shown)
    program = "import grader.check.judge"
    done = subprocess.run([world.python, "-c", program], capture_output=True, text=True, timeout=60)
    tried.holds(
        "a fresh interpreter finds no checks", "ModuleNotFoundError" in done.stderr, done.stderr[-200:]
    )
    own_file(tried)


@case()
def read_the_rubric(world: World, tried: Tried) -> None:
    """Rubrics cannot be read."""
    open_all(tried, world, "rubric")
    tried.works("read a module that lies beside one", _first_bytes, world.library)
    own_file(tried)


@case()
def read_the_reference(world: World, tried: Tried) -> None:
    """Model solutions cannot be read."""
    open_all(tried, world, "reference")
    own_file(tried)


@case()
def read_another_submission(world: World, tried: Tried) -> None:
    """Other students' work cannot be read."""
    open_all(tried, world, "submission")
    own_file(tried)


@case()
def read_the_evidence(world: World, tried: Tried) -> None:
    """Stored evidence cannot be read."""
    open_all(tried, world, "evidence")
    own_file(tried)


@case()
def read_the_reports(world: World, tried: Tried) -> None:
    """Reports cannot be read."""
    open_all(tried, world, "report")
    own_file(tried)


@case()
def read_the_shadow(world: World, tried: Tried) -> None:
    """Password hashes and the homes of others cannot be read."""
    for path in ("/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/sudoers"):
        tried.refused(f"open {path}", _first_bytes, path)
    for folder in ("/root", "/home", "/root/.ssh"):
        tried.hides(folder, world.shown)
    tried.works("ask who it is", os.getuid)


@case()
def read_the_logs(world: World, tried: Tried) -> None:
    """The machine's logs, its spools and its own settings cannot be read."""
    for folder in ("/var/log", "/var/lib", "/run", "/srv", "/boot", "/mnt"):
        tried.hides(folder, world.shown)
    own_file(tried)


@case()
def read_kernel_memory(world: World, tried: Tried) -> None:
    """The kernel's memory and messages cannot be read."""
    for path in ("/proc/kcore", "/proc/kmsg", "/dev/kmsg", "/dev/mem", "/dev/port", "/sys/kernel/debug/x"):
        tried.refused(f"open {path}", _first_bytes, path)
    tried.works("read /proc/cpuinfo", _first_bytes, "/proc/cpuinfo")


@case()
def climb_out_of_the_folder(world: World, tried: Tried) -> None:
    """No number of `..`, no change of folder and no link of /proc leads to what is outside."""
    secret = world.secrets["rubric"][0]
    up = "../" * 40
    tried.refused("open by ..", _first_bytes, up + secret[1:])
    for way in ("/proc/self/root", "/proc/1/root", f"/proc/{os.getppid()}/root", "/proc/self/cwd/" + up):
        tried.refused(f"open by {way}", _first_bytes, way + secret)
    for way in (f"/proc/{os.getppid()}/cwd", "/proc/1/cwd"):
        tried.refused(f"open by {way}", _first_bytes, f"{way}/{up}{secret[1:]}")
    tried.refused("list it from within", in_child_or_raise, lambda: _list_from_within(Path(secret).parent))
    tried.refused("open the folder", os.open, Path(secret).parent, os.O_RDONLY | os.O_DIRECTORY)
    tried.works("its own by ..", Path("../" + Path.cwd().name).stat)


def _list_from_within(folder: Path) -> list[str]:
    os.chdir(folder)
    return os.listdir()


@case()
def link_to_a_secret(world: World, tried: Tried) -> None:
    """A symbolic link of its own opens nothing that its target would not."""
    for number, path in enumerate(world.every_secret()):
        tried.works("make the link", os.symlink, path, f"link{number}")
        tried.refused(f"open the link to {path}", _first_bytes, f"link{number}")
    os.symlink(world.open_folder, "folder")
    tried.refused("list through a link", os.listdir, "folder")
    Path("own.txt").write_text("mine", encoding="utf-8")
    os.symlink("own.txt", "own link")
    tried.works("follow a link to its own", _first_bytes, "own link")


@case()
def run_a_program_of_outside(world: World, tried: Tried) -> None:
    """A program that lies outside cannot be started."""
    program = f"{world.open_folder}/program"
    tried.refused("start it", subprocess.run, [program], capture_output=True, timeout=20)
    tried.works(
        "start one of the system's", subprocess.run, ["/bin/echo", "here"], check=True, capture_output=True
    )
    own = own_program("own program", b"#!/bin/sh\nexit 0\n")
    tried.works("start one of its own", subprocess.run, [own], check=True, timeout=20)
