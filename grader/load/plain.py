"""Folders and archives that no platform named: files lie flat, one for each student, or in a folder for each."""

from __future__ import annotations

from pathlib import PurePath

from grader.load.archives import BUNDLE, TAR_ENDINGS, ZIP_ENDINGS, Parts
from grader.load.listing import Found, Listing
from grader.load.owners import Claim, Owners, as_key, wrapper
from grader.load.python_source import imported_names
from grader.load.reading import text_of
from grader.load.wording import listed
from grader.model.classroom import Student

ENDINGS = (BUNDLE, *ZIP_ENDINGS, *TAR_ENDINGS, ".ipynb", ".py")
DOCUMENTS = (
    ".pdf", ".html", ".htm", ".doc", ".docx", ".odt", ".rtf", ".pages",
    ".rar", ".7z", ".gz", ".bz2", ".xz", ".zst",
    ".ipynb.txt", ".ipynb.json", ".py.txt",
)  # fmt: skip
"""What students hand in instead of a notebook."""


def take_plain(owners: Owners, packed: bool = False) -> None:
    """Give what is left in the owners' listing to students, by the names of folders and files.

    `packed`: it came out of an archive, where a folder around everything says nothing.
    """
    above = _above(owners.listing, packed)
    depth = len(above) + 1
    flat = [found for found in owners.listing.files if len(found.parts) == depth]
    inner = [found for found in owners.listing.files if len(found.parts) > depth]
    handed_in = _handed_in_flat(flat, any(may_be_handed_in(found) for found in inner))
    beside = bool(handed_in or owners.claims)
    aside = _take_flat(owners, flat, handed_in, beside)
    aside += _take_folders(owners, above, inner, beside)
    if aside:
        owners.remarks.append(f"{owners.place}: left aside, as nobody's hand-in: {listed(aside)}.")
    if handed_in and any(claim.origin == "folder" for claim in owners.claims.values()):
        owners.remarks.append(
            f"{owners.place} holds files of students and folders of students: both were taken."
        )


def one_students(listing: Listing) -> bool:
    """Whether an archive holds what one student packed, and not a class."""
    above = wrapper(listing)
    flat = [found for found in listing.files if len(found.parts) == len(above) + 1]
    notebooks = [found for found in flat if found.is_notebook]
    if notebooks or any(found.is_script for found in flat):
        return len(notebooks) == 1 or (not notebooks and _belong_together(flat))
    return len(_students_below(listing, above)) + sum(found.is_archive for found in flat) < 2


def may_be_handed_in(found: Found) -> bool:
    return found.is_notebook or found.is_script or found.is_bundle or found.is_archive


def _belong_together(flat: list[Found]) -> bool:
    """Whether there is one script only, or one that imports another."""
    scripts = {PurePath(found.name).stem: found for found in flat if found.is_script and not found.problem}
    return len(scripts) < 2 or any(
        imported_names(text_of(found)) & (scripts.keys() - {stem}) for stem, found in scripts.items()
    )


def _above(listing: Listing, packed: bool) -> Parts:
    """The folder in which the class lies."""
    base = wrapper(listing)
    if packed:
        return base
    return base if len(_students_below(listing, base)) > 1 else ()


def _students_below(listing: Listing, above: Parts) -> set[str]:
    """Names of the folders in which something may be handed in."""
    depth = len(above)
    return {
        found.parts[depth]
        for found in listing.files
        if len(found.parts) > depth + 1 and may_be_handed_in(found)
    }


def _handed_in_flat(flat: list[Found], beside_folders: bool) -> list[Found]:
    """Notebooks; scripts where there is none and no folder holds anything; else bundles."""
    notebooks = [found for found in flat if found.is_notebook]
    if notebooks or beside_folders:
        return notebooks
    return [found for found in flat if found.is_script] or [found for found in flat if found.is_bundle]


def _take_flat(owners: Owners, flat: list[Found], handed_in: list[Found], beside: bool) -> list[str]:
    """Make claims on single files; the names of those that nobody handed in come back."""
    aside = []
    for found in flat:
        if found in handed_in:
            file_claim(owners, found)
        elif found.is_archive:
            file_claim(owners, found).tentative = beside
        elif found.problem or found.name.lower().endswith(DOCUMENTS):
            file_claim(owners, found).tentative = True
        else:
            aside.append(found.name)
    return aside


def _take_folders(owners: Owners, above: Parts, inner: list[Found], beside: bool) -> list[str]:
    """Make claims on folders; beside flat hand-ins a folder without a notebook holds helpers or data."""
    aside = []
    depth = len(above)
    below: dict[str, list[Found]] = {parts[depth]: [] for parts in owners.listing.empty if len(parts) > depth}
    for found in inner:
        below.setdefault(found.parts[depth], []).append(found.below(depth + 1))
    for name, files in sorted(below.items()):
        own = any(may_be_handed_in(found) and not found.is_script for found in files)
        if beside and not own:
            aside.append(f"{name} (a folder)")
            continue
        shown = owners.shown((*above, name))
        owners.claim(
            ("folder", owners.place, *above, name), Student(as_key(name)), "folder", shown
        ).files += files
    return aside


def file_claim(owners: Owners, found: Found) -> Claim:
    """A claim on one file by whoever it is called after."""
    claim = owners.claim(
        ("file", str(found.path), *found.parts), Student(as_key(stem_of(found.name))), "file", found.shown
    )
    claim.files.append(found.below(len(found.parts) - 1))
    claim.alone = True
    return claim


def stem_of(name: str) -> str:
    """The name without its ending, `.tar.gz` and the like as one."""
    lowered = name.lower()
    ending = max((end for end in (*ENDINGS, *DOCUMENTS) if lowered.endswith(end)), key=len, default="")
    return name[: len(name) - len(ending)] if ending else PurePath(name).stem
