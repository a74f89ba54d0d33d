"""Numbers that a printed line gives as a loss or an accuracy, in whatever words and layout."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

Meaning = Literal["loss", "accuracy"]
Part = Literal["train", "test", "unknown"]
_Word = Literal["loss", "accuracy", "counter", "other"]

# A digit within a name (`x1`, `MeanBackward0`), a date or a version is no number of its own.
_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+|nan\b|inf\b)(?:e[-+]?\d+)?(?![\w]|\.\d)", re.IGNORECASE
)
_WRAPPER = re.compile(r"(?:np\.|numpy\.)?(?:float\d+|tensor|array)\(\[?$", re.IGNORECASE)
_WORDS: dict[_Word, re.Pattern[str]] = {
    "loss": re.compile(
        r"loss|\bcosts?\b|bce|cross.?entropy|\bce\b|\bj\b|\bmse\b|\bnll\b|pierder|\beroar|\berror|\berr\b|pertes?\b"
        r"|verlust|perdida|perdita|fehler|entropi|strata|потер|損失|损失"
    ),
    "accuracy": re.compile(
        r"accs?(?![a-z])|accur|acurat|precizi|precis|corect|correct|genauigkeit|exactitud|esattezza|richtig"
        r"|\bright\b|\bhits?\b|точност|正解率|准确率"
    ),
    "counter": re.compile(r"epoc|epok|iter|\bsteps?\b|batch|эпох|\bpas(?:ul|ii)?\b|schritt"),
    "other": re.compile(
        r"\blr\b|learning|\brata\b|\btime\b|timp|elapsed|\bsec|seed|\bf1|recall|\bauc\b|\broc\b|shape|\bsize\b"
        r"|param|version"
        r"|device|sampl|\brows?\b|\beta\b|momentum|grad(?!_fn)|norm|weight|\bbias|patience|duration|penalty|\bregul|\bl[12]\b"
        r"|threshold|prag|\br2\b|\bmcc\b|specific|sensitiv"
    ),
}
_TRAIN = re.compile(r"train|antren|entrain|entren|addestr|\btr\b")
_TEST = re.compile(r"test|\bte\b|valid|\bval\b|\bdev\b|held.?out|\beval")
_TIME_OF_TRAINING = re.compile(
    r"(?:before|after|during|inainte de|dupa|while|pre|post|untrained)[- ]*(?:the )?(?:train\w*|antren\w*)"
    r"|trained|training loop"
)
_VALIDATION = re.compile(r"valid|\bval\b|\bdev\b")
_LENIENT = re.compile(
    r"best|\bmin|\bmax|lowest|highest|smooth|\bema\b|moving|precis|cel mai|meilleur|gata|delta|diff|change"
    r"|improv|gap|std|±"
)
_UNIT_AFTER = re.compile(
    r"\s*(?:s\b|ms\b|sec|min\b|it/s|samples|rows|epoc|epok"
    r"|steps?\b|iter|batch|seconds|x\b|%\||out of|of\b|din\b|runs?\b)"
)


@dataclass(frozen=True)
class Said:
    """A number of a printed line, with what the words around it say."""

    value: float
    half_unit: float
    """Half of the last printed digit's worth: how far rounding can have moved it."""
    percent: bool
    meaning: Meaning | None
    """None where no word tells."""
    part: Part
    near_part: bool
    """Whether the part's word stands in this number's own label, rather than earlier in the line."""
    lenient: bool
    """A best, smoothed or differently defined figure: it can be confirmed, not refuted."""
    integer: bool
    label: str


# The same lines are held against several runs.
@lru_cache(maxsize=8192)
def read_numbers(text: str) -> tuple[Said, ...]:
    """The numbers of a line that may be losses or accuracies; counters, rates, times and shapes are left out.

    A number without any telling word has `meaning` None: only its value can tell whether it is meant.
    """
    plain = _without_other_precision(_plain(text))
    found = list(_NUMBER.finditer(plain))
    if not found or len(found) > 40:
        return ()
    numbers: list[Said] = []
    meaning: Meaning | None = None
    part: Part = "unknown"
    skipped, end = False, 0
    for match in found:
        label, end = _WRAPPER.sub("", plain[end : match.start()]), match.end()
        decimal = not match.group().lstrip("+-").isdigit()
        part = own if (own := _part(label)) != "unknown" else part
        meaning = _meaning(label) or (meaning if _goes_on(label, skipped) else None)
        skipped = _skipped(_last_word(label) or meaning, decimal, plain[end:], label)
        if not skipped and (decimal or meaning is not None):
            numbers.append(_said(match.group(), plain[end:], label, meaning, part, decimal))
    return _without_doubtful_words(tuple(numbers), plain[end:])


def names_meaning(text: str) -> Meaning | None:
    """What a name, label or title says that numbers are; None where it says neither or both."""
    plain = _plain(text).replace("_", " ")
    loss, accuracy = bool(_WORDS["loss"].search(plain)), bool(_WORDS["accuracy"].search(plain))
    if loss == accuracy or _WORDS["other"].search(plain):
        return None
    return "loss" if loss else "accuracy"


def names_part(text: str) -> Part:
    """Whether a name, label or title speaks of the train or the test part."""
    return _part(_plain(text).replace("_", " "))


def _plain(text: str) -> str:
    """Lower case without accents; an escape sequence of a terminal, or a graph's name, becomes nothing."""
    text = re.sub(r",?\s*grad_fn=<[^>]*>", "", text)
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    decomposed = unicodedata.normalize("NFKD", text.rsplit("\r", 1)[-1])
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).lower()


def _spaced(label: str) -> str:
    return label.replace("_", " ")


def _last_word(label: str) -> _Word | None:
    """The kind of the telling word that stands nearest before the number."""
    best: tuple[int, _Word] | None = None
    for kind, pattern in _WORDS.items():
        for match in pattern.finditer(_spaced(label)):
            if best is None or match.end() > best[0]:
                best = (match.end(), kind)
    return best[1] if best else None


def _meaning(label: str) -> Meaning | None:
    """The nearest word for a loss or an accuracy, whatever else stands there."""
    kinds: tuple[Meaning, ...] = ("loss", "accuracy")
    ends = {kind: max((m.end() for m in _WORDS[kind].finditer(_spaced(label))), default=-1) for kind in kinds}
    if max(ends.values()) < 0:
        return None
    return "loss" if ends["loss"] >= ends["accuracy"] else "accuracy"


def _part(label: str) -> Part:
    """Train or test; neither where both words stand. `before training` is a time, not a part."""
    spaced = _TIME_OF_TRAINING.sub(" ", _spaced(label))
    train, test = bool(_TRAIN.search(spaced)), bool(_TEST.search(spaced))
    if train == test:
        return "unknown"
    return "train" if train else "test"


def _goes_on(label: str, after_counter: bool) -> bool:
    """Whether the words before the previous number speak of this one too: `loss after 10 epochs: 0.69`."""
    if after_counter:
        return _last_word(label) in (None, "counter")
    return not re.search(r"[^\W\d_]", label) and "/" in label


def _skipped(word: _Word | None, decimal: bool, after: str, label: str) -> bool:
    """Counters, other quantities, and whole numbers that nothing calls a loss or an accuracy."""
    if word == "other" or _UNIT_AFTER.match(after):
        return True
    if decimal:
        return False
    fraction = re.match(r"\s*/\s*\d", after) or re.search(r"/\s*$", label)
    named = word in ("loss", "accuracy") and re.search(r"[:=]\W*$|accuracy\s+(?:is\s+)?$", label)
    return not named or bool(fraction)


def _without_other_precision(plain: str) -> str:
    """Beside recall or F1, precision is a metric of its own; elsewhere many languages mean accuracy by it."""
    if re.search(r"recall|\bf1", plain):
        return re.sub(r"preci\w+", "f1", plain)
    return plain


def _said(digits: str, after: str, label: str, meaning: Meaning | None, part: Part, decimal: bool) -> Said:
    percent = re.match(r"\)?\s*%", after) is not None
    return Said(
        value=float(digits),
        half_unit=_half_unit(digits),
        percent=percent,
        meaning="accuracy" if percent and meaning is None else meaning,
        part=part,
        near_part=_part(label) != "unknown",
        lenient=bool(_LENIENT.search(_spaced(label)) or _VALIDATION.search(_spaced(label))),
        integer=not decimal,
        label=label.strip(),
    )


def _half_unit(digits: str) -> float:
    """Half of one in the last printed place; a trailing zero that `print` leaves out is not known."""
    mantissa, _, exponent = digits.lower().partition("e")
    if not mantissa.strip("+-").replace(".", "").isdigit():
        return 0.0
    places = len(mantissa.partition(".")[2])
    return float(0.5 * 10.0 ** (int(exponent or 0) - places))


def _without_doubtful_words(numbers: tuple[Said, ...], tail: str) -> tuple[Said, ...]:
    """Where words follow their numbers (`0.69 loss, 0.48 accuracy`), words before them would mislead."""
    if _meaning(tail) is None:
        return numbers
    return tuple(
        replace(number, meaning="accuracy" if number.percent else None, part="unknown") for number in numbers
    )
