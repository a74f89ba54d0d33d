"""`grade doctor`: what this machine offers for grading, tried and not guessed, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.errors import GraderError
from grader.execute.choice import opened_kernel, unreachable
from grader.execute.environment import launcher_environment
from grader.execute.job import Device, Job
from grader.execute.kernel import Kernel
from grader.execute.launcher import Sandbox
from grader.model.recording import Limits, Recording
from grader.model.submission import Cell, Submission
from grader.sandbox.offers import NoSandbox, layers_for, missing, offers
from grader.sandbox.readable import python_files

_MARKS = {True: ("yes", "green"), False: ("no", "yellow"), None: ("–", "dim")}


@dataclass(frozen=True)
class Row:
    """One thing that was looked at."""

    what: str
    there: bool | None
    """None: not needed, or not tried."""
    told: str
    problem: str = ""
    """Why untrusted submissions cannot be graded here as asked, and what to do; empty where they can."""
    advice: str = ""
    """What is weaker or slower than it could be, and what to do."""


def examine(sandbox: Sandbox = "auto", device: Device = "cpu") -> Iterator[Row]:
    """Look at everything that grading with these options needs; takes some seconds, and starts a real kernel."""
    yield Row("Python", True, f"{platform.python_version()}, {sys.executable}")
    ready = True
    for row in (*_torch(), *_devices(device, sandbox), *_layers(), _put_together(sandbox), _fonts()):
        # To go unprotected where that was asked for is a problem, and no reason not to try.
        ready = ready and (not row.problem or (row.what == "sandbox" and sandbox == "none"))
        yield row
    yield _start(sandbox, device) if ready else Row("warm start", None, "not tried: see the problems")


def show(rows: Sequence[Row], console: Console) -> None:
    """A table of what was looked at, then a line for each problem, then the verdict."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0))
    for title in ("", "There", "What was found"):
        table.add_column(title, overflow="fold")
    for row in rows:
        word, style = _MARKS[row.there]
        table.add_row(Text(row.what), Text(word, style=style), Text(row.told))
    console.print(table)
    console.print()
    for row in rows:
        _say(console, "Problem", row.problem, "red")
    for row in rows:
        _say(console, "Advice", row.advice, "yellow")
    _say(console, *_verdict(rows))


def _verdict(rows: Sequence[Row]) -> tuple[str, str, str]:
    if any(row.problem for row in rows):
        return "Verdict", "untrusted submissions cannot be graded here like this.", "red"
    return "Verdict", "untrusted submissions can be graded here.", "green"


def _say(console: Console, kind: str, sentence: str, style: str) -> None:
    if sentence:
        line = Text.assemble((f"{kind}: ", f"bold {style}"), sentence)
        console.print(Padding(line, 0, expand=False), highlight=False)


# ---------------------------------------------------------------- what is looked at


def _torch() -> Iterator[Row]:
    try:
        import torch
    except (ImportError, OSError) as error:
        repair = (
            f"PyTorch cannot be imported ({error}); install it anew, `pip install --force-reinstall torch`"
        )
        yield Row("PyTorch", False, type(error).__name__, problem=repair)
    else:
        yield Row("PyTorch", True, torch.__version__)


def _devices(device: Device, sandbox: Sandbox) -> Iterator[Row]:
    yield Row("device cpu", True, f"{os.cpu_count()} cores; each submission computes on one thread")
    yield _accelerator("cuda", device, sandbox)
    yield _accelerator("mps", device, sandbox)


def _accelerator(name: Device, asked: Device, sandbox: Sandbox) -> Row:
    found = _named(name)
    if asked != name:
        return Row(f"device {name}", bool(found) or None, found or "none")
    problem = unreachable(name, sandbox) or ""
    if not found:
        problem = f"--device {name}: PyTorch finds none; grade on the CPU, or install PyTorch's build for it"
    return Row(f"device {name}", bool(found), found or "none", problem)


def _named(device: Device) -> str:
    """The device's own name; empty where there is none."""
    try:
        import torch
    except (ImportError, OSError):
        return ""
    if device == "cuda":
        return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return "Metal" if torch.backends.mps.is_available() else ""


def _layers() -> Iterator[Row]:
    for offer in offers():
        (advice,) = missing((offer,)) or ("",)
        yield Row(offer.layer, offer.there, offer.note or "works", advice=advice)


def _put_together(sandbox: Sandbox) -> Row:
    if sandbox == "none":
        problem = "without a sandbox a submission can do what you can; grade only what you would run yourself"
        return Row("sandbox", False, "none, as asked", problem)
    try:
        layers = layers_for(sandbox)
    except NoSandbox as refusal:
        return Row("sandbox", False, "none", str(refusal))
    barred = _barred() if os.geteuid() == 0 and not layers.namespaces else None
    problem = (
        f"without namespaces submissions of root's run as a user who may not enter {barred}, where Python is; "
        "install Python elsewhere, or start as an ordinary user"
    )
    return Row("sandbox", not barred, ", ".join(layers.names()), problem if barred else "")


def _barred() -> Path | None:
    """A folder on the way to Python's files that only its owner may enter."""
    ways = (folder for tree in python_files().trees for folder in tree.parents)
    return next((folder for folder in ways if not folder.stat().st_mode & stat.S_IXOTH), None)


def _fonts() -> Row:
    nowhere = Path(tempfile.gettempdir())
    folder = launcher_environment(nowhere, "cpu")["MPLCONFIGDIR"]
    if folder != str(nowhere):
        return Row("font cache", True, folder)
    advice = (
        "matplotlib's list of fonts cannot be kept, so each `grade` spends seconds on a new one; "
        "let ~/.cache be written to, or set XDG_CACHE_HOME"
    )
    return Row("font cache", False, "cannot be written", advice=advice)


# ---------------------------------------------------------------- a real kernel


def _start(sandbox: Sandbox, device: Device) -> Row:
    """Two submissions of a few words: the first waits for all the imports, the second for a reply alone."""
    try:
        began = time.perf_counter()
        with opened_kernel(Limits(), device, sandbox) as kernel:
            first = _tried(kernel, device)
            ready = time.perf_counter()
            _tried(kernel, device)
            replied = time.perf_counter()
    except GraderError as error:
        return Row("warm start", False, "no kernel serves", f"no submission can be run: {error}")
    seconds = (
        f"ready after {ready - began:.1f} s, the next reply {replied - ready:.2f} s after it is asked for"
    )
    if first.kernel == "warm":
        return Row("warm start", True, seconds)
    return Row("warm start", None, f"this system forks no kernels: {seconds}")


def _tried(kernel: Kernel, device: Device) -> Recording:
    """Run a submission that uses torch on the device.

    Raises:
        GraderError: it did not run to its end.
    """
    source = f"import torch\ntorch.zeros(2, device={device!r}).sum().item()"
    cells = (Cell(kind="code", source=source, number=1),)
    recording = kernel.run(
        Submission("doctor.ipynb", Path("doctor.ipynb"), "0" * 64, "notebook", cells), Job(device=device)
    )
    (cell,) = recording.cells
    if cell.status != "ok":
        error = f"{cell.error.name}: {cell.error.message}" if cell.error else cell.note or ""
        raise GraderError(f"`import torch` in a kernel ended with status {cell.status}. {error}".strip())
    return recording
