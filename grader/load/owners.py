"""Whose each file is: by a platform's names first, by folders and file names where no platform speaks."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from grader.errors import UnreadableSubmission
from grader.load.archives import Parts
from grader.load.downloads import (
    GRADESCOPE_LIST,
    CanvasName,
    GradescopeEntry,
    MoodleName,
    Submitter,
    canvas_name,
    moodle_name,
    read_gradescope,
    repository_prefix,
)
from grader.load.listing import Found, Listing
from grader.load.wording import listed, printable
from grader.model.classroom import Student

Origin = Literal["folder", "file", "moodle", "canvas", "gradescope", "github"]

MAX_KEY = 120
"""Characters."""


@dataclass
class Claim:
    """What one student handed in, as far as one place tells."""

    who: tuple[str, ...]
    """The same for two claims where the place itself says that one student made both."""
    student: Student
    origin: Origin
    shown: str
    files: list[Found] = field(default_factory=list)
    """Their parts begin inside what is the student's."""
    handed_in: datetime | None = None
    late: bool | None = None
    typed: bool = False
    """Something was typed into the platform, too."""
    folder: str = ""
    """The repository's name (GitHub)."""
    alone: bool = False
    """The file lies among those of others."""
    tentative: bool = False
    """Perhaps nobody's hand-in at all, unless the roster knows the name."""
    remarks: list[str] = field(default_factory=list)


@dataclass
class Owners:
    """Takes files out of a listing until each has an owner or is left aside.

    A platform's names count where the platform puts them and nowhere below, or a student could hand in a folder that
    is called after somebody else.
    """

    listing: Listing
    place: str
    """What was looked through, as it stands in front of every path that is shown."""
    claims: dict[tuple[str, ...], Claim] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def claim(self, who: tuple[str, ...], student: Student, origin: Origin, shown: str) -> Claim:
        return self.claims.setdefault(who, Claim(who, student, origin, printable(shown)))

    def take_downloads(self) -> bool:
        """Take what platforms' names tell of; false where nothing did."""
        base = wrapper(self.listing)
        self._take_gradescope(base)
        self._take_moodle(base)
        self._take_canvas(base)
        self._take_classroom(base)
        return bool(self.claims)

    def shown(self, parts: Parts) -> str:
        return f"{self.place}{'/'.join(parts)}"

    def _pop(self, base: Parts, names: Set[str]) -> dict[str, list[Found]]:
        """Name of a folder or file in `base` → its files, their parts beginning inside it; the listing loses them."""
        length = len(base)
        popped: dict[str, list[Found]] = {}
        left: list[Found] = []
        for found in self.listing.files:
            if found.parts[:length] == base and found.parts[length] in names:
                inside = popped.setdefault(found.parts[length], [])
                inside.append(found.below(length + 1) if len(found.parts) > length + 1 else found)
            else:
                left.append(found)
        self.listing.files = left
        empty = {
            parts for parts in self.listing.empty if parts[:length] == base and {*parts[length:][:1]} & names
        }
        self.listing.empty = [parts for parts in self.listing.empty if parts not in empty]
        return {parts[length]: [] for parts in sorted(empty)} | popped

    def _names(self, base: Parts) -> list[str]:
        length = len(base)
        paths = (*(found.parts for found in self.listing.files), *self.listing.empty)
        return sorted({parts[length] for parts in paths if len(parts) > length})

    def _flat(self, base: Parts) -> list[Found]:
        return [found for found in self.listing.files if found.parts[:-1] == base]

    # ------------------------------------------------------------ Gradescope

    def _take_gradescope(self, base: Parts) -> None:
        flat = self._flat(base)
        found = next((found for found in flat if found.name == GRADESCOPE_LIST and not found.problem), None)
        if found is None:
            return
        try:
            entries = read_gradescope(found.path)
        except UnreadableSubmission as error:
            self.remarks.append(str(error))
            return
        files = self._pop(base, {GRADESCOPE_LIST, *(entry.folder for entry in entries)})
        for entry in entries:
            self._take_entry(self.shown((*base, entry.folder)), files.get(entry.folder, []), entry)

    def _take_entry(self, shown: str, files: list[Found], entry: GradescopeEntry) -> None:
        people = entry.submitters or (Submitter("", "", ""),)
        for person in people:
            student = _gradescope_student(person, entry.folder)
            claim = self.claim(("gradescope", student.key), student, "gradescope", shown)
            claim.files += files
            claim.handed_in = entry.handed_in
            if others := [other.name or other.email for other in people if other is not person]:
                claim.remarks.append(f"Handed in together with {listed(others)}.")

    # ------------------------------------------------------------ Moodle

    def _take_moodle(self, base: Parts) -> None:
        flat = {found.name for found in self._flat(base)}
        names = {text: name for text in self._names(base) if (name := moodle_name(text))}
        names = {text: name for text, name in names.items() if name.file or text not in flat}
        for text, files in self._pop(base, names.keys()).items():
            name = names[text]
            claim = self._moodle_claim(name, self.shown((*base, text)))
            if name.kind != "file":
                claim.typed = True
            elif text in flat:
                claim.files += [replace(found, parts=(name.file,)) for found in files]
                claim.alone = True
            else:
                claim.files += files

    def _moodle_claim(self, name: MoodleName, shown: str) -> Claim:
        key = name.id or name.name
        ids = {"moodle": name.id} if name.id else {}
        return self.claim(
            ("moodle", key), Student(as_key(key), printable(name.name), ids=ids), "moodle", shown
        )

    # ------------------------------------------------------------ Canvas

    def _take_canvas(self, base: Parts) -> None:
        """Canvas's names could be anybody's: at least half of the files must have them, and all of them other ids."""
        flat = self._flat(base)
        names = {found.name: name for found in flat if (name := canvas_name(found.name))}
        numbers = [name.number for name in names.values() if not name.typed]
        if 2 * len(names) < len(flat) or len(set(numbers)) < len(numbers):
            return
        for text, files in self._pop(base, names.keys()).items():
            self._take_canvas_files(names[text], files)

    def _take_canvas_files(self, name: CanvasName, files: list[Found]) -> None:
        student = Student(as_key(name.user), printable(name.name), ids={"canvas": name.user})
        claim = self.claim(("canvas", name.user), student, "canvas", files[0].shown)
        claim.late = name.late
        claim.alone = True
        if name.typed:
            claim.typed = True
        else:
            claim.files += [replace(found, parts=(name.file,)) for found in files]

    # ------------------------------------------------------------ GitHub Classroom

    def _take_classroom(self, base: Parts) -> None:
        folder = base[-1] if base else self.place.rstrip(": /").rpartition("/")[2]
        names = {parts[-1] for parts in self.listing.repositories if parts and parts[:-1] == base}
        prefix = repository_prefix(folder, names)
        if len(names) < 2 and not prefix:
            return
        files = self._pop(base, names)
        for name in sorted(names):
            login = name.removeprefix(prefix)
            student = Student(as_key(login), ids={"github": login})
            claim = self.claim(("github", name), student, "github", self.shown((*base, name)))
            claim.folder = name
            claim.files += files.get(name, [])


def wrapper(listing: Listing) -> Parts:
    """The folder that everything lies in, if it is nobody's own; empty where there is none."""
    paths = [found.parts for found in listing.files] + [(*parts, "") for parts in listing.empty]
    base: Parts = ()
    while True:
        tops = {parts[: len(base) + 1] for parts in paths}
        if len(tops) != 1 or any(len(parts) == len(base) + 1 for parts in paths):
            return base
        (inner,) = tops
        if moodle_name(inner[-1]) or inner in listing.repositories:
            return base
        base = inner


def _gradescope_student(person: Submitter, folder: str) -> Student:
    number = folder.removeprefix("submission_")
    ids = {"gradescope": number} | ({"sis": person.sid} if person.sid else {})
    return Student(
        as_key(person.sid or person.email or person.name or folder), person.name, person.email, ids
    )


def as_key(text: str) -> str:
    """A text as a student's key: one line, not empty, of bounded length."""
    return " ".join(printable(text, MAX_KEY).split()) or "unnamed"
