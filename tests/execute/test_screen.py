"""What a cell puts on the screen, also when its process sends what it should not."""

from __future__ import annotations

import pytest

from grader.execute.screen import FigureBudget, Screen, error_line
from grader.model.recording import Limits, Output


def screen(chars: int = 100, figures: int = 2) -> Screen:
    return Screen(
        3, Limits(output_chars=chars, figures=figures), FigureBudget(figures), folder="/tmp/grade-x"
    )


def test_pieces_of_a_stream_become_one_output() -> None:
    seen = screen()
    for name, text in [("stdout", "a"), ("stdout", "b\n"), ("stderr", "!"), ("stdout", "c")]:
        seen.take("stream", {"name": name, "text": text})
    assert seen.outputs == (
        Output(kind="stdout", text="ab\n"),
        Output(kind="stderr", text="!"),
        Output(kind="stdout", text="c"),
    )


def test_noise_on_stderr_does_not_crowd_out_what_is_printed() -> None:
    seen = screen(chars=5)
    seen.take("stream", {"name": "stderr", "text": "progress" * 10})
    seen.take("stream", {"name": "stdout", "text": "12345"})
    assert seen.outputs[-1].text == "12345"
    assert seen.notes is not None
    assert seen.notes.count("more than 5 characters") == 1


def test_cleared_pictures_give_their_room_back() -> None:
    seen = screen(figures=1)
    for _ in range(3):
        seen.take("display_data", {"data": {"image/png": "aGk=\n", "text/plain": "<Figure>"}})
        seen.take("clear_output", {"wait": True})
    assert [output.png_base64 for output in seen.outputs] == [None, None, "aGk="]
    assert seen.notes is None


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("stream", {}),
        ("stream", {"name": ["stdout"], "text": "x"}),
        ("stream", {"name": "stdout", "text": 5}),
        ("display_data", {"data": "text"}),
        ("execute_input", {"code": "1"}),
        ("comm_open", {"data": {}}),
    ],
)
def test_malformed_messages_show_nothing(kind: str, content: dict[str, object]) -> None:
    seen = screen()
    seen.take(kind, content)
    assert seen.outputs == ()
    assert seen.error is None


def test_a_malformed_error_is_still_an_error() -> None:
    seen = screen()
    seen.take("error", {"ename": 1, "evalue": "lone \ud800", "traceback": [None, "\x1b[31mred\x1b[0m"]})
    assert seen.error is not None
    assert (seen.error.message, seen.error.traceback) == ("lone ?", "\nred")


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        ("Cell In[3], line 5\nCell In[1], line 2, in f(n)", 5),
        ("Cell In[3], line 5\nCell In[3], line 2, in f(n)", 2),
        ("Cell In[3], line 1\nFile <timed exec>:2", 3),
        ("Cell In[31], line 5", None),
        ("SystemExit: 3", None),
    ],
)
def test_the_line_of_an_error(traceback: str, line: int | None) -> None:
    assert error_line(traceback, 3) == line
