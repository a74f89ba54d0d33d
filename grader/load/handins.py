"""Everything that was handed in, and by whom: files, folders, archives and platforms' downloads become a `Roll`.

docs/handing-in.md states the rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from grader.errors import UnreadableSubmission
from grader.load.archives import CLASS_LIMITS, is_archive
from grader.load.listing import Found, Listing, Opener, list_folder
from grader.load.owners import Claim, Owners, as_key
from grader.load.plain import file_claim, may_be_handed_in, one_students, stem_of, take_plain
from grader.load.reading import digest_of
from grader.load.roster import Match, Roster, merged, read_roster
from grader.load.selection import Chooser
from grader.load.wording import counted, listed, printable
from grader.model.classroom import Handin, Refused, Roll, Student


def find_handins(
    paths: Sequence[Path], unpacked: Path, roster: Path | None = None, handout: str = ""
) -> Roll:
    """One hand-in for each student of the files, folders and archives that were named, by the student's key.

    `unpacked` is an empty folder for what is unpacked; the caller removes it when the class is graded. `handout` is the
    file name, without its ending, that students were given.

    Raises:
        UnreadableSubmission: a path does not exist, or nothing was handed in there; one line.
        UsageError: the roster cannot be read, or the disk is full; one line.
    """
    known = Roster(read_roster(roster)) if roster else None
    finder = _Finder(Opener(unpacked))
    for path, named in {path.resolve(): path for path in reversed(paths)}.items():
        finder.look_at(path, printable(str(named)), len(paths) == 1)
    finder.look_at_files()
    return _Caller(finder, known, Chooser(finder.opener, handout)).roll()


@dataclass
class _Finder:
    """Goes through what was named and collects claims."""

    opener: Opener
    files: list[Found] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    ignored: int = 0

    def look_at(self, path: Path, shown: str, alone: bool) -> None:
        """`shown` is the path as it was named; `alone`: nothing else was."""
        if not path.exists():
            raise UnreadableSubmission(f"{shown} does not exist: check the path.")
        if path.is_dir():
            self._take(Owners(list_folder(path, f"{shown}/"), f"{shown}/"), "a folder")
        elif is_archive(path):
            self._look_into(Found((path.name,), path, shown), alone)
        else:
            self.files.append(Found((path.name,), path, shown))

    def look_at_files(self) -> None:
        """What was named one by one, and no folder holds; a platform's names count here, too."""
        inside = {found.path for claim in self.claims for found in claim.files}
        owners = Owners(Listing([found for found in self.files if found.path not in inside]), "")
        owners.take_downloads()
        for found in owners.listing.files:
            file_claim(owners, found)
        self.claims += owners.claims.values()

    def _look_into(self, archive: Found, alone: bool) -> None:
        student = Student(as_key(stem_of(archive.name)))
        try:
            listing = self.opener.open(archive, CLASS_LIMITS)
        except UnreadableSubmission as error:
            if alone:
                raise
            self.refused.append(Refused(archive.shown, str(error), student))
            return
        owners = Owners(listing, f"{archive.shown}: ")
        if not owners.take_downloads() and one_students(listing):
            claim = owners.claim(("file", str(archive.path)), student, "file", archive.shown)
            claim.files, listing.files = listing.files, []
        self._take(owners, "an archive")

    def _take(self, owners: Owners, kind: str) -> None:
        owners.take_downloads()
        take_plain(owners, kind == "an archive")
        if not any(_is_something(claim) for claim in owners.claims.values()):
            place = owners.place.rstrip(": /") or "/"
            raise UnreadableSubmission(
                f"{place}: {kind} without any notebook or script; name the file to grade"
            )
        self.claims += owners.claims.values()
        self.refused += owners.listing.refused
        self.remarks += owners.remarks
        self.ignored += owners.listing.ignored


def _is_something(claim: Claim) -> bool:
    """Whether a place with such a claim holds submissions at all."""
    return claim.origin not in ("file", "folder") or any(may_be_handed_in(found) for found in claim.files)


@dataclass
class _Person:
    """Everything that one student handed in."""

    student: Student
    claims: list[Claim]
    rostered: bool
    remark: str = ""

    @property
    def origin(self) -> str:
        return self.claims[0].origin


@dataclass
class _Caller:
    """Calls the roll: who is who, what counts of each, who is missing."""

    finder: _Finder
    known: Roster | None
    chooser: Chooser

    def roll(self) -> Roll:
        people = sorted(_told_apart(self._people()), key=lambda person: person.student.key)
        handins, refused = [], list(self.finder.refused)
        for person in people:
            result = self._result(person)
            if isinstance(result, Handin):
                handins.append(result)
            else:
                refused.append(result)
        present = {person.student.key for person in people if person.rostered}
        missing = (
            [student for student in self.known.students if student.key not in present] if self.known else []
        )
        return Roll(
            handins=tuple(_with_twins(handins)),
            refused=tuple(refused),
            missing=tuple(sorted(missing, key=lambda student: student.key)),
            remarks=tuple(self._remarks(people)),
        )

    def _people(self) -> list[_Person]:
        """Claims put together by who made them; the roster knows more about that than names do."""
        people: dict[tuple[str, ...], _Person] = {}
        matches = self._matches()
        for claim in self.finder.claims:
            match = matches[claim.who]
            who = ("", match.student.key) if match.student else claim.who
            student = merged(claim.student, match.student) if match.student else claim.student
            person = people.setdefault(who, _Person(student, [], match.student is not None, match.remark))
            person.student = merged(claim.student, person.student)
            person.claims.append(claim)
        return list(people.values())

    def _matches(self) -> dict[tuple[str, ...], Match]:
        """Who made each claim; a name that two bear tells nothing."""
        if self.known is None:
            return {claim.who: Match(None) for claim in self.finder.claims}
        matches = {claim.who: self.known.match(claim) for claim in self.finder.claims}
        counts = Counter(match.student.key for match in matches.values() if match.student)
        shared = "Several hand-ins bear this name, so it was matched with nobody on the roster."
        return {
            who: Match(None, shared)
            if match.student and match.by_name and counts[match.student.key] > 1
            else match
            for who, match in matches.items()
        }

    def _result(self, person: _Person) -> Handin | Refused:
        claims = _latest(person.claims)
        files = [found for claim in claims for found in claim.files]
        typed, canvas = (
            any(claim.typed for claim in claims),
            any(claim.origin == "canvas" for claim in claims),
        )
        choice = self.chooser.choose(files, typed, canvas)
        first = claims[0]
        if choice.found is None:
            tentative = first.tentative and not person.rostered
            return Refused(first.shown, choice.problem, None if tentative else person.student)
        remarks = (person.remark, *(remark for claim in claims for remark in claim.remarks), *choice.remarks)
        return Handin(
            student=person.student,
            path=self._apart(choice.found, claims),
            shown=choice.found.shown,
            origin=first.origin,
            handed_in=first.handed_in,
            late=first.late,
            remarks=tuple(dict.fromkeys(remark for remark in remarks if remark)),
        )

    def _apart(self, taken: Found, claims: Iterable[Claim]) -> Path:
        """Where the file lies; together with the student's other files alone, if all lie among those of others."""
        mine = [claim for claim in claims if claim.alone and taken in claim.files]
        files = [
            found for claim in mine for found in claim.files if not found.problem and not found.is_archive
        ]
        if len(files) < 2:
            return taken.path
        return self.finder.opener.put_together(files, taken)

    def _remarks(self, people: Iterable[_Person]) -> list[str]:
        remarks = list(self.finder.remarks)
        if self.finder.ignored:
            files = counted(self.finder.ignored, "file or folder", "files and folders")
            remarks.append(
                f"{files} that systems and tools make (hidden ones, caches, environments) were passed over."
            )
        strangers = [person.student.key for person in people if not person.rostered]
        if self.known and strangers:
            remarks.append(f"Not on the roster, or not to be told for sure: {listed(strangers, 20)}.")
        return remarks


def _latest(claims: list[Claim]) -> list[Claim]:
    """Where all tell when they were made, the last alone."""
    if any(claim.handed_in is None for claim in claims):
        return claims
    return [max(claims, key=lambda claim: claim.handed_in or datetime.min)]


def _told_apart(people: list[_Person]) -> list[_Person]:
    """The same people, each with a key of their own; what the roster calls a student stays."""
    counts = Counter(person.student.key.casefold() for person in people)
    taken = {person.student.key.casefold() for person in people if person.rostered}
    for person in sorted(people, key=lambda person: (person.student.key, person.claims[0].shown)):
        key = person.student.key
        if person.rostered:
            continue
        if counts[key.casefold()] > 1:
            above = Path(person.claims[0].shown.replace(": ", "/")).parent.name or person.origin
            key = as_key(f"{above}-{key}")
        number, base = 1, key
        while key.casefold() in taken:
            number += 1
            key = f"{base}.{number}"
        taken.add(key.casefold())
        person.student = replace(person.student, key=key)
    return people


def _with_twins(handins: list[Handin]) -> list[Handin]:
    """The same hand-ins, those with the same bytes as another student's saying so."""
    sizes = Counter(_bytes_of(handin.path) for handin in handins)
    alike: defaultdict[str, list[Handin]] = defaultdict(list)
    for handin in handins:
        if sizes[_bytes_of(handin.path)] > 1:
            alike[digest_of(handin.path)].append(handin)
    twins = {
        handin.student.key: [other for other in group if other.path != handin.path]
        for digest, group in alike.items()
        for handin in group
        if digest
    }
    return [_with_twin(handin, twins.get(handin.student.key, [])) for handin in handins]


def _with_twin(handin: Handin, others: list[Handin]) -> Handin:
    if not others:
        return handin
    names = listed(other.student.name or other.student.key for other in others)
    return replace(handin, remarks=(*handin.remarks, f"The same file, byte for byte, as that of {names}."))


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
