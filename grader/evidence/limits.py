"""Which limit of the assignment a cell ran into: told by its exception, the sandbox's note, or a death's signal.

The texts are those of CPython 3.11, NumPy 2, PyTorch 2 and Linux, as they come out under `RLIMIT_DATA`, `_NPROC`,
`_FSIZE` and `_NOFILE`, and in a full tmpfs; `tests/evidence/test_limits.py` has most of them raised anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from grader.model.recording import CellError, Limits

_TAIL = 2000
"""Characters of a traceback in which its innermost calls stand."""


@dataclass(frozen=True)
class Reached:
    """A limit that a cell went past."""

    did: str
    """What the cell did, to stand behind "it"."""
    hint: str


@dataclass(frozen=True)
class _Limit:
    did: str
    """With the names of `_amounts` in braces."""
    hint: str
    raised: re.Pattern[str]
    """Found in `Class: message` of the exceptions that it leads to."""
    called: re.Pattern[str] | None = None
    """Stands there or in the traceback as well, where other things raise the same."""
    noted: re.Pattern[str] | None = None
    """Found in the sandbox's sentence about it."""


_SAVING = "Look for a loop that writes again and again; a model's state_dict() is saved once, after training."
_BEFORE = "What was recorded before is graded."

_LIMITS = (
    _Limit(
        did="asked for more memory than the {memory} a submission may use",
        hint="A tensor of shape (n,) combined with one of shape (n, 1) has n × n numbers: compare their shapes. "
        "A list that grows with every step, or losses kept without .item(), fill memory too.",
        raised=re.compile(
            r"^(?:_Array)?MemoryError\b|DefaultCPUAllocator: (?:can't allocate|not enough) memory"
            r"|\[Errno 12\]|Cannot allocate memory|std::bad_alloc"
        ),
        noted=re.compile(r"(?:held|used) more than [\d.e+-]+ [KMGT]?B\b"),
    ),
    _Limit(
        did="needed more processes or threads than the {processes} a submission may have",
        hint="Look for a loop that starts processes or threads and does not wait for them; "
        "a DataLoader needs no workers (num_workers=0) for data of this size.",
        raised=re.compile(r"can't start new thread|Thread creation failed|^BlockingIOError: \[Errno 11\]"),
        # Sockets and pipes that do not wait raise BlockingIOError too.
        called=re.compile(r"new thread|Thread creation|\bfork(?:pty)?\(|fork_exec\(|posix_spawn|popen_fork"),
        noted=re.compile(r"more than \d+ processes\b"),
    ),
    _Limit(
        did="wrote more into one file than the {file} it may hold",
        hint=_SAVING,
        raised=re.compile(r"\[Errno 27\]|File too large"),
    ),
    _Limit(
        did="filled the {disk} that all files of a submission may take together",
        noted=re.compile(r"files took more than \d+ MB"),
        hint=f"{_SAVING} Very many small files count too.",
        raised=re.compile(
            r"\[Errno (?:28|122)\]|No space left on device|Disk quota exceeded|database or disk is full"
        ),
    ),
    # Some libraries do not pass on why a file was cut short.
    _Limit(
        did="could not write a file to its end (one file may hold {file}, all together {disk})",
        hint=_SAVING,
        raised=re.compile(
            r"PytorchStreamWriter failed|inline_container\.cc:\d+\] \. unexpected pos"
            r"|^OSError: \d+ requested and \d+ written|^OperationalError: disk I/O error"
        ),
    ),
    _Limit(
        did="had more files open at one time than the {open_files} a process may have",
        hint="Open files in a `with` block, which closes them again.",
        # The last one is what tensors of a DataLoader's workers make of it.
        raised=re.compile(r"\[Errno 24\]|Too many open files|received 0 items of ancdata"),
    ),
)

_SIGNALS = {
    "SIGXCPU": Reached(
        "used the {processor} s of processor time that a process may take",
        f"Look for a loop that never ends, or train for fewer epochs. {_BEFORE}",
    ),
    "SIGXFSZ": Reached("wrote more into one file than the {file} it may hold", f"{_SAVING} {_BEFORE}"),
    "SIGBUS": Reached(
        "found no room, most likely, for a file in memory (all files together may take {disk})",
        f"Map smaller files, and share smaller tensors between processes. {_BEFORE}",
    ),
}
"""What a death by a signal tells."""

_ASKED = re.compile(
    r"tried to allocate (\d{1,18}) bytes|Unable to allocate (\d{1,9}(?:\.\d{1,3})?) ([KMGTPE])iB for an array"
)


def raised_by_limit(error: CellError, limits: Limits) -> Reached | None:
    """The limit that an exception comes from; None where it comes from something else."""
    said = f"{error.name}: {error.message}"
    whole = said + error.traceback[-_TAIL:]
    for limit in _LIMITS:
        if limit.raised.search(said) and (limit.called is None or limit.called.search(whole)):
            return Reached(limit.did.format(**_amounts(limits)) + _at_once(said, limits), limit.hint)
    return None


def noted_limit(note: str | None, limits: Limits) -> Reached | None:
    """The limit that the sandbox's note tells of: `more than 64 processes ran at once; … were ended`."""
    limit = next((limit for limit in _LIMITS if limit.noted and limit.noted.search(note or "")), None)
    return None if limit is None else Reached(limit.did.format(**_amounts(limits)), limit.hint)


def signalled_limit(note: str | None, limits: Limits) -> Reached | None:
    """The limit that the signal of a death tells of: `the Python process was ended by SIGXCPU`."""
    for signal, reached in _SIGNALS.items():
        if note and f"ended by {signal}" in note:
            return Reached(reached.did.format(**_amounts(limits)), reached.hint)
    return None


def _amounts(limits: Limits) -> dict[str, str]:
    return {
        "memory": _size(limits.memory_bytes),
        "file": _size(limits.file_bytes),
        "disk": _size(limits.disk_bytes),
        "processes": str(limits.processes),
        "open_files": str(limits.open_files),
        "processor": f"{limits.processor_s:g}",
    }


def _size(count: float) -> str:
    """Bytes in words, 1024 of one unit being one of the next: `2 GB`, `300 MB`."""
    units = (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024), ("bytes", 1))
    name, unit = next(((name, unit) for name, unit in units if count >= unit), ("bytes", 1))
    return f"{count / unit:.4g} {name}"


def _at_once(said: str, limits: Limits) -> str:
    """How much an array was to take, where it alone is too large."""
    asked = _ASKED.search(said)
    if asked is None:
        return ""
    count = int(asked[1]) if asked[1] else float(asked[2]) * 1024 ** ("KMGTPE".index(asked[3]) + 1)
    return f" ({_size(count)} at once)" if count > limits.memory_bytes else ""
