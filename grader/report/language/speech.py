"""The language that reports are written in, and a verdict said in it.

Judging knows nothing of it: a verdict is made, kept and exchanged in English, and said in another language at the
moment it is shown. Ids, codes, numbers, and what a student or an instructor wrote stay as they are.
"""

from __future__ import annotations

import os
from typing import TypeVar

from pydantic import BaseModel

from grader.errors import UsageError
from grader.model.grade import Grade
from grader.report.language.catalogue import ENGLISH, Catalogue, catalogue

VARIABLE = "GRADER_LANG"
"""In the environment, so that every process that writes reports for a run finds it."""

_SAID = {
    "title",
    "message",
    "expected",
    "actual",
    "hint",
    "seen",
    "why",
    "mend",
    "label",
    "summary",
    "attribution",
}
"""Fields that hold sentences of ours."""
_PARTS = {
    "assignment",
    "exercises",
    "diagnoses",
    "lessons",
    "checks",
    "pictures",
    "curves",
    "boundaries",
    "model",
}
"""Fields whose records do."""

_Record = TypeVar("_Record", bound=BaseModel)


def asked_for() -> str:
    """What `speak` was told, here or in the process that started this one."""
    return os.environ.get(VARIABLE) or ENGLISH


def take_over(language: str) -> None:
    """Speak what another process was told; where its catalogue cannot be read here, reports are in English."""
    os.environ[VARIABLE] = language


def spoken() -> Catalogue:
    """The catalogue that `GRADER_LANG` asks for; a report is never lost for want of one, so else English."""
    try:
        return catalogue(asked_for())
    except UsageError:
        return catalogue(ENGLISH)


def speak(language: str) -> None:
    """Write this process's reports, and those of the processes it starts, in a language.

    Raises:
        UsageError: there is no such catalogue.
    """
    catalogue(language)
    os.environ[VARIABLE] = language


def said(text: str) -> str:
    """A text of ours, in the language that is spoken."""
    return spoken().said(text)


def in_language(grade: Grade) -> Grade:
    """`grade` with all its sentences in the language that is spoken."""
    speech = spoken()
    if speech.language == ENGLISH:
        return grade
    told = _in(speech, grade)
    notes = tuple(speech.said(note) for note in grade.notes)
    return told.model_copy(update={"notes": notes})


def _in(speech: Catalogue, record: _Record) -> _Record:
    changed: dict[str, object] = {}
    for name in type(record).model_fields:
        value = getattr(record, name)
        if name in _SAID and isinstance(value, str):
            changed[name] = speech.said(value)
        elif name in _PARTS and isinstance(value, tuple):
            changed[name] = tuple(_in(speech, part) for part in value)
        elif name in _PARTS and isinstance(value, BaseModel):
            changed[name] = _in(speech, value)
    return record.model_copy(update=changed)
