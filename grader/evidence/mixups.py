"""Figures that are true of something else: of other rows, or of predictions made another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from grader.evidence.claims import Meaning, Part, Said, read_numbers
from grader.evidence.moments import Course
from grader.model.evidence import Measured
from grader.model.reported import Claim

_FEWEST = 2
_FEWEST_SHARES = 3
_MOST_OF_THEM = 0.8
_FLOAT = 2e-4


@dataclass(frozen=True)
class _MixUp:
    """What a figure was called, and what it may be instead."""

    code: str
    meaning: Meaning
    named_test: bool
    """Only figures that the student calls test figures, or that nothing else explains where `even_unnamed`."""
    figure: str
    """What it may be: the train figure, or a key of `Measured.mistaken`."""
    explanation: str
    even_unnamed: bool = False


_MIX_UPS = (
    _MixUp("loop-tests-on-train", "loss", True, "train", "it is the loss over the train rows"),
    _MixUp("loop-tests-on-train", "accuracy", True, "train", "it is the accuracy over the train rows"),
    _MixUp(
        "loop-tests-on-train",
        "accuracy",
        True,
        "train-labels",
        "it is the share of the first train labels that the test predictions equal",
    ),
    _MixUp(
        "loop-test-loss-against-predictions",
        "loss",
        True,
        "own-predictions",
        "it is the loss against the model's own predictions",
        even_unnamed=True,
    ),
    _MixUp(
        "metric-rounds-logits",
        "accuracy",
        False,
        "metric-rounds-logits",
        "it is the share of labels that the rounded logits equal",
    ),
    _MixUp(
        "metric-wrong-axis", "accuracy", False, "metric-wrong-axis", "it comes from a softmax over the batch"
    ),
)


def told_as_mixed_up(course: Course, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The printed claims; where nearly all of a kind fit one mix-up and none of the right figures, as that slip."""
    found = list(claims)
    for mix_up in _MIX_UPS:
        known = any(claim.verdict == "slip" and claim.meaning == mix_up.meaning for claim in found)
        if known and not mix_up.named_test:
            continue  # how the predictions were made was seen
        decided = list(_decided(course, found, mix_up))
        hits = [(index, right) for index, right, fits in decided if fits]
        if len(hits) >= _FEWEST and len(hits) >= _MOST_OF_THEM * len(decided):
            if (
                mix_up.figure == "train-labels"
                and len({found[index].value for index, _ in hits}) < _FEWEST_SHARES
            ):
                continue  # shares near one half meet by chance
            for index, right in hits:
                found[index] = replace(
                    found[index],
                    verdict="slip",
                    code=mix_up.code,
                    truth=right,
                    explanation=mix_up.explanation,
                )
    return tuple(found)


def _decided(course: Course, claims: Sequence[Claim], mix_up: _MixUp) -> Iterator[tuple[int, float, bool]]:
    """(index, right figure in the student's unit, whether the mixed-up figure fits) of claims that fit just one."""
    for index, claim in enumerate(claims):
        number = _number(claim)
        point = next((point for point in course.measured if point.step == claim.step), None)
        if number is None or point is None or claim.meaning != mix_up.meaning or claim.verdict == "slip":
            continue
        unexplained = number.part == "unknown" and claim.verdict in ("unchecked", "untrue")
        if mix_up.named_test and number.part != "test" and not (mix_up.even_unnamed and unexplained):
            continue
        part: Part = "train" if claim.part == "train" else "test"
        right, wrong = _figure(point, part, mix_up.meaning), _mixed_up(point, part, mix_up)
        if right is None or wrong is None:
            continue
        scale = 0.01 if mix_up.meaning == "accuracy" and (number.percent or number.value > 1) else 1.0
        size = (course.train_size if part == "train" else course.test_size) or 200
        slack = 0.0 if mix_up.meaning == "loss" else 0.6 / size
        fits_right, fits_wrong = (
            abs(number.value * scale - figure)
            <= number.half_unit * scale * 1.001 + _FLOAT * abs(figure) + slack
            for figure in (right, wrong)
        )
        if fits_right != fits_wrong:
            yield index, right / scale, fits_wrong


def _number(claim: Claim) -> Said | None:
    if claim.how != "printed" or claim.value is None:
        return None
    same = [number for number in read_numbers(claim.text) if number.value == claim.value]
    return next((number for number in same if number.part == claim.part), same[0] if same else None)


def _figure(point: Measured, part: Part, meaning: Meaning) -> float | None:
    if meaning == "loss":
        return point.train_loss if part == "train" else point.test_loss
    return point.train_accuracy if part == "train" else point.test_accuracy


def _mixed_up(point: Measured, part: Part, mix_up: _MixUp) -> float | None:
    if mix_up.figure == "train":
        return _figure(point, "train", mix_up.meaning)
    return point.mistaken.get(part, {}).get(mix_up.figure)
