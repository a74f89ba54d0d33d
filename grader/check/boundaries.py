"""Checks about drawn decision boundaries (exercise 8)."""

from __future__ import annotations

from grader.check.case import Case, failed, missing, partly, passed, unknown
from grader.model.evidence import DrawnMap
from grader.model.finding import Finding

_PARTS = ("train", "test")
_SAID = {
    "transposed": "x and y are exchanged",
    "inverted": "the two classes are exchanged",
    "raw-logits": "raw logits are drawn instead of classes",
    "wrong-model": "it is not this model's boundary",
    "unclear": "it could not be matched with a model",
}


def maps_by_part(maps: tuple[DrawnMap, ...]) -> dict[str, DrawnMap]:
    """The best map drawn over each part; a map over all rows stands for one part that is still without."""
    found: dict[str, DrawnMap] = {}
    ranked = sorted(maps, key=lambda drawn: drawn.verdict == "true", reverse=True)
    for drawn in ranked:
        part = _part_of(drawn)
        if part in _PARTS and part not in found:
            found[part] = drawn
    for drawn in ranked:
        if _part_of(drawn) not in _PARTS and drawn not in found.values():
            open_parts = [part for part in _PARTS if part not in found]
            if open_parts:
                found[open_parts[0]] = drawn
    return found


def _part_of(drawn: DrawnMap) -> str:
    """The part whose rows are shown; the title's word only where the rows do not tell."""
    return drawn.over if drawn.over in _PARTS else drawn.title_part


def drawn(case: Case) -> Finding:
    """A decision boundary is drawn over the train rows, and one over the test rows."""
    expected = "a decision boundary over the train rows and one over the test rows"
    found = maps_by_part(case.task.maps)
    if not case.task.maps:
        if not case.page.attempted:
            return missing("No decision boundary was drawn.", expected, case.place)
        return failed("No decision boundary was drawn.", expected, "no such figure", case.place)
    where = case.task.maps[0].where
    if len(found) == len(_PARTS):
        return passed("A decision boundary is drawn over the train rows and over the test rows.", where=where)
    only = next(iter(found), "one part")
    return partly(
        0.5, f"A decision boundary is drawn over the {only} rows only.", expected, f"{only} only", where
    )


def true(case: Case) -> Finding:
    """What is drawn is the trained model's boundary, the right way round."""
    expected = "the trained model's boundary"
    found = maps_by_part(case.task.maps)
    if not found:
        return missing("No decision boundary was drawn.", expected, case.place)
    if case.task.run is None:
        return missing("There is no trained model whose boundary it could be.", expected, case.place)
    wrong = [drawn for drawn in found.values() if drawn.verdict != "true"]
    if not wrong:
        return passed(
            "What is drawn is the trained model's boundary.", where=next(iter(found.values())).where
        )
    model = case.task.model
    if model is not None and model.how == "unreadable" and wrong[0].verdict == "unclear":
        return unknown(
            f"The boundary of `{model.class_name}` could not be recomputed: {model.unreadable}.",
            wrong[0].where,
        )
    # Raw logits are the right model's, the right way round; only no class can be seen in them.
    lost = sum(0.5 if drawn.verdict == "raw-logits" else 1.0 for drawn in wrong)
    share = 1.0 - lost / len(found)
    said = _SAID[wrong[0].verdict]
    text = f"The drawn boundary is not right: {said}."
    if share > 0:
        return partly(share, text, expected, said, wrong[0].where)
    return failed(text, expected, said, wrong[0].where)
