"""A Jupyter shell for code that nobody watches: no installs, no downloads, no exits; the rest as in Jupyter.

What is left out is said in a note, a message of its own on the kernel's publishing channel, so that neither
`%%capture` nor a redirected stdout hides it.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from IPython.utils.process import system as run_command
from IPython.utils.text import SList
from ipykernel.zmqshell import ZMQInteractiveShell

NOTE_MESSAGE = "grader_note"
_LONGEST_NOTE = 300

_SWITCHED_OFF = {"pip", "conda", "mamba", "micromamba", "uv", "load_ext", "reload_ext", "unload_ext", "tensorboard"}
_OTHER_PROGRAMS = {"bash", "sh", "script", "python", "python2", "python3", "pypy", "perl", "ruby"}
_HARMLESS = {
    *("ls", "pwd", "echo", "cat", "head", "tail", "wc", "date", "whoami", "uname", "nproc", "df", "du", "free"),
    *("mkdir", "touch", "cp", "mv", "rm", "unzip", "tar", "sort", "uniq", "grep", "find", "which", "cd", "true"),
}
_SEPARATORS = {";", "|", "||", "&&", ">", ">>"}
_TIMEIT_COUNTS = re.compile(r"(^|(?<=\s))-[nr]\s*\d+\s*")


class StudentShell(ZMQInteractiveShell):
    """Runs the cells. Shell commands run when all of them are harmless ones (`ls`, `mkdir`, `unzip` …)."""

    def note(self, text: str) -> None:
        """Tell the grader something about the cell that runs."""
        publisher: Any = self.display_pub
        content = {"text": text[:_LONGEST_NOTE]}
        publisher.session.send(publisher.pub_socket, NOTE_MESSAGE, content, publisher.parent_header)

    def ask_exit(self) -> None:
        """`exit` and `quit` end their cell as in a script; what the kernel does next is the grader's business."""
        raise SystemExit(0)

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run a line magic, unless it installs, downloads or is unknown."""
        if magic_name in _SWITCHED_OFF:
            return self.note(f"`%{magic_name} {line}` was not run: installs and extensions are switched off here")
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
        self.note(f"`!{command.strip()}` was not run: installs, downloads and other programs are switched off here")
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
    programs = [word for word, before in zip(words, [";", *words], strict=False) if before in _SEPARATORS - {">", ">>"}]
    return bool(programs) and all(program in _HARMLESS for program in programs) and "&" not in words


def keep_inline(shell: StudentShell) -> None:
    """Draw into the notebook, whichever backend the code asks for: others need a screen, or show nothing."""
    shell.enable_matplotlib("inline")
    import matplotlib

    def use(backend: str, *, force: bool = True) -> None:
        if "inline" not in str(backend):
            shell.note(f"`matplotlib.use({backend!r})` was passed over: figures go into the notebook")

    matplotlib.use = use
