"""Whose a file is, by the names that learning platforms give to what they hand out.

Moodle, `mod/assign/classes/downloader.php`: a folder for each student and kind of submission, called
`FULL NAME_ID_assignsubmission_KIND` (with `_` at the end in older versions), or no folders and files called
`FULL NAME_ID_assignsubmission_KIND_FILE`. `ID` is the participant's number in the grading worksheet. Under blind
marking the name is `Participant`; a team's name stands for a student's.

Canvas, `lib/content_zipper.rb`: `NAME_USER_FILE_lab.ipynb` or `NAME_LATE_USER_FILE_lab.ipynb`, where `NAME` is the
sortable name in small letters with nothing between them, and `USER` and `FILE` are Canvas's ids. `anon_ID` stands
for name and user where marking is anonymous; `…_text.html` and `…_link.html` hold what was typed in.

Gradescope, "Download Submissions": folders `submission_N`, and `submission_metadata.yml`, which maps each to
`:submitters` (`:name`, `:sid`, `:email`) and `:created_at`.

GitHub Classroom, `gh classroom clone student-repos` (`student-repos.go`): a folder `ASSIGNMENT-submissions` with a
repository `ASSIGNMENT-USER` for each student.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from grader.errors import UnreadableSubmission
from grader.load.wording import printable

GRADESCOPE_LIST = "submission_metadata.yml"
MAX_LIST_BYTES = 64 * 1024**2
"""Gradescope's list holds every answer's history: some ten kB a student."""

_MOODLE = re.compile(
    r"^(?P<name>.*?)(?:_(?P<id>\d+))?_assignsubmission_(?P<kind>[a-z0-9]+)(?:_(?P<file>.*))?$", re.DOTALL
)
_CANVAS = re.compile(
    r"^(?P<name>\w*?)(?P<late>_late)?_(?P<user>\d+)_(?:(?P<file>\d+)_(?P<rest>.+)|(?P<typed>text|link)\.html)$",
    re.IGNORECASE | re.DOTALL,
)
_CANVAS_ANONYMOUS = re.compile(
    r"^(?P<late>late_)?(?P<user>anon_[A-Za-z0-9]+)_(?:(?P<file>\d+)_(?P<rest>.+)|(?P<typed>text|link)\.html)$",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class MoodleName:
    name: str
    id: str
    """Empty for a team without a group."""
    kind: str
    """`file`, `onlinetext`, …"""
    file: str
    """The file's own name, where it is part of this one."""


@dataclass(frozen=True)
class CanvasName:
    name: str
    """Last and first name in one, in small letters; empty where marking is anonymous."""
    user: str
    late: bool
    number: str
    """Canvas's id of the file; empty for what was typed in."""
    file: str
    """The file's own name; empty for what was typed in."""
    typed: bool


@dataclass(frozen=True)
class Submitter:
    name: str
    sid: str
    email: str


@dataclass(frozen=True)
class GradescopeEntry:
    folder: str
    submitters: tuple[Submitter, ...]
    handed_in: datetime | None


def moodle_name(text: str) -> MoodleName | None:
    if not (match := _MOODLE.match(text)):
        return None
    return MoodleName(match["name"].strip(), match["id"] or "", match["kind"], match["file"] or "")


def canvas_name(text: str) -> CanvasName | None:
    match = _CANVAS_ANONYMOUS.match(text) or _CANVAS.match(text)
    if match is None:
        return None
    name = match.groupdict().get("name", "")
    if match["user"].isdigit() and (not name or name != name.lower()):
        return None
    late, typed = bool(match["late"]), bool(match["typed"])
    return CanvasName(name, match["user"], late, match["file"] or "", match["rest"] or "", typed)


def repository_prefix(folder: str, repositories: Iterable[str]) -> str:
    """What the names of a classroom's repositories have in common, `lab-3-`; empty where that cannot be told.

    `folder` is the name of the folder that holds them.
    """
    names = list(repositories)
    assignment = folder.removesuffix("-submissions") + "-"
    if folder.endswith("-submissions") and all(name.startswith(assignment) for name in names):
        return assignment
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)
    alike = next((index for index, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[: first.rfind("-", 0, alike) + 1]


# ---------------------------------------------------------------- Gradescope's list


def read_gradescope(path: Path) -> tuple[GradescopeEntry, ...]:
    """What Gradescope's list says of each folder, in its order.

    Raises:
        UnreadableSubmission: it is too large, or not what Gradescope writes.
    """
    table = _yaml(path)
    if not isinstance(table, Mapping):
        raise UnreadableSubmission(
            f"{printable(path.name)} is not Gradescope's list: download the export again."
        )
    entries = (_entry(str(folder), value) for folder, value in table.items() if isinstance(value, Mapping))
    return tuple(entries)


def _yaml(path: Path) -> Any:
    problem = f"{printable(path.name)} cannot be read: download the export from Gradescope again."
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
        if len(data) > MAX_LIST_BYTES:
            raise UnreadableSubmission(problem)
        return yaml.load(data, _loader())
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        raise UnreadableSubmission(problem) from error


def _loader() -> Any:
    """PyYAML's safe loader, by libyaml where that is there, which takes Ruby's objects for the tables they are."""

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # has no types
        pass

    Loader.add_multi_constructor("!ruby/", _plain)
    return Loader


def _plain(loader: Any, tag: str, node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


def _entry(folder: str, value: Mapping[Any, Any]) -> GradescopeEntry:
    submitters = _field(value, "submitters")
    people = submitters if isinstance(submitters, list) else []
    return GradescopeEntry(
        folder,
        tuple(_submitter(person) for person in people if isinstance(person, Mapping)),
        _moment(_field(value, "created_at")),
    )


def _submitter(person: Mapping[Any, Any]) -> Submitter:
    name, sid, email = (_text(_field(person, key)) for key in ("name", "sid", "email"))
    return Submitter(name, sid, email)


def _field(table: Mapping[Any, Any], key: str) -> Any:
    """A field; Ruby's symbols begin with a colon."""
    return table.get(f":{key}", table.get(key))


def _text(value: Any) -> str:
    return printable(str(value).strip()) if isinstance(value, str | int | float) else ""


def _moment(value: Any) -> datetime | None:
    """A time with its zone, UTC where none is told."""
    if isinstance(value, Mapping):
        value = value.get("utc", value.get("time"))
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace(" UTC", "+00:00").strip())
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None
