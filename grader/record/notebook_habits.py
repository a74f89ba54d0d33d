"""A Jupyter shell for code that nobody watches: no installs, no downloads, no exits; the rest as in Jupyter.

What is left out is said in a note, a message of its own on the kernel's publishing channel, so that neither
`%%capture` nor a redirected stdout hides it.
"""

# mypy: allow-untyped-calls
# IPython carries few types.

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from typing import Any

from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.events import EventManager, available_events
from IPython.utils.process import system as run_command  # type: ignore[attr-defined] # differs by platform
from IPython.utils.text import SList

NOTE_MESSAGE = "grader_note"
_LONGEST_NOTE = 300

_INSTALLERS = {"pip", "conda", "mamba", "micromamba", "uv"}
_EXTENSIONS = {"load_ext", "reload_ext", "unload_ext", "tensorboard"}
_OTHER_PROGRAMS = {"bash", "sh", "script", "python", "python2", "python3", "pypy", "perl", "ruby"}
_HARMLESS = {
    *("ls", "pwd", "echo", "cat", "head", "tail", "wc", "date", "whoami", "uname", "nproc"),
    *("mkdir", "touch", "cp", "mv", "rm", "unzip", "tar", "sort", "uniq", "grep", "find", "which"),
    *("cd", "true", "df", "du", "free"),
}
_BEFORE_A_PROGRAM = {";", "|", "||", "&&"}
_TIMEIT_COUNTS = re.compile(r"(^|(?<=\s))-[nr]\s*\d+\s*")


class OuterCellEvents(EventManager):
    """Announces the cells of the notebook, and not those that `%%capture` and its like run within them."""

    depth = 0

    def trigger(self, event: str, *args: Any, **kwargs: Any) -> None:
        """Call back whoever listens."""
        self.depth += event == "pre_run_cell"
        if self.depth <= 1 or event not in ("pre_run_cell", "post_run_cell"):
            super().trigger(event, *args, **kwargs)
        self.depth -= event == "post_run_cell"


class StudentShell(ZMQInteractiveShell):
    """Runs the cells. Shell commands run when all of them are harmless ones (`ls`, `mkdir`, `unzip` …)."""

    def init_events(self) -> None:
        super().init_events()
        self.outer_events = OuterCellEvents(self, available_events)
        self.outer_events.callbacks = self.events.callbacks
        self.events = self.outer_events

    def set_parent(self, parent: dict[str, Any]) -> None:
        """Take the next request; an interruption may have kept the last one from ending its events."""
        super().set_parent(parent)
        self.outer_events.depth = 0

    def note(self, text: str) -> None:
        """Tell the grader something about the cell that runs."""
        kernel = self.kernel
        content = {"text": text[:_LONGEST_NOTE]}
        kernel.session.send(kernel.iopub_socket, NOTE_MESSAGE, content, self.get_parent())

    def ask_exit(self) -> None:
        """`exit` and `quit` end their cell, as in a script; when the kernel ends is the grader's business."""
        raise SystemExit(0)

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run a line magic, unless it installs, downloads or is unknown."""
        if magic_name in _INSTALLERS | _EXTENSIONS:
            return self.note(f"`%{magic_name} {line}` was not run: installs and extensions are off here")
        if self.find_line_magic(magic_name) is None:
            return self.note(f"`%{magic_name}` is no command known here and was passed over")
        # One frame more than usual lies between the magic and the student's variables.
        return super().run_line_magic(magic_name, self._tamed(magic_name, line), _stack_depth + 1)

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """Run a cell magic, unless it is unknown or starts another program."""
        if magic_name in _OTHER_PROGRAMS:
            return self.note(f"`%%{magic_name}` was not run: other programs are switched off here")
        if self.find_cell_magic(magic_name) is None:
            return self.note(f"`%%{magic_name}` is no command known here; its cell was passed over")
        return super().run_cell_magic(magic_name, self._tamed(magic_name, line), cell)

    def system(self, cmd: str) -> None:
        """`!command`."""
        if self._allows(cmd):
            self.user_ns["_exit_code"] = run_command(self.var_expand(cmd, depth=1))

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """`lines = !command`."""
        if self._allows(cmd):
            return super().getoutput(cmd, split=split, depth=depth + 1)
        return SList() if split else ""

    def _allows(self, command: str) -> bool:
        if is_harmless(command):
            return True
        self.note(f"`!{command.strip()}` was not run: installs, downloads and other programs are off here")
        return False

    def _tamed(self, magic_name: str, line: str) -> str:
        if magic_name == "timeit":
            self.note("`%timeit` ran its statement once")
            return f"-n1 -r1 {_TIMEIT_COUNTS.sub('', line)}"
        if magic_name == "matplotlib" and line.split() not in ([], ["inline"], ["--list"], ["-l"]):
            self.note(f"`%matplotlib {line}` was taken as `%matplotlib inline`")
            return "inline"
        return line


def is_harmless(command: str) -> bool:
    """Whether every program that a shell command starts is on the short list of those that may run."""
    if any(trick in command for trick in ("$(", "`", "<(", "\n")):
        return False
    try:
        words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
    except ValueError:
        return False
    pairs = zip(words, [";", *words], strict=False)
    programs = [word for word, before in pairs if before in _BEFORE_A_PROGRAM]
    return bool(programs) and all(program in _HARMLESS for program in programs) and "&" not in words


def bound_speech(shell: StudentShell, limit: int) -> None:
    """Drop what a cell prints past `limit` characters before it is queued and fills the memory."""
    for stream in (sys.stdout, sys.stderr):
        bounded = BoundedWrite(stream.write, limit)
        stream.write = bounded  # type: ignore[method-assign]
        shell.events.register("pre_run_cell", bounded.begin_cell)


class BoundedWrite:
    """A stream's `write` with room for so many characters per cell, and one more to show an overflow."""

    def __init__(self, write: Callable[[str], int], limit: int) -> None:
        self._write = write
        self._limit = limit + 1
        self._left = self._limit

    def begin_cell(self, _info: Any) -> None:
        self._left = self._limit

    def __call__(self, text: str) -> int:
        if not isinstance(text, str) or len(text) <= self._left:
            self._left -= len(text)
            return self._write(text)
        if self._left:
            kept, self._left = text[: self._left], 0
            self._write(kept)
        return len(text)


def keep_inline(shell: StudentShell) -> None:
    """Draw into the notebook, whichever backend the code asks for: others need a screen, or show nothing."""
    shell.enable_matplotlib("inline")
    import matplotlib

    def use(backend: str, *, force: bool = True) -> None:
        if "inline" not in str(backend):
            shell.note(f"`matplotlib.use({backend!r})` was passed over: figures go into the notebook")

    matplotlib.use = use
