"""The options that commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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


class Scale(StrEnum):
    grade = "grade"
    points = "points"


Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH…",
        help="A notebook, a script, a stored evidence bundle; for a class, a folder or an archive (zip, tar) of them.",
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
    str,
    typer.Option(
        "--format",
        metavar="LIST",
        help="What to write, several with commas: html, json, junit, text, github, gradescope, classroom; "
        "of a class also csv, canvas, moodle, feedback.",
    ),
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


def _speak(language: str | None) -> None:
    if language is not None:
        # It reads a catalogue, which `--help` need not wait for.
        from grader.report.language.speech import speak

        speak(language)


Lang = Annotated[
    str | None,
    typer.Option(
        "--lang",
        metavar="LANG",
        envvar="GRADER_LANG",
        callback=_speak,
        help="The language of reports: en, ro, or the .po file of a catalogue. JSON stays English.",
    ),
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
Where = Annotated[
    str | None,
    typer.Option(
        "--gradebook",
        metavar="URL",
        help="The class's gradebook: a file or a database's URL (default: gradebook.sqlite in the class's folder).",
    ),
]
ClassOut = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="The class's folder, which `grade` wrote.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Of a class: say whose points would change and why; write nothing.")
]
Jobs = Annotated[
    str,
    typer.Option(
        "--jobs", metavar="N|auto", help="Submissions side by side; auto: as many as cores and memory allow."
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the student reads it too.")]
Who = Annotated[
    str, typer.Option("--by", metavar="NAME", help="Who says so (default: the name you are logged in with).")
]
Of = Annotated[
    str | None,
    typer.Option("--of", metavar="ID", help="The assignment's id, where the gradebook holds several."),
]
