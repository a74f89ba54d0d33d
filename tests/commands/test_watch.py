"""`grade watch`: what is graded, what is shown of it, and how it ends."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grader.commands import watch as watching
from grader.commands.watching.ahead import Superseded
from grader.errors import UnreadableSubmission
from grader.execute.job import Job
from grader.load.submission import load_submission
from grader.model.recording import Recording
from grader.model.submission import Submission
from tests.command import Grade, offered
from tests.conftest import Recorded

EXAMPLE = Path(__file__).parents[2] / "examples" / "submission.ipynb"


@dataclass
class Kernel:
    """Answers at once, and keeps what it was asked."""

    recording: Recording
    saved: int = 0
    ran: list[Submission] = field(default_factory=list)
    prepared: list[int] = field(default_factory=list)
    given_up: int = 0
    closed: bool = False
    supersede: bool = False

    def run(self, submission: Submission, job: Job) -> Recording:
        self.ran.append(submission)
        if self.supersede:
            self.supersede = False
            raise Superseded
        return self.recording

    def renew(self) -> None: ...

    def give_up(self) -> None:
        self.given_up += 1

    def prepare(self, number: int) -> None:
        self.prepared.append(number)

    def close(self) -> None:
        self.closed = True


Script = list[Callable[[Path], None] | UnreadableSubmission]


@pytest.fixture
def session(
    monkeypatch: pytest.MonkeyPatch, example: Recorded, grade: Grade, tmp_path: Path
) -> Iterator[Callable[..., tuple[Kernel, str, str]]]:
    """Runs the command over a script of saves; Ctrl-C is pressed when they are over."""

    def run(*saves: Callable[[Path], None] | UnreadableSubmission, **fields: bool) -> tuple[Kernel, str, str]:
        kernel, left = Kernel(example[1], **fields), [*saves]  # type: ignore[arg-type]
        path = tmp_path / "ana.ipynb"
        path.write_bytes(EXAMPLE.read_bytes())
        offered(monkeypatch, "namespaces", "landlock", "seccomp")
        monkeypatch.setattr(watching, "opened_kernel", lambda *_: nullcontext())
        monkeypatch.setattr(watching, "AheadKernel", lambda _: kernel)
        monkeypatch.setattr(watching, "Saves", lambda *_: nullcontext())
        monkeypatch.setattr(watching, "_HALF_WRITTEN_S", 0.01)
        take = watching._Watch._take

        def taken(self: watching._Watch, found: Submission | UnreadableSubmission) -> None:
            take(self, found)
            if not left:
                os.kill(os.getpid(), signal.SIGINT)
                self._over.wait()
                return
            save = left.pop(0)
            if isinstance(save, UnreadableSubmission):
                self._saved(save)
            else:
                save(path)
                self._saved(load_submission(path))

        monkeypatch.setattr(watching._Watch, "_take", taken)
        ended = grade("watch", path)
        assert ended.status == 0
        return kernel, ended.out, ended.err

    before = signal.getsignal(signal.SIGINT)
    yield run
    assert signal.getsignal(signal.SIGINT) is before


def with_cell(number: int, text: str) -> Callable[[Path], None]:
    """A save that changes one code cell."""

    def save(path: Path) -> None:
        notebook = json.loads(path.read_text())
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        cells[number - 1]["source"] = text
        path.write_text(json.dumps(notebook))

    return save


def test_it_grades_at_once_shows_all_and_ends_cleanly(
    session: Callable[..., tuple[Kernel, str, str]],
) -> None:
    kernel, out, err = session()
    assert "8.45 of 9 points" in out and "ex5.reports" in out and "waiting for the next save" in out
    assert len(kernel.ran) == 1 and kernel.closed and "no longer watching" in err


def test_what_lost_points_is_run_up_to(session: Callable[..., tuple[Kernel, str, str]]) -> None:
    kernel, _, _ = session()
    assert kernel.prepared == [5]


def test_a_save_shows_what_changed_and_moves_the_place_of_work(
    session: Callable[..., tuple[Kernel, str, str]],
) -> None:
    kernel, out, _ = session(with_cell(7, "pass"))
    assert len(kernel.ran) == 2 and kernel.prepared == [5, 7]
    assert "8.45 of 9 points, as before" in out and "next: ex4.learning-rate" in out
    assert out.count("Building classification models") == 1


def test_a_save_gives_up_what_is_under_way(session: Callable[..., tuple[Kernel, str, str]]) -> None:
    kernel, out, _ = session(with_cell(7, "pass"), supersede=True)
    assert kernel.given_up >= 1 and len(kernel.ran) == 2
    assert out.count("waiting for the next save") == 1


def test_of_several_saves_the_last_counts(session: Callable[..., tuple[Kernel, str, str]]) -> None:
    def twice(path: Path) -> None:
        with_cell(7, "a = 1")(path)
        with_cell(7, "a = 2")(path)

    kernel, _, _ = session(twice)
    assert [kernel.ran[-1].code_cells[6].source] == ["a = 2"]


def test_a_file_that_cannot_be_read_is_one_line(session: Callable[..., tuple[Kernel, str, str]]) -> None:
    kernel, _, err = session(UnreadableSubmission("ana.ipynb is cut off"), with_cell(7, "a = 3"))
    assert err.count("grade: ana.ipynb is cut off") == 1
    assert len(kernel.ran) == 2


def test_reports_are_kept_up_to_date(session: Callable[..., tuple[Kernel, str, str]], tmp_path: Path) -> None:
    session()
    assert json.loads((tmp_path / "ana.report.json").read_text())["points"] == 8.45
    assert (tmp_path / "ana.report.html").exists()


def test_what_is_no_file_to_work_on_is_refused(grade: Grade, tmp_path: Path) -> None:
    assert "watch a notebook" in grade("watch", tmp_path).complaint
    ended = grade("watch", tmp_path / "none.ipynb")
    assert ended.status == 2 and len(ended.err.splitlines()) == 1
