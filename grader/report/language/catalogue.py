"""What is said in a language: the catalogues that come with the grader, and an instructor's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grader.errors import UsageError
from grader.report.language.template import Template, gaps

ENGLISH = "en"
_FOLDER = Path(__file__).resolve().parents[1] / "locale"
_FILE = Path("LC_MESSAGES") / "grader.po"
_LONGEST = 2000
"""Characters; no sentence of ours is longer."""
_DEEPEST = 4
"""Sentences within sentences: `Not judged, because it depends on …: The loss ends at ….`"""


@dataclass(frozen=True)
class Catalogue:
    """The wordings of one language."""

    language: str
    texts: Mapping[str, str]
    templates: tuple[Template, ...] = ()
    """Those that say most first."""

    def said(self, text: str, depth: int = 0) -> str:
        """A finished English text in this language; as it is where the catalogue does not know it."""
        known = self.texts.get(text)
        if known is not None or not self.templates or len(text) > _LONGEST or depth > _DEEPEST:
            return text if known is None else known
        for template in self.templates:
            fillings = template.fillings(text)
            if fillings is not None:
                return template.filled(fillings, lambda part: self.said(part, depth + 1))
        return text

    def knows(self, text: str) -> bool:
        """Whether there is a wording for it."""
        return text in self.texts or any(t.fillings(text) is not None for t in self.templates)


def languages() -> tuple[str, ...]:
    """Those that come with the grader."""
    return (ENGLISH, *sorted(path.parents[1].name for path in _FOLDER.glob(f"*/{_FILE}")))


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of a language: its code, or the path of a `.po` file.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    if language in languages():
        own = _FOLDER / language / _FILE
        return Catalogue(language, {}) if language == ENGLISH else _read(own)
    if language.endswith(".po"):
        return _read(Path(language))
    raise UsageError(
        f"--lang {language}: there is {', '.join(languages())}; for another, name the .po file of its catalogue"
    )


def _read(path: Path) -> Catalogue:
    # Takes a while, and English needs none of it.
    from babel.messages.pofile import PoFileError, read_po

    try:
        with path.open("rb") as file:
            read = read_po(file, abort_invalid=True)
    except (OSError, PoFileError, UnicodeDecodeError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as a catalogue ({error})") from error
    worded = {
        str(entry.id): str(entry.string) for entry in read if entry.id and entry.string and not entry.fuzzy
    }
    for english, wording in worded.items():
        if not set(gaps(wording)) <= set(gaps(english)):
            raise UsageError(
                f"{path}: the wording of {english[:60]!r} has a gap that the English text has not"
            )
    templates = [Template(english, wording) for english, wording in worded.items() if gaps(english)]
    templates.sort(key=lambda template: (-template.weight, template.english))
    return Catalogue(str(read.locale or path.stem), worded, tuple(templates))
