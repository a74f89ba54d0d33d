"""`grade`: arguments, what is shown while it works, and the exit status."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from typer.core import TyperGroup

import grader
from grader.errors import BadAssignment, BadBundle, GraderError, UnreadableSubmission, UsageError

GRADED, BELOW, USAGE, NOT_GRADED = 0, 1, 2, 3
_INTERRUPTED = 130
_UNFIT = 1
_COMMANDS = ("run", "rejudge", "handout", "doctor")


class RunByDefault(TyperGroup):
    """`grade PATH` is `grade run PATH`."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Put `run` in front unless a command or a general option leads."""
        if args and args[0] not in (
            *_COMMANDS,
            "--help",
            "-h",
            "--version",
            "--install-completion",
            "--show-completion",
        ):
            args = ["run", *args]
        return super().parse_args(context, args)


class Device(StrEnum):
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Sandbox(StrEnum):
    auto = "auto"
    strict = "strict"
    none = "none"


class Probe(StrEnum):
    auto = "auto"
    always = "always"
    never = "never"


class Audience(StrEnum):
    student = "student"
    instructor = "instructor"


app = typer.Typer(
    cls=RunByDefault,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Grade PyTorch coursework on evidence: run it, watch what it does, say why.",
    epilog="Exit status: 0 graded · 1 graded below --pass-at · 2 wrong usage or unreadable submission · 3 not graded",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(grader.__version__)
        raise typer.Exit


@app.callback()
def general(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Grade PyTorch coursework on evidence: run it, watch what it does, say why.

    `grade submission.ipynb` is short for `grade run submission.ipynb`.
    """


Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH…", help="A notebook, a script, a folder of them, or a stored evidence bundle."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        help="Where reports go (default: beside a single submission; reports/ for several).",
    ),
]
Formats = Annotated[
    str, typer.Option("--format", metavar="LIST", help="Reports to write: html, json; several with commas.")
]
AssignmentFolder = Annotated[
    Path | None,
    typer.Option("--assignment", metavar="DIR", help="Another assignment (default: the nine exercises)."),
]
PassAt = Annotated[
    float | None, typer.Option("--pass-at", metavar="POINTS", help="Exit with status 1 below so many points.")
]
ForWhom = Annotated[
    Audience,
    typer.Option("--audience", help="What the report may show; for students, integrity details stay hidden."),
]


OnDevice = Annotated[
    Device, typer.Option("--device", help="Where the submission computes; CUDA is hidden unless asked for.")
]
HeldBy = Annotated[
    Sandbox,
    typer.Option(
        "--sandbox",
        help="Hold submissions by every layer this machine has, by namespaces and seccomp at least, or not at all.",
    ),
]


@app.command()
def run(
    paths: Paths,
    out: Out = None,
    formats: Formats = "html,json",
    assignment: AssignmentFolder = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Seed instead of the assignment's.")
    ] = None,
    device: OnDevice = Device.cpu,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", min=1, help="Seconds for a whole submission.")
    ] = None,
    pass_at: PassAt = None,
    audience: ForWhom = Audience.instructor,
    keep_evidence: Annotated[
        bool,
        typer.Option(
            "--keep-evidence", help="Also write NAME.evidence.zip: enough to judge again without running."
        ),
    ] = False,
    probe: Annotated[
        Probe,
        typer.Option(help="Run once more on turned data: where results look written down, always, or never."),
    ] = Probe.auto,
    sandbox: HeldBy = Sandbox.auto,
    cold: Annotated[
        bool,
        typer.Option("--cold", help="Start Python from nothing for each submission: slower, nothing shared."),
    ] = False,
) -> None:
    """Grade notebooks and scripts (the default command)."""
    # The heavy imports wait for the work: `--help` and a mistyped option answer at once.
    from grader.api import configured
    from grader.batch import BUNDLE, Order, find_submissions
    from grader.execute.choice import opened_kernel

    wanted = _formats(formats)
    chosen = configured(assignment, seed=seed, timeout=timeout)
    files = find_submissions(paths)
    # Stored evidence is judged without running anything, so also where nothing could be run.
    opening: Any = nullcontext()
    if to_run := sum(not file.name.endswith(BUNDLE) for file in files):
        _check_sandbox(sandbox.value)
        # The only submission needs no second kernel in waiting.
        spares = int(to_run > 1)
        opening = opened_kernel(chosen.limits, device.value, sandbox.value, cold=cold, spares=spares)
    with opening as kernel:
        order = Order(chosen, kernel, device.value, out, wanted, audience.value, keep_evidence, probe.value)
        status = _work_through(files, order, pass_at)
    raise typer.Exit(status)


@app.command()
def rejudge(
    bundles: Annotated[
        list[Path],
        typer.Argument(metavar="BUNDLE…", help="NAME.evidence.zip files that --keep-evidence wrote."),
    ],
    out: Out = None,
    formats: Formats = "html,json",
    assignment: AssignmentFolder = None,
    pass_at: PassAt = None,
    audience: ForWhom = Audience.instructor,
) -> None:
    """Judge stored evidence with the rubric as it is now; nothing is run."""
    from grader.api import configured
    from grader.batch import Order, read_for_rejudging

    for bundle in bundles:
        read_for_rejudging(bundle)
    order = Order(configured(assignment), None, "cpu", out, _formats(formats), audience.value)
    raise typer.Exit(_work_through(bundles, order, pass_at))


@app.command()
def handout(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files for students go.")],
    assignment: AssignmentFolder = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write the notebook, script and helper files to give to students; solutions and rubric are left out."""
    from grader.api import configured
    from grader.handout import write_handout

    for path in write_handout(configured(assignment), folder, overwrite=force):
        typer.echo(path)


@app.command()
def doctor(sandbox: HeldBy = Sandbox.auto, device: OnDevice = Device.cpu) -> None:
    """Say what this machine offers: devices, each layer of the sandbox, a warm start; and what to do about the rest.

    Exit status: 0 where untrusted submissions can be graded with these options · 1 where they cannot
    """
    from grader.doctor import examine, show

    with Console(stderr=True).status("Looking …"):
        rows = list(examine(sandbox.value, device.value))
    show(rows, Console())
    raise typer.Exit(_UNFIT if any(row.problem for row in rows) else GRADED)


def _check_sandbox(sandbox: Any) -> None:
    """Refuse once what would be refused for each submission, and say what a sandbox is without here.

    Raises:
        UsageError: the machine cannot hold submissions as asked.
    """
    from grader.sandbox.offers import NoSandbox, layers_for, missing, offers

    if sandbox == "none":
        return
    try:
        layers_for(sandbox)
    except NoSandbox as refusal:
        raise UsageError(str(refusal)) from refusal
    if lacking := missing(offers()):
        typer.echo(f"grade: warning: {'; '.join(lacking)}; see `grade doctor`", err=True)


def _formats(text: str) -> tuple[str, ...]:
    from grader.batch import FORMATS

    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [form for form in wanted if form not in FORMATS]
    if unknown or not wanted:
        raise UsageError(f"--format {text}: there is {', '.join(FORMATS)}")
    return wanted


def _work_through(files: list[Path], order: Any, pass_at: float | None) -> int:
    """Grade the files, show each verdict, and give the exit status that the worst of them asks for."""
    from grader.batch import grade_all

    console, status = Console(), Console(stderr=True)
    results: list[int] = []
    with status.status("Grading …") as shown:

        def tell(path: Path) -> None:
            shown.update(f"Grading {escape(path.name)} … ({len(results) + 1} of {len(files)})")

        try:
            for outcome in grade_all(files, order, tell):
                results.append(_told(outcome, console, status, pass_at, brief=len(files) > 1))
        except KeyboardInterrupt:
            status.print(
                f"grade: interrupted after {len(results)} of {len(files)}; the reports written so far are whole"
            )
            return _INTERRUPTED
    return max(results, default=GRADED)


def _told(outcome: Any, console: Console, errors: Console, pass_at: float | None, brief: bool) -> int:
    from grader.report.terminal_report import to_terminal

    if outcome.grade is None:
        _complain(errors, outcome.problem)
        return _status_of(outcome.problem)
    grade = outcome.grade
    if brief:
        console.print(
            f"{escape(grade.submission.name)}: {grade.points} of {grade.max_points:g} points", highlight=False
        )
    else:
        to_terminal(grade, console)
    for path in outcome.written:
        console.print(f"wrote {escape(str(path))}", highlight=False, soft_wrap=True)
    if grade.status != "graded":
        return NOT_GRADED
    return BELOW if pass_at is not None and (grade.points or 0.0) < pass_at else GRADED


def _status_of(problem: GraderError | None) -> int:
    return (
        USAGE
        if isinstance(problem, (UsageError, UnreadableSubmission, BadAssignment, BadBundle))
        else NOT_GRADED
    )


def _complain(console: Console, problem: GraderError | None) -> None:
    console.print(
        f"grade: {escape(str(problem))}",
        highlight=False,
        soft_wrap=True,
        style="red" if console.is_terminal else None,
    )


def main() -> None:
    """The console script: errors as one line, the exit status as the help says."""
    os.environ.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # two threads on two busy cores made notebooks ten times slower
    logging.basicConfig(
        level="WARNING", format="%(message)s", handlers=[RichHandler(console=Console(stderr=True))]
    )
    try:
        app(prog_name="grade")
    except GraderError as error:
        _complain(Console(stderr=True), error)
        sys.exit(_status_of(error))


if __name__ == "__main__":
    main()
