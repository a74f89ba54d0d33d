"""What one cell puts on the screen, kept within limits while it streams in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from grader.model.recording import CellError, Limits, Output

_CONTROL_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CELL_FILE = re.compile(r"(?<![\w./-])[\w./-]*/ipykernel_\d+/\d+\.py")
_ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]{6,16}\b")
_LONGEST_PICTURE = 4 * 1024**2
"""Characters of base64."""
_LONGEST_TRACEBACK = 20_000
_LONGEST_MESSAGE = 4_000
_MOST_NOTES = 10
_MOST_OUTPUTS = 5_000


class FigureBudget:
    """Pictures that may still be kept of a submission."""

    def __init__(self, left: int) -> None:
        self.left = left


class Screen:
    """Collects one cell's outputs; past a limit it drops what comes and says so once.

    `clear_output` takes the pictures away, as in Jupyter, but leaves the text: evidence of what was reported.
    """

    def __init__(self, number: int, limits: Limits, figures: FigureBudget, folder: str = "") -> None:
        self._number = number
        self._folder = folder
        self._limits = limits
        self._figures = figures
        # Progress bars fill stderr; they must not crowd out what was printed.
        self._room = {"stdout": limits.output_chars, "stderr": limits.output_chars}
        self._outputs: list[Output] = []
        self._stream: tuple[str, list[str]] | None = None
        self._clear_next = False
        self._notes: dict[str, None] = {}
        self.error: CellError | None = None

    def take(self, kind: str, content: Mapping[str, Any]) -> None:
        """One message of the kernel's publishing channel; malformed and meaningless ones are passed over."""
        if kind == "stream":
            self._take_stream(str(content.get("name")), _text(content.get("text")))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            self._take_display("result" if kind == "execute_result" else "display", content.get("data"))
        elif kind == "error":
            self._take_error(content)
        elif kind == "clear_output":
            self._take_clear(wait=bool(content.get("wait")))
        elif kind == "grader_note":
            self.note(_text(content.get("text")))

    def note(self, text: str) -> None:
        """Add a sentence for the report; the same one only once."""
        if len(self._notes) < _MOST_NOTES:
            self._notes[text[:500]] = None

    @property
    def outputs(self) -> tuple[Output, ...]:
        self._end_stream()
        return tuple(self._outputs)

    @property
    def notes(self) -> str | None:
        return "; ".join(self._notes) or None

    def _take_stream(self, name: str, text: str) -> None:
        if name not in self._room:
            return
        self._clear_if_due()
        kept = self._fitting(name, text)
        if self._stream is None or self._stream[0] != name:
            self._end_stream()
            self._stream = (name, [])
        self._stream[1].append(kept)

    def _take_display(self, kind: Any, data: Any) -> None:
        if not isinstance(data, Mapping):
            return
        self._clear_if_due()
        self._end_stream()
        text = self._fitting("stdout", _text(data.get("text/plain")))
        self._add(Output(kind=kind, text=text, png_base64=self._picture(data.get("image/png"))))

    def _take_error(self, content: Mapping[str, Any]) -> None:
        lines = content.get("traceback")
        traceback = _plain("\n".join(map(_text, lines))) if isinstance(lines, list) else ""
        self.error = CellError(
            name=_text(content.get("ename"))[:200],
            message=self._steady(_plain(_text(content.get("evalue")))[:_LONGEST_MESSAGE]),
            traceback=self._steady(_shortened(traceback)),
            line=error_line(traceback, self._number),
        )

    def _take_clear(self, *, wait: bool) -> None:
        self._clear_next = True
        if not wait:
            self._clear_if_due()

    def _clear_if_due(self) -> None:
        if self._clear_next:
            self._clear_next = False
            self._end_stream()
            self._figures.left += sum(output.png_base64 is not None for output in self._outputs)
            self._outputs = [output.model_copy(update={"png_base64": None}) for output in self._outputs]

    def _fitting(self, stream: str, text: str) -> str:
        kept = text[: self._room[stream]]
        self._room[stream] -= len(kept)
        if len(kept) < len(text):
            self.note(f"more than {self._limits.output_chars} characters of output; the rest was not kept")
        return kept

    def _picture(self, png: Any) -> str | None:
        if not isinstance(png, str):
            return None
        if self._figures.left <= 0 or len(png) > _LONGEST_PICTURE:
            self.note(f"more pictures, or larger ones, than are kept ({self._limits.figures} of 3 MB each)")
            return None
        self._figures.left -= 1
        return _text(png).replace("\n", "")

    def _end_stream(self) -> None:
        if self._stream is not None:
            name, chunks = self._stream
            self._stream = None
            if text := "".join(chunks):
                self._add(Output(kind="stderr" if name == "stderr" else "stdout", text=text))

    def _steady(self, text: str) -> str:
        return steady(text, self._folder)

    def _add(self, output: Output) -> None:
        if len(self._outputs) < _MOST_OUTPUTS:
            self._outputs.append(output.model_copy(update={"text": self._steady(output.text)}))
        else:
            self.note(f"more than {_MOST_OUTPUTS} outputs; the rest was not kept")


def steady(text: str, folder: str) -> str:
    """The text without what differs between two runs of one code: scratch paths, process ids, addresses."""
    if folder:
        text = text.replace(f"{folder}/work", "/work").replace(folder, "/scratch")
    return _ADDRESS.sub("0x…", _CELL_FILE.sub("<cell>", text))


def error_line(traceback: str, number: int) -> int | None:
    """1-based line of cell `number` at which an error surfaced, read from IPython's plain traceback."""
    # `%%time` and its like compile the cell without their own line, and come after the line that runs them.
    timed = re.findall(r"<timed (?:exec|eval)>(?::|, line )(\d+)", traceback)
    if timed:
        return int(timed[-1]) + 1
    places = re.findall(rf"Cell In\[{number}\], line (\d+)", traceback)
    return int(places[-1]) if places else None


def _text(value: Any) -> str:
    """Text that can be encoded; whatever else a message may hold is nothing."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def _plain(text: str) -> str:
    return _CONTROL_SEQUENCE.sub("", text)


def _shortened(traceback: str) -> str:
    if len(traceback) <= _LONGEST_TRACEBACK:
        return traceback
    half = _LONGEST_TRACEBACK // 2
    return f"{traceback[:half]}\n…\n{traceback[-half:]}"
