"""`grade`: the commands, their arguments, and what becomes of an error."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from typer.core import TyperGroup

import grader
from grader.commands.instructors import comment, export, history, override
from grader.commands.options import (
    AssignmentFolder,
    Audience,
    Device,
    DryRun,
    Formats,
    ForWhom,
    HeldBy,
    Jobs,
    Lang,
    OnDevice,
    Out,
    PassAt,
    Paths,
    Probe,
    Sandbox,
    Where,
)
from grader.commands.show import GRADED, complain, status_of_problem
from grader.errors import GraderError

_UNFIT = 1


class RunByDefault(TyperGroup):
    """`grade PATH` is `grade run PATH`."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Put `run` in front unless a command or a general option leads."""
        if args and args[0] not in (
            *self.commands,
            "--help",
            "-h",
            "--version",
            "--install-completion",
            "--show-completion",
        ):
            args = ["run", *args]
        return super().parse_args(context, args)


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


@app.command()
def run(
    paths: Paths,
    out: Out = None,
    formats: Formats = "",
    assignment: AssignmentFolder = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Seed instead of the assignment's.")
    ] = None,
    device: OnDevice = Device.cpu,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", min=1, help="Seconds for a whole submission.")
    ] = None,
    jobs: Jobs = "auto",
    pass_at: PassAt = None,
    audience: ForWhom = Audience.instructor,
    keep_evidence: Annotated[
        bool,
        typer.Option(
            "--keep-evidence",
            help="Also write NAME.evidence.zip: enough to judge again without running (a class's is always kept).",
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
    gradebook: Where = None,
    roster: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="Who is in the class: names, emails, ids; shows who handed nothing in."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Of a class: grade also what the gradebook knows already.")
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Of a class: a Dask scheduler (tcp://…), or slurm, pbs, sge, lsf, … to start one.",
        ),
    ] = None,
    lang: Lang = None,
) -> None:
    """Grade notebooks and scripts (the default command): one with its whole verdict, or a class into a gradebook."""
    # The heavy imports wait for the work: `--help` and a mistyped option answer at once.
    from grader.api import configured
    from grader.batch.order import EXPORTS, REPORTS, USUAL, Order
    from grader.batch.places import DEFAULT, ClassFolder
    from grader.commands.show import formats_in
    from grader.load.lone import lone_submission

    chosen = configured(assignment, seed=seed, timeout=timeout)
    alone = None if gradebook or roster or cluster or force else lone_submission(paths)
    known = REPORTS if alone else (*REPORTS, *EXPORTS)
    wanted = formats_in(formats or ",".join(USUAL if alone else (*USUAL, "csv")), known)
    order = Order(
        chosen,
        device.value,
        sandbox.value,
        cold,
        probe.value,
        out,
        wanted,
        audience.value,
        keep_evidence or not alone,
    )
    if alone:
        from grader.commands.few import grade_one

        raise typer.Exit(grade_one(alone, order, pass_at))
    from grader.commands.whole_class import ClassSettings, grade_class

    settings = ClassSettings(ClassFolder(out or DEFAULT), gradebook, roster, jobs, cluster, force, pass_at)
    raise typer.Exit(grade_class(paths, order, settings))


@app.command()
def rejudge(
    bundles: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[BUNDLE…]",
            help="NAME.evidence.zip files that --keep-evidence wrote; none for the whole class in --out.",
        ),
    ] = None,
    out: Out = None,
    formats: Formats = "",
    assignment: AssignmentFolder = None,
    pass_at: PassAt = None,
    audience: ForWhom = Audience.instructor,
    jobs: Jobs = "auto",
    gradebook: Where = None,
    dry_run: DryRun = False,
    lang: Lang = None,
) -> None:
    """Judge stored evidence with the rubric as it is now; nothing is run."""
    from grader.api import configured
    from grader.batch.order import EXPORTS, REPORTS, USUAL, Order
    from grader.commands.show import formats_in

    chosen = configured(assignment)
    if bundles:
        from grader.batch.single import read_for_rejudging
        from grader.commands.few import work_through

        for bundle in bundles:
            read_for_rejudging(bundle)
        wanted = formats_in(formats or ",".join(USUAL), REPORTS)
        order = Order(chosen, out=out, formats=wanted, audience=audience.value)
        raise typer.Exit(work_through(bundles, order, None, pass_at))
    from grader.batch.places import DEFAULT, ClassFolder
    from grader.commands.class_again import rejudge_class

    wanted = formats_in(formats or ",".join((*USUAL, "csv")), (*REPORTS, *EXPORTS))
    order = Order(chosen, out=out, formats=wanted, audience=audience.value)
    folder = ClassFolder(out or DEFAULT)
    raise typer.Exit(rejudge_class(order, folder, gradebook, jobs, dry_run=dry_run))


for command in (export, override, comment, history):
    app.command()(command)


@app.command()
def watch(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The notebook or script you are working on.")],
    out: Out = None,
    assignment: AssignmentFolder = None,
    sandbox: HeldBy = Sandbox.auto,
    lang: Lang = None,
) -> None:
    """Grade your own work again at each save, and say what the last change did; Ctrl-C ends it."""
    from grader.api import configured
    from grader.batch.order import Order
    from grader.commands.watch import watch as watch_file

    order = Order(configured(assignment), sandbox=sandbox.value, out=out, audience="student")
    raise typer.Exit(watch_file(file, order))


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


@app.command("gradescope-zip")
def gradescope_zip(
    target: Annotated[Path, typer.Argument(metavar="OUT.zip", help="The file to upload to Gradescope.")],
    assignment: AssignmentFolder = None,
    sandbox: HeldBy = Sandbox.auto,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a Gradescope autograder: this grader, the versions it runs with, the assignment, and two scripts."""
    from grader.commands.gradescope.packing import write_autograder

    write_autograder(target, assignment, sandbox, overwrite=force)
    typer.echo(f"wrote {target}")


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


COMMANDS = tuple(each.name or getattr(each.callback, "__name__", "") for each in app.registered_commands)


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
        from grader.commands.github import commands_off

        with commands_off():
            complain(Console(stderr=True), error)
        sys.exit(status_of_problem(error))


if __name__ == "__main__":
    main()
