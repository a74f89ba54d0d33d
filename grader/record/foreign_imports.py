"""Modules that exist where students worked and not here: Google Colab's, and bars that need a browser."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import linecache
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

_COLAB = "google.colab"


def install(note: Callable[[str], None]) -> None:
    """Make the stand-ins importable: Colab's only where no real one is found, the progress bar's always."""
    sys.meta_path.append(ColabFinder(note))
    if importlib.util.find_spec("ipywidgets") is None:
        sys.meta_path.insert(0, NotebookProgressFinder())


class ColabFinder(MetaPathFinder, Loader):
    """Gives `google.colab` modules whose functions do nothing.

    An import within `try` fails as it would at home: such code asks whether it runs on Colab, and its
    other branch is the one that works here.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "google" and fullname != _COLAB and not fullname.startswith(_COLAB + "."):
            return None
        if is_tried(_importing_frame()):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == _COLAB:
            self._note("`google.colab` is not there; its functions did nothing")
        if module.__name__ != "google":
            # Submodules such as `drive` are found by import; every other name is a function.
            vars(module)["__getattr__"] = lambda name: _attribute(module.__name__, name)


class NotebookProgressFinder(MetaPathFinder, Loader):
    """Gives `tqdm.notebook` the bars of plain text, where the widgets it draws with are not installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname == "tqdm.notebook" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        std = importlib.import_module("tqdm.std")
        names = {"tqdm": std.tqdm, "tqdm_notebook": std.tqdm, "trange": std.trange, "tnrange": std.trange}
        vars(module).update(names)


def is_tried(frame: FrameType | None) -> bool:
    """Whether the line that this frame is at stands in the body of a `try`."""
    if frame is None:
        return False
    source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    tries = (node for node in ast.walk(tree) if isinstance(node, ast.Try) and node.handlers)
    spans = ((node.body[0].lineno, node.body[-1].end_lineno or 0) for node in tries)
    return any(first <= frame.f_lineno <= last for first, last in spans)


def _importing_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _is_machinery(filename: str) -> bool:
    return "importlib" in filename or filename == __file__


def _attribute(module: str, name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return Nothing(name)


class Nothing:
    """Stands for a function or a submodule of Colab's: can be called, and has every attribute."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # `files.upload()` is read as a dictionary of file names right away.
        return {} if self._name == "upload" else None

    def __getattr__(self, name: str) -> Any:
        return _attribute(self._name, name)
