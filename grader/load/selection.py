"""Which file of several is graded, and why: rules that an instructor can read, in the order in which they apply."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePath

from grader.errors import UnreadableSubmission
from grader.load.listing import Found, Opener
from grader.load.python_source import imported_names
from grader.load.reading import digest_of, text_of, weight_of
from grader.load.wording import counted, listed

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
        remarks += [f"{found.name} {found.problem}." for found in opened if found.problem]
        candidates = _candidates(usable)
        if not candidates:
            return Choice(None, tuple(remarks), _nothing_in(opened, typed, remarks))
        if typed:
            remarks.append("The text typed into the platform was left aside.")
        taken = self._one(candidates, renumbered, remarks)
        return Choice(taken, tuple(remarks))

    def _opened(self, files: list[Found], remarks: list[str]) -> list[Found]:
        """The files with archives replaced by what they hold."""
        result, waiting = [], list(files)
        while waiting:
            found = waiting.pop(0)
            if not found.is_archive or found.problem or found.is_bundle:
                result.append(found)
                continue
            try:
                listing = self.opener.open(found)
            except UnreadableSubmission as error:
                remarks.append(str(error))
                continue
            remarks += [f"{refused.shown}: {refused.reason}" for refused in listing.refused]
            waiting += listing.files
        return result

    def _one(self, candidates: list[Found], renumbered: bool, remarks: list[str]) -> Found:
        """The rules in turn, each of which may leave fewer, until one file is left."""
        rules: tuple[tuple[str, Callable[[list[Found]], list[Found]]], ...] = (
            ("each content counts once", _different),
            ("it was handed in last under its name", _newest if renumbered else _all),
            ("it is called like the handout", self._called_like_handout),
            ("no other one imports it", _not_imported),
            ("it was made from the handout", _from_handout),
            ("it alone holds code", _with_code),
            ("it holds the most code", _largest),
            ("its name comes first", _first),
        )
        left, reasons = candidates, []
        for reason, rule in rules:
            fewer = rule(left)
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
    there = [_path(found) for found in files]
    if there:
        hint = next((_hint(found) for found in files if _hint(found)), "")
        return f"There is no notebook or script, only {listed(there)}.{hint}"
    if remarks:
        return remarks[0]
    return "There is no file, only text typed into the platform." if typed else "There is no file at all."


def _hint(found: Found) -> str:
    """What a hidden ending hints at: browsers like to add one."""
    name = found.name.lower()
    for ending in (".ipynb", ".py"):
        if name.endswith((f"{ending}.txt", f"{ending}.json", f"{ending}.html")):
            return f" Rename {found.name} if it is a {ending} file, and go on."
    return ""


def _path(found: Found) -> str:
    return "/".join(found.parts)


def _stem(found: Found) -> str:
    return PurePath(found.name).stem


# ---------------------------------------------------------------- rules


def _all(files: list[Found]) -> list[Found]:
    return files


def _different(files: list[Found]) -> list[Found]:
    """The first of those with the same bytes; what cannot be read is different from all."""
    if len(files) == 1:
        return files
    return list({digest_of(found.path) or found.path: found for found in reversed(files)}.values())[::-1]


def _newest(files: list[Found]) -> list[Found]:
    """Of `lab.ipynb`, `lab-1.ipynb` and `lab-2.ipynb` the last, which was handed in last."""
    series: defaultdict[str, list[tuple[int, Found]]] = defaultdict(list)
    for found in files:
        match = _AGAIN.match(_stem(found))
        series[match["stem"] if match else _stem(found)].append((int(match["count"]) if match else 0, found))
    return [max(group, key=lambda pair: pair[0])[1] for group in series.values()]


def _not_imported(files: list[Found]) -> list[Found]:
    if len(files) == 1 or files[0].is_notebook:
        return files
    imported = {found: imported_names(text_of(found)) - {_stem(found)} for found in files}
    return [
        found
        for found in files
        if not any(_stem(found) in names for other, names in imported.items() if other != found)
    ]


def _from_handout(files: list[Found]) -> list[Found]:
    return _heaviest(files, lambda found: weight_of(found).from_handout)


def _with_code(files: list[Found]) -> list[Found]:
    return files if len(files) == 1 else [found for found in files if weight_of(found).code]


def _largest(files: list[Found]) -> list[Found]:
    return _heaviest(files, lambda found: weight_of(found).code)


def _heaviest(files: list[Found], weight: Callable[[Found], int]) -> list[Found]:
    if len(files) == 1:
        return files
    weights = [weight(found) for found in files]
    return [found for found, own in zip(files, weights, strict=True) if own == max(weights)]


def _first(files: list[Found]) -> list[Found]:
    return files[:1]
