"""Which file of several is graded, and why: rules that an instructor can read, in the order in which they apply."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Literal

from grader.errors import UnreadableSubmission
from grader.load.listing import Found, Opener
from grader.load.python_source import imported_names
from grader.load.reading import Weight, digest_of, text_of, weight_of
from grader.load.wording import counted, listed, printable

MAX_REMARKS = 5
"""On what could not be used of one archive."""
MAX_WEIGHED = 50
"""Candidates of one student that are read, the least deep ones."""

_AGAIN = re.compile(r"^(?P<stem>.+)-(?P<count>\d{1,3})$", re.DOTALL)


@dataclass(frozen=True)
class Choice:
    """What is graded of one student."""

    found: Found | None
    """None where nothing can be."""
    remarks: tuple[str, ...]
    problem: str = ""
    """Why nothing is graded, a sentence."""


@dataclass
class Chooser:
    """Chooses among the files of one student after the other."""

    opener: Opener
    handout: str = ""
    """The handout's file name without its ending; empty where it has none."""

    def choose(self, files: Iterable[Found], typed: bool, renumbered: bool) -> Choice:
        """The file to grade, archives opened.

        `typed`: text was typed into the platform, too. `renumbered`: the platform writes `-1`, `-2`, … behind a name
        that was handed in before.
        """
        remarks: list[str] = []
        opened = self._opened(list(files), remarks)
        usable = [found for found in opened if not found.problem]
        remarks += _bounded([f"{_path(found)} {found.problem}." for found in opened if found.problem])
        candidates = _candidates(usable)
        if not candidates:
            return Choice(None, tuple(remarks), _nothing_in(usable, typed, remarks))
        if typed:
            remarks.append("The text typed into the platform was left aside.")
        taken = self._one(candidates, renumbered, remarks)
        return Choice(taken, tuple(remarks))

    def _opened(self, files: list[Found], remarks: list[str]) -> list[Found]:
        """The files with archives replaced by what they hold."""
        result, waiting = [], deque(files)
        while waiting:
            found = waiting.popleft()
            if not found.is_archive or found.problem or found.is_bundle:
                result.append(found)
                continue
            try:
                listing = self.opener.open(found)
            except UnreadableSubmission as error:
                remarks.append(str(error))
                continue
            remarks += _bounded([f"{refused.shown}: {refused.reason}" for refused in listing.refused])
            waiting += listing.files
        return result

    def _one(self, candidates: list[Found], renumbered: bool, remarks: list[str]) -> Found:
        """The rules in turn, each of which may leave fewer, until one file is left."""
        weighed = cache(weight_of)
        rules: tuple[tuple[str, Callable[[list[Found]], list[Found]]], ...] = (
            ("each content counts once", _different),
            ("it was handed in last under its name", _newest if renumbered else _all),
            ("it is called like the handout", self._called_like_handout),
            ("no other one imports it", _not_imported),
            ("it was made from the handout", lambda files: _heaviest(files, weighed, "from_handout")),
            ("it alone holds code", lambda files: [found for found in files if weighed(found).code]),
            ("it holds the most code", lambda files: _heaviest(files, weighed, "code")),
            ("its name comes first", _first),
        )
        left, reasons = candidates[:MAX_WEIGHED], []
        if len(left) < len(candidates):
            reasons.append(f"only {len(left)} were looked at")
        for reason, rule in rules:
            fewer = rule(left) if len(left) > 1 else left
            if 0 < len(fewer) < len(left):
                left = fewer
                reasons.append(reason)
        (taken,) = left
        if reasons:
            kind = "notebook" if taken.is_notebook else "script" if taken.is_script else "bundle"
            aside = listed(_path(found) for found in candidates if found is not taken)
            remarks.append(
                f"Of {counted(candidates, kind)} {_path(taken)} was taken: {', '.join(reasons)}."
                f" Left aside: {aside}."
            )
        return taken

    def _called_like_handout(self, files: list[Found]) -> list[Found]:
        return [
            found for found in files if self.handout and _stem(found).casefold() == self.handout.casefold()
        ]


def _candidates(files: list[Found]) -> list[Found]:
    """Notebooks; scripts where there is none, a script beside a notebook being its helper; else bundles."""
    for kind in ("is_notebook", "is_script", "is_bundle"):
        if chosen := [found for found in files if getattr(found, kind)]:
            return sorted(chosen, key=lambda found: (len(found.parts), found.parts))
    return []


def _nothing_in(files: list[Found], typed: bool, remarks: list[str]) -> str:
    """Why there is nothing to grade: what could not be opened, else what is there instead."""
    if remarks:
        return remarks[0]
    if files:
        hint = next((hint for found in files if (hint := _hint(found.name))), "")
        return f"There is no notebook or script, only {listed(_path(found) for found in files)}{hint}."
    return "There is no file, only text typed into the platform." if typed else "There is no file at all."


def _hint(name: str) -> str:
    """What to do about a file that is not what was asked for."""
    lowered = name.lower()
    if lowered.endswith((".ipynb.txt", ".ipynb.json", ".py.txt")):  # browsers like to add an ending
        return f": call it {printable(PurePath(name).stem)}, and go on"
    if lowered.endswith((".rar", ".7z", ".gz", ".bz2", ".xz", ".zst")):
        return ", which is not opened here: pack the files as a zip"
    if lowered.endswith((".html", ".pdf")):
        return ", which cannot be run: ask for the notebook itself"
    return ""


def _bounded(remarks: list[str]) -> list[str]:
    more = len(remarks) - MAX_REMARKS
    return remarks if more <= 0 else [*remarks[:MAX_REMARKS], f"So it is with {counted(more, 'other file')}."]


def _path(found: Found) -> str:
    return printable("/".join(found.parts))


def _stem(found: Found) -> str:
    return PurePath(found.name).stem


# ---------------------------------------------------------------- rules


def _all(files: list[Found]) -> list[Found]:
    return files


def _different(files: list[Found]) -> list[Found]:
    """The first of those with the same bytes; what cannot be read is different from all."""
    return list({digest_of(found.path) or found.path: found for found in reversed(files)}.values())[::-1]


def _newest(files: list[Found]) -> list[Found]:
    """Of `lab.ipynb`, `lab-1.ipynb` and `lab-2.ipynb` the last, which was handed in last."""
    series: defaultdict[str, list[tuple[int, Found]]] = defaultdict(list)
    for found in files:
        match = _AGAIN.match(_stem(found))
        series[match["stem"] if match else _stem(found)].append((int(match["count"]) if match else 0, found))
    return [max(group, key=lambda pair: pair[0])[1] for group in series.values()]


def _not_imported(files: list[Found]) -> list[Found]:
    if files[0].is_notebook:
        return files
    imported = {found: imported_names(text_of(found)) - {_stem(found)} for found in files}
    return [
        found
        for found in files
        if not any(_stem(found) in names for other, names in imported.items() if other != found)
    ]


def _heaviest(
    files: list[Found], weighed: Callable[[Found], Weight], by: Literal["from_handout", "code"]
) -> list[Found]:
    weights = [getattr(weighed(found), by) for found in files]
    return [found for found, own in zip(files, weights, strict=True) if own == max(weights)]


def _first(files: list[Found]) -> list[Found]:
    return files[:1]
