"""From Python frames to places that a student knows: cell numbers and lines."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

Stack = list[list[int]]
"""`[[cell, line], …]`, the outermost call first."""

_DEEPEST = 200


class Places:
    """Knows which code files are the student's cells."""

    def __init__(self) -> None:
        self.current_cell = 0
        self._cell_of_file: dict[str, int] = {}

    def follow(self, shell: Any) -> None:
        """Learn the file name that IPython gives each cell it compiles."""
        original = shell.compile.cache

        def cache(*args: Any, **kwargs: Any) -> Any:
            name = original(*args, **kwargs)
            self._cell_of_file[name] = self.current_cell
            return name

        shell.compile.cache = cache

    def stack(self, frame: FrameType | None = None) -> Stack:
        """The student's frames that lead to the caller, outermost first; empty when there is none."""
        frame = frame or sys._getframe(1)
        places: Stack = []
        depth = 0
        while frame is not None and depth < _DEEPEST:
            cell = self._cell_of_file.get(frame.f_code.co_filename)
            if cell is not None:
                places.append([cell, frame.f_lineno])
            frame = frame.f_back
            depth += 1
        places.reverse()
        return places

    def is_students(self, frame: FrameType) -> bool:
        """Whether this frame runs a line of a cell."""
        return frame.f_code.co_filename in self._cell_of_file

    def place_of(self, frame: FrameType, line: int) -> list[int]:
        """`[cell, line]` of a student's frame."""
        return [self._cell_of_file[frame.f_code.co_filename], line]

    def student_frames(self) -> list[FrameType]:
        """The student's function frames above the caller, innermost first; a cell's own level is left out."""
        frame: FrameType | None = sys._getframe(1)
        found: list[FrameType] = []
        while frame is not None and len(found) < 8:
            if frame.f_code.co_filename in self._cell_of_file and frame.f_code.co_name != "<module>":
                found.append(frame)
            frame = frame.f_back
        return found
