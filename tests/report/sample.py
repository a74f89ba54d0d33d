"""Grades to show: an excellent one, one with every outcome, a hostile one, one whose kernel died."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from datetime import UTC, datetime

from grader.gradebook.adjusting import Ruling, adjusted
from grader.model.grade import (
    AssignmentInfo,
    Boundary,
    CheckResult,
    Curve,
    Diagnosis,
    Environment,
    ExerciseResult,
    Grade,
    Lesson,
    ModelStage,
    Outcome,
    OutputExcerpt,
    Pictures,
    SourceExcerpt,
    SubmissionInfo,
    Timing,
)
from grader.model.submission import Where

TITLES = (
    "Look at the data",
    "Tensors, and a test part",
    "A baseline model",
    "Loss and optimizer",
    "The training loop",
    "A model that can bend",
    "Train it",
    "See what it learned",
    "More than two classes",
)
ENVIRONMENT = Environment(
    seed=42,
    device="cpu",
    python="3.11.9",
    torch="2.13.0",
    grader="1.0",
    platform="Linux x86_64",
    sandbox=("namespaces", "landlock", "seccomp", "rlimits"),
)
MARKERS = "Attributed by the headings above its cells."

LOOP = """\
torch.manual_seed(42)
losses, accuracies = [], []
for epoch in range(1, 201):
    baseline.train()
    logits = baseline(X_train).squeeze()
    loss = loss_fn(logits, y_train)  # logits, not probabilities
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0:
        accuracy = (logits.sigmoid().round() == y_train.unsqueeze(1)).float().mean()
        print(f"Epoch {epoch}: loss {loss:.4f}, accuracy {accuracy:.2%}")
"""
MODEL = """\
class Bent(nn.Module):
    \"\"\"Two hidden layers, with ReLU between them.\"\"\"

    def __init__(self, units: int = 10) -> None:
        super().__init__()
        self.first = nn.Linear(2, units)
        self.second = nn.Linear(units, units)
        self.last = nn.Linear(units, 1)

    def forward(self, x):
        return self.last(torch.relu(self.second(torch.relu(self.first(x)))))
"""


def png(width: int = 96, height: int = 60, padding: int = 0) -> str:
    """A sound PNG in base64: a slope on light ground; `padding` bytes of a comment make it heavier.

    Stored without compression, for what zlib makes of it differs between its builds.
    """
    rows = b"".join(
        b"\0" + bytes(40 if abs(height - y - x * height // width) < 2 else 250 for x in range(width))
        for y in range(height)
    )
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 0)),
    ]
    if padding:
        parts.append((b"tEXt", b"Comment\0" + b"x" * padding))
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in [*parts, (b"IEND", b"")]:
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return base64.b64encode(data).decode()


def check(
    name: str, title: str, weight: float, status: Outcome = Outcome.PASSED, **fields: object
) -> CheckResult:
    share = {Outcome.PASSED: 1.0, Outcome.PARTIAL: 0.5, Outcome.NOT_GRADED: None}.get(status, 0.0)
    points = None if share is None else weight * share
    values = {"points": points, "message": "As asked.", **fields}
    return CheckResult.model_validate(
        {"id": name, "title": title, "status": status, "max_points": weight, **values}
    )


def exercise(
    number: int, *checks: CheckResult, status: Outcome = Outcome.PASSED, **fields: object
) -> ExerciseResult:
    title = TITLES[number - 1] if number else "An improved model"
    earned = [one.points for one in checks if one.points is not None]
    values: dict[str, object] = {"cells": (number,), "attribution": MARKERS, **fields}
    values.setdefault("points", None if status is Outcome.NOT_GRADED else round(sum(earned), 6))
    return ExerciseResult.model_validate(
        {"number": number, "title": title, "status": status, "max_points": 1.0, "checks": checks, **values}
    )


def grade(exercises: tuple[ExerciseResult, ...], name: str = "ana.ipynb", **fields: object) -> Grade:
    points = round(sum(one.points or 0.0 for one in exercises if one.graded), 6)
    values: dict[str, object] = {"status": "graded", "points": points, "grade": 1 + points, **fields}
    return Grade.model_validate(
        {
            "submission": SubmissionInfo(name=name, sha256="9f2c" * 16, kind="notebook"),
            "assignment": AssignmentInfo(
                id="pytorch-classification",
                title="Building classification models with PyTorch",
                version="1.0",
            ),
            "environment": ENVIRONMENT,
            "max_points": 9.0,
            "max_grade": 10.0,
            "exercises": exercises,
            "timing": Timing(total_s=11.2, student_s=10.1),
            **values,
        }
    )


def curve(label: str, start: float, end: float, pace: float = 40.0, wobble: float = 0.0) -> Curve:
    epochs = tuple(float(epoch) for epoch in range(0, 201, 5))
    values = tuple(
        end + (start - end) * math.exp(-epoch / pace) + wobble * math.sin(epoch / 7) for epoch in epochs
    )
    low, high = (tuple(value + shift for value in values) for shift in (-0.03, 0.03))
    return Curve(label=label, epochs=epochs, values=values, low=low, high=high)


def ring(title: str = "Over the training data") -> Boundary:
    """A circle's inside against its outside, with points on two circles."""
    steps = [-1.2 + 2.4 * i / 79 for i in range(80)]
    classes = tuple(
        tuple(int(math.hypot(x, y) + 0.05 * math.sin(6 * math.atan2(y, x)) < 0.9) for x in steps)
        for y in steps
    )
    turns = [(i * 2.399963, i % 2) for i in range(240)]
    points = tuple(
        ((1 - 0.2 * k) * math.cos(a) + 0.04 * math.sin(9 * a), (1 - 0.2 * k) * math.sin(a), k)
        for a, k in turns
    )
    return Boundary(title=title, x_range=(-1.2, 1.2), y_range=(-1.2, 1.2), classes=classes, points=points)


def blobs() -> Boundary:
    """Four quarters with a cloud each."""
    steps = [-10 + 20 * i / 59 for i in range(60)]
    classes = tuple(tuple(2 * (y > 0.3 * x) + (x > -0.4 * y) for x in steps) for y in steps)
    centres = ((-6.0, -5.0), (6.0, -4.0), (-5.0, 6.0), (5.0, 6.0))
    points = tuple(
        (centres[i % 4][0] + 2 * math.sin(i * 1.7), centres[i % 4][1] + 2 * math.cos(i * 2.3), i % 4)
        for i in range(160)
    )
    return Boundary(
        title="Four classes", x_range=(-10, 10), y_range=(-10, 10), classes=classes, points=points
    )


def stages() -> tuple[ModelStage, ...]:
    return (
        ModelStage(kind="input", label="Input", width=2),
        ModelStage(kind="linear", label="Linear 2 → 10", width=10),
        ModelStage(kind="activation", label="ReLU"),
        ModelStage(kind="linear", label="Linear 10 → 10", width=10),
        ModelStage(kind="activation", label="ReLU"),
        ModelStage(kind="linear", label="Linear 10 → 1", width=1),
        ModelStage(kind="output", label="One logit", width=1),
    )


def trained() -> Pictures:
    return Pictures(
        curves=(
            curve("train loss", 0.7, 0.04),
            curve("test loss", 0.71, 0.05, wobble=0.01),
            curve("test accuracy", 0.5, 0.99),
        ),
        boundaries=(ring(), ring("Over the test data")),
        model=stages(),
    )


def _passed(number: int, **fields: object) -> ExerciseResult:
    first = check(f"ex{number}.first", "The first thing asked", 0.6, message="Seen, and right.")
    second = check(f"ex{number}.second", "The second thing asked", 0.4, message="Seen as well.")
    return exercise(number, first, second, summary="All of it is there.", **fields)


def excellent() -> Grade:
    """All nine, with pictures, and an ungraded extra."""
    shapes = OutputExcerpt(cell=1, kind="text", text="torch.Size([2000, 2]) torch.Size([2000])\n")
    source = SourceExcerpt(cell=6, first_line=1, text=MODEL)
    special: dict[int, dict[str, object]] = {
        1: {"outputs": (shapes,)},
        6: {"source": (source,), "pictures": Pictures(model=stages())},
        7: {"pictures": trained()},
        8: {"outputs": (OutputExcerpt(cell=8, kind="image", png_base64=png()),)},
        9: {"pictures": Pictures(boundaries=(blobs(),))},
    }
    extra = exercise(0, graded=False, points=None, max_points=0.0, cells=(10,), summary="Accuracy 99.9 %.")
    return grade((*(_passed(n, **special.get(n, {})) for n in range(1, 10)), extra))


LESSONS = (
    Lesson(
        code="loop-no-zero-grad",
        seen="Gradients of one step are still there at the next.",
        why="Each step then goes by the sum of all gradients so far.",
        mend="Clear them once in every step.",
        example="loss.backward()\n# better:\noptimizer.zero_grad()\nloss.backward()",
        read="https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html",
    ),
    Lesson(
        code="integrity-hardcoded",
        seen="A result does not depend on the data or on the training.",
        why="It would be the same had nothing been learned.",
        mend="Look at where it comes from.",
        example='print("accuracy 0.993")',
        read="https://docs.pytorch.org/integrity",
    ),
)


def mixed() -> Grade:
    """Every outcome, a diagnosis of every severity, and one that is for instructors alone."""
    loop = SourceExcerpt(cell=7, first_line=1, text=LOOP, highlight=(7, 10))
    return grade(
        (
            _passed(1, outputs=(OutputExcerpt(cell=1, kind="text", text="X: (2000, 2), y: (2000,)"),)),
            _split_too_small(),
            _passed(3, pictures=Pictures(model=stages()[:2])),
            _passed(4),
            _no_reset(loop),
            _unjudged(),
            _skipping(),
            exercise(
                8, _absent("ex8.drawn"), status=Outcome.NOT_ATTEMPTED, cells=(), summary="Nothing is drawn."
            ),
            _hardcoded(),
        ),
        status="partly_graded",
        needs_review=True,
        diagnoses=(
            Diagnosis(
                code="run-error",
                severity="info",
                message="Cell 11 raised NameError: name 'axs' is not defined.",
                hint="Restart the kernel and run all cells from the top.",
                where=Where(cell=11, line=2),
            ),
        ),
        notes=("The line `!pip install torchmetrics` in cell 1 was passed over.",),
        lessons=LESSONS,
    )


def _split_too_small() -> ExerciseResult:
    size = Diagnosis(code="data-split-size", severity="part", message="The test part holds 5 % of the rows.")
    split = check(
        "ex2.split",
        "All rows are shared out",
        0.35,
        Outcome.PARTIAL,
        message="The test part is too small to tell anything.",
        expected="10 to 40 % of the rows",
        actual="100 of 2000 rows, 5 %",
        hint="Look at test_size.",
        where=Where(cell=2, line=4),
    )
    rest = check("ex2.tensors", "Four float tensors", 0.65)
    return exercise(2, rest, split, status=Outcome.PARTIAL, diagnoses=(size,), summary="Nearly.")


def _no_reset(loop: SourceExcerpt) -> ExerciseResult:
    reset = Diagnosis(
        code="loop-no-zero-grad",
        severity="fail",
        message="Gradients are never reset, so each step follows the sum of all gradients so far.",
        hint="Call optimizer.zero_grad() once per step, before loss.backward().",
        where=Where(cell=7, line=7),
        link="https://docs.pytorch.org/tutorials/recipes/recipes/zeroing_out_gradients.html",
    )
    learns = check(
        "ex5.learns",
        "The loop trains the baseline as far as a straight line can go",
        0.4,
        Outcome.FAILED,
        message="The loss did not settle: it ended at 1.94, where 0.693 is what a line can reach.",
        expected="a loss of 0.693 ± 0.02",
        actual="1.94 after 200 epochs",
        hint="Each step needs three things in a sound order: gradients cleared, backward, step.",
        where=Where(cell=7, line=7),
    )
    reports = check(
        "ex5.reports",
        "True loss and accuracy are printed",
        0.6,
        Outcome.PARTIAL,
        message="The loss is true; the accuracy compares 1600 by 1600 pairs.",
        where=Where(cell=7, line=10),
    )
    printed = "\n".join(f"Epoch {e}: loss {1.2 + e / 270:.4f}, accuracy 50.00%" for e in range(10, 201, 10))
    pictures = Pictures(curves=(curve("train loss", 0.7, 1.94, wobble=0.1),))
    return exercise(
        5,
        learns,
        reports,
        status=Outcome.PARTIAL,
        diagnoses=(reset,),
        source=(loop,),
        outputs=(
            OutputExcerpt(cell=7, kind="text", text=printed),
            OutputExcerpt(cell=7, kind="image", png_base64=png()),
        ),
        pictures=pictures,
        cells=(7,),
        summary="The loop runs, but it adds up gradients instead of following them.",
    )


def _unjudged() -> ExerciseResult:
    ours = check(
        "ex6.nonlinear",
        "It bends",
        0.5,
        Outcome.NOT_GRADED,
        message="The model could not be read; our fault.",
    )
    return exercise(6, check("ex6.module", "A model", 0.5), ours, status=Outcome.NOT_GRADED)


def _skipping() -> ExerciseResult:
    learns = check("ex7.learns", "The loop trains", 0.7, Outcome.FAILED, message="No step was ever made.")
    accuracy = check(
        "ex7.accuracy",
        "It tells circles apart",
        0.3,
        Outcome.SKIPPED,
        message="Skipped: ex7.learns did not pass.",
    )
    return exercise(7, learns, accuracy, status=Outcome.FAILED, summary="Nothing was trained.")


def _absent(name: str) -> CheckResult:
    return check(name, "A boundary is drawn", 1.0, Outcome.NOT_ATTEMPTED, message="No figure was found.")


def _hardcoded() -> ExerciseResult:
    unseeded = Diagnosis(
        code="data-split-unseeded", severity="warn", message="The split is another one each time."
    )
    secret = Diagnosis(
        code="integrity-hardcoded",
        severity="warn",
        message="The printed accuracy does not depend on the training.",
        where=Where(cell=9, line=3),
    )
    return _passed(9, diagnoses=(unseeded, secret), pictures=Pictures(boundaries=(blobs(),)))


def died() -> Grade:
    """The kernel ran out of memory in cell 3; nothing after it was recorded."""
    absent = tuple(
        exercise(
            n,
            check(f"ex{n}.all", "What was asked", 1.0, Outcome.NOT_ATTEMPTED, message="The kernel had died."),
            status=Outcome.NOT_ATTEMPTED,
            cells=(),
            attribution="",
        )
        for n in range(3, 10)
    )
    error = OutputExcerpt(cell=3, kind="error", text="DeadKernelError: Kernel died")
    death = Diagnosis(
        code="run-died",
        severity="info",
        message="The kernel died in cell 3: it asked for more memory than there is.",
        where=Where(cell=3),
    )
    return grade((_passed(1), _passed(2, outputs=(error,)), *absent), diagnoses=(death,), name="dead.ipynb")


def settled(of: Grade) -> Grade:
    """The same where an instructor set the points of what the machine could not grade, and of one more."""
    when = datetime(2026, 11, 21, tzinfo=UTC)
    ruling = Ruling(points=0.85, reason="seen by eye | [x](y)", who="ada", at=when, machine_points=None)
    return adjusted(of, {5: ruling, 6: ruling}, ())


ATTACK = (
    "\x1b[2J\x1b]0;owned\x07\u202e</title></style></pre><script>alert(1)</script>"
    "<img src=x onerror=alert(1)>\"'><svg onload=alert(1)>{{7*7}}{% raw %}[red]&lt;[/red] \ud7ff]]>"
)


def hostile() -> Grade:
    """Every string that could come from a student is an attack."""
    where = Where(cell=1, line=1)
    diagnosis = Diagnosis(
        code=ATTACK, severity="fail", message=ATTACK, hint=ATTACK, where=where, link="javascript:alert(1)"
    )
    bad = CheckResult(
        id=ATTACK,
        title=ATTACK,
        status=Outcome.FAILED,
        points=0.0,
        max_points=1.0,
        message=ATTACK,
        expected=ATTACK,
        actual=ATTACK,
        hint=ATTACK,
        where=where,
    )
    boundary = ring(ATTACK)
    attacked = ExerciseResult(
        number=1,
        title=ATTACK,
        status=Outcome.FAILED,
        points=0.0,
        max_points=1.0,
        cells=(1,),
        attribution=ATTACK,
        summary=ATTACK,
        checks=(bad,),
        diagnoses=(diagnosis,),
        source=(SourceExcerpt(cell=1, first_line=1, text=f"x = 1 # {ATTACK}\n'''{ATTACK}", highlight=(1,)),),
        outputs=(
            OutputExcerpt(cell=1, kind="text", text=ATTACK),
            OutputExcerpt(cell=1, kind="error", text=ATTACK),
            OutputExcerpt(cell=1, kind="image", text=ATTACK, png_base64='"><script>alert(1)</script>'),
            OutputExcerpt(
                cell=1, kind="image", png_base64=base64.b64encode(b"<svg onload='alert(1)'/>").decode()
            ),
        ),
        pictures=Pictures(
            curves=(curve(ATTACK, 1.0, math.nan), curve(f"{ATTACK} loss", 1.0, 0.2)),
            boundaries=(boundary,),
            model=(ModelStage(kind="other", label=ATTACK, width=3),),
        ),
    )
    return grade((attacked,), name=ATTACK, diagnoses=(diagnosis,), notes=(ATTACK,))


def heavy(outputs: int = 200) -> Grade:
    """200 outputs, half of them pictures of 40 KB each, the others of 20 000 characters."""
    picture = OutputExcerpt(cell=5, kind="image", png_base64=png(padding=40_000))
    words = OutputExcerpt(cell=5, kind="text", text="a line of output\n" * 1200)
    mixture = tuple(picture if i % 2 else words for i in range(outputs // 9 + 1))
    long = SourceExcerpt(cell=5, first_line=1, text="value = compute(value)\n" * 2000, highlight=(1500,))
    drawn = {n: {"pictures": trained()} for n in (5, 7, 8)}
    return grade(tuple(_passed(n, outputs=mixture, source=(long,), **drawn.get(n, {})) for n in range(1, 10)))


SAMPLES = {"excellent": excellent, "mixed": mixed, "hostile": hostile, "died": died}
